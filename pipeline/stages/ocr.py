"""Scene in, scene with its lines of text out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.models.ocr.base import OcrBackend
from pipeline.records import Frame, Region, Scene
from pipeline.stages.cache import StageCache


@dataclass(frozen=True)
class _Lines:
    """Lines of one frame, as the cache keeps them."""

    regions: tuple[Region, ...]


class OcrStage:
    """Reads text.

    Args:
        backend: The OCR backend.
        cache: Where lines are kept.
    """

    def __init__(self, backend: OcrBackend, cache: StageCache | None = None) -> None:
        self.backend = backend
        self.cache = cache or StageCache()

    def check(self) -> None:
        """Check the backend.

        Raises:
            DependencyError: If the OCR package is not installed.
        """
        self.backend.check()

    def __call__(self, scene: Scene) -> Scene:
        """The scene with text regions, frame by frame.

        Raises:
            DependencyError: If the OCR package is not installed.
        """
        regions = [
            replace(region, frame=index)
            for index, frame in enumerate(scene.frames)
            for region in self._read(frame, index)
        ]
        return replace(scene, text_regions=tuple(regions))

    def _read(self, frame: Frame, index: int) -> tuple[Region, ...]:
        identity = self.backend.identity
        if identity is None:
            return tuple(self.backend.read(frame, index))
        return self.cache.record(
            _Lines, "ocr", (identity, frame.digest), lambda: _Lines(tuple(self.backend.read(frame, index)))
        ).regions

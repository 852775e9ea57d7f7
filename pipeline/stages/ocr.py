"""Scene in, scene with its lines of text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.models.ocr.base import OcrBackend
from pipeline.models.stopping import check_goes_on
from pipeline.records import Frame, Region, Scene
from pipeline.stages.cache import StageCache


@dataclass(frozen=True)
class _Lines:
    """Lines of one frame, as cached."""

    regions: tuple[Region, ...]


class OcrStage:
    """Reads text.

    Args:
        backend: The OCR backend.
        cache: Cache of lines.
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
            StoppedError: If nobody waits for it any more; see ``stoppable``.
        """
        regions = [
            replace(region, frame=index)
            for index, frame in enumerate(scene.frames)
            for region in self._read(frame, index)
        ]
        return replace(scene, text_regions=tuple(regions))

    def _read(self, frame: Frame, index: int) -> Sequence[Region]:
        check_goes_on()
        identity = self.backend.identity
        if identity is None:
            return self.backend.read(frame, index)
        key = (identity, frame.digest)
        lines = self.cache.load(_Lines, "ocr", key)
        if lines is None:
            lines = _Lines(tuple(self.backend.read(frame, index)))
            self.cache.save("ocr", key, lines)
        return lines.regions

"""Scene in, scene with one depth map per frame out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from pipeline.models.depth.base import DepthBackend
from pipeline.records import DepthMap, Frame, Scene
from pipeline.records.camera import CameraSource
from pipeline.stages.cache import StageCache, load_or_compute


class DepthStage:
    """Estimates depth for the frames whose depth is not cached.

    Args:
        backend: The depth backend.
        cache: Cache of depth maps.
    """

    def __init__(self, backend: DepthBackend, cache: StageCache | None = None) -> None:
        self.backend = backend
        self.cache = cache or StageCache()

    def check(self) -> None:
        """Check the backend.

        Raises:
            TheodoliteError: If it cannot give depth for any frame.
        """
        self.backend.check()

    def __call__(self, scene: Scene) -> Scene:
        """The scene with depth; a focal length that the network estimated replaces an assumed one.

        Raises:
            DepthError: If a frame has no depth.
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        (scene,) = self.all([scene])
        return scene

    def all(self, scenes: Sequence[Scene]) -> list[Scene]:
        """Several scenes with depth, which is estimated together.

        Raises:
            DepthError: If a frame of one of them has no depth.
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        maps = iter(self._estimate([frame for scene in scenes for frame in scene.frames]))
        return [_with_depth(scene, list(islice(maps, len(scene.frames)))) for scene in scenes]

    def _estimate(self, frames: Sequence[Frame]) -> Sequence[DepthMap]:
        identity, cache = self.backend.identity, self.cache
        if identity is None:
            return self.backend.estimate(frames)
        keys = [(identity, self.backend.frame_key(frame)) for frame in frames]
        return load_or_compute(keys, frames, cache.load_depth, self.backend.estimate, cache.save_depth)


def _with_depth(scene: Scene, maps: Sequence[DepthMap]) -> Scene:
    if not maps:
        return scene
    frames = tuple(_with_focal(frame, depth) for frame, depth in zip(scene.frames, maps, strict=True))
    return replace(scene, frames=frames, depth=tuple(maps))


def _with_focal(frame: Frame, depth: DepthMap) -> Frame:
    if depth.focal_px is None or frame.camera.source not in (CameraSource.ASSUMED, CameraSource.DOUBTFUL):
        return frame
    camera = replace(frame.camera, fx=depth.focal_px, fy=depth.focal_px, source=CameraSource.MODEL)
    return replace(frame, camera=camera)

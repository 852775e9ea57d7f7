"""Scene in, scene with one depth map per frame out."""

from __future__ import annotations

from dataclasses import replace

from pipeline.models.depth.base import DepthBackend
from pipeline.records import Camera, DepthMap, Frame, Scene
from pipeline.records.camera import CameraSource
from pipeline.stages.cache import StageCache


class DepthStage:
    """Estimates depth for the frames that the cache does not know.

    Args:
        backend: The depth backend.
        cache: Where depth maps are kept.
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
            DepthError: If a frame's depth cannot be given.
            ModelUnavailableError: If the model is neither on disk nor reachable.
        """
        identity = self.backend.identity
        maps = self.backend.estimate(scene.frames) if identity is None else self._estimate(scene, identity)
        if not maps:
            return scene
        frames = tuple(_with_focal(frame, depth) for frame, depth in zip(scene.frames, maps, strict=True))
        return replace(scene, frames=frames, depth=tuple(maps))

    def _estimate(self, scene: Scene, identity: str) -> list[DepthMap]:
        keys = [(identity, self.backend.frame_key(frame)) for frame in scene.frames]
        known = {
            key: found
            for key, frame in zip(keys, scene.frames, strict=True)
            if (found := self.cache.load_depth(key)) is not None and found.shape == (frame.height, frame.width)
        }
        missing = {key: frame for key, frame in zip(keys, scene.frames, strict=True) if key not in known}
        if missing:
            for key, depth in zip(missing, self.backend.estimate(list(missing.values())), strict=True):
                self.cache.save_depth(key, depth)
                known[key] = depth
        return [known[key] for key in keys]


def _with_focal(frame: Frame, depth: DepthMap) -> Frame:
    if depth.focal_px is None or frame.camera.source is not CameraSource.ASSUMED:
        return frame
    camera: Camera = replace(frame.camera, fx=depth.focal_px, fy=depth.focal_px, source=CameraSource.MODEL)
    return replace(frame, camera=camera)

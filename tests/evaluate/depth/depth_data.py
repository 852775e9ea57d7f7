"""Small data sets with depth ground truth, made by the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.datasets.base import DepthDataset, DepthSample
from pipeline.evaluate.depth.moments import Moments
from pipeline.records import DepthMap, Frame, Scene
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import InputError

SIZE_PX = (48, 64)


def sample_of(number: int, *, error: float = 0.1, groups: int = 8, kind: str = "disparity_affine") -> DepthSample:
    """A slope with a nearer square; its given depth is a prediction with about that relative error."""
    rng = np.random.default_rng(number)
    height, width = SIZE_PX
    truth_m = np.linspace(2, 8, height)[::-1, None].repeat(width, 1)
    truth_m[20:36, 16:40] = 1.5
    smooth = np.cos(np.linspace(0, 6, width))[None] * np.cos(np.linspace(0, 4, height))[:, None]
    wrong_m = truth_m * np.exp(error * (smooth + 0.2 * rng.normal(size=truth_m.shape)))
    values = 3 / wrong_m + 0.5 if kind == "disparity_affine" else wrong_m
    scale_source = "model" if kind == "metric" else "none"
    frame = Frame(
        rng.integers(0, 255, (height, width, 3), dtype=np.uint8),
        Camera.from_fov(width, height, 60, CameraSource.GIVEN),
        given_depth=DepthMap.from_values(values, kind, scale_source, "simulated"),
        name=f"image {number}",
    )
    truth = DepthMap.from_values(truth_m, "metric", "sensor", "truth")
    return DepthSample(f"image {number}", frame, truth, group=f"place {number % groups}")


class MadeDataset(DepthDataset[int]):
    """Numbered images, some of which cannot be read.

    Args:
        count: How many.
        broken: Numbers of those that cannot be read.
        error: Relative error of the predictions; a number, or one per image.
        kind: Kind of the predictions.
    """

    name = "made"

    def __init__(
        self,
        count: int = 8,
        broken: Sequence[int] = (),
        error: float | Sequence[float] = 0.1,
        kind: str = "disparity_affine",
    ) -> None:
        super().__init__()
        self.count, self.broken, self.error, self.kind = count, set(broken), error, kind
        self.reads: list[int] = []

    def entries(self) -> Sequence[int]:
        """The numbers."""
        return range(self.count)

    def entry_name(self, entry: int) -> str:
        """The image's name."""
        return f"image {entry}"

    def sample(self, entry: int) -> DepthSample:
        """Make one image."""
        self.reads.append(entry)
        if entry in self.broken:
            raise InputError(f"Picture {entry} is cut short; copy it again.")
        error = self.error if isinstance(self.error, int | float) else self.error[entry]
        return sample_of(entry, error=error, kind=self.kind)


def given(scene: Scene) -> Scene:
    """A depth stage that passes on the given depth of the frames."""
    return replace(scene, depth=tuple(frame.given_depth for frame in scene.frames if frame.given_depth is not None))


def pooled(parts: Sequence[Moments]) -> Moments:
    """Sum of the moments of images with the same names of moments."""
    return {
        name: tuple(map(sum, zip(*(part[name] for part in parts), strict=True)))
        if isinstance(parts[0][name], tuple)
        else sum(part[name] for part in parts)
        for name in parts[0]
    }

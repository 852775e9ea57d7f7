"""Analytic scenes with known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.records import DepthKind, DepthMap, Frame, Region, Scene
from pipeline.records.camera import Camera

METRIC, SHAPE, DEPTH, DISPARITY = DepthKind
WIDTH, HEIGHT = 160, 120
RGB = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
CAMERA = Camera(150.0, 150.0, 79.5, 59.5, WIDTH, HEIGHT)

# label: (box, depth [m]); drawn from far to near. "screen" hides a part of "cabinet", nothing touches "lamp".
OBJECTS = {
    "cabinet": ((60, 30, 110, 100), 2.0),
    "screen": ((30, 50, 75, 95), 1.2),
    "lamp": ((125, 20, 145, 60), 1.5),
    "cup": ((10, 10, 26, 30), 0.8),
}
WALL_M = 3.0


def thousandths(box_px: tuple[float, ...], size_px: tuple[int, int] = (WIDTH, HEIGHT)) -> list[int]:
    """A box in an image of a width and height, as Qwen3-VL gives it."""
    return [round(1000 * edge / side) for edge, side in zip(box_px, size_px * 2, strict=True)]


def flat(*objects: tuple[tuple[int, int, int, int], float], wall_m: float = WALL_M) -> np.ndarray:
    """z of a wall with flat rectangles before it, drawn in order, float64 (HEIGHT, WIDTH) [m]."""
    values = np.full((HEIGHT, WIDTH), wall_m)
    for (left, top, right, bottom), z in objects:
        values[top:bottom, left:right] = z
    return values


def inside(box_px: tuple[int, int, int, int]) -> np.ndarray:
    """The pixels of a box, bool (HEIGHT, WIDTH)."""
    return flat((box_px, 1.0), wall_m=0.0) > 0


def depth_m() -> np.ndarray:
    """z of every pixel, float64 (HEIGHT, WIDTH) [m]."""
    return flat(*OBJECTS.values())


def regions(**masks: np.ndarray) -> tuple[Region, ...]:
    """One region per object, with a mask where one is given."""
    return tuple(Region(label, tuple(map(float, box)), mask=masks.get(label)) for label, (box, _) in OBJECTS.items())


def as_kind(values_m: np.ndarray, kind: DepthKind, scale: float = 1.0, shift: float = 0.0) -> DepthMap:
    """A depth map of the given kind of the same scene."""
    if kind is DepthKind.DISPARITY_AFFINE:
        return DepthMap.from_values(scale / values_m + shift, kind)
    if kind is DepthKind.METRIC:
        return DepthMap.from_values(values_m, kind, "sensor")
    return DepthMap.from_values(scale * values_m + (shift if kind is DepthKind.DEPTH_AFFINE else 0.0), kind)


def scene(depth: DepthMap | None = None, camera: Camera = CAMERA, frames: int = 1) -> Scene:
    """The scene, with metric depth unless another is given."""
    depth = depth if depth is not None else as_kind(depth_m(), DepthKind.METRIC)
    frame = Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), camera, name="analytic")
    named = tuple(replace(frame, name=f"analytic {index + 1}") for index in range(frames))
    return Scene("analytic", named, depth=(depth,) * frames)

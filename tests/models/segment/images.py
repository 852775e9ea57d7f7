"""Images with shapes whose pixels are known, and boxes around them."""

from __future__ import annotations

import numpy as np

from pipeline.geometry.regions import mask_box
from pipeline.records import Frame, Region
from pipeline.records.camera import Camera


def disc(shape: tuple[int, int], centre: tuple[float, float], radius_px: float) -> np.ndarray:
    """The pixels of a disc, bool (H, W); the centre is (row, column)."""
    rows, columns = np.indices(shape)
    inside: np.ndarray = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius_px**2
    return inside


def textured(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A noisy green image, uint8 (H, W, 3)."""
    noise = np.random.default_rng(seed).normal(0, 18, (*shape, 3))
    return np.clip(noise + np.array((70, 120, 60)), 0, 255).astype(np.uint8)


def painted(rgb: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int], seed: int = 1) -> np.ndarray:
    """The image with noisy colour where the mask is."""
    noise = np.random.default_rng(seed).normal(0, 18, rgb.shape)
    return np.where(mask[..., None], np.clip(noise + colour, 0, 255), rgb).astype(np.uint8)


def frame(rgb: np.ndarray) -> Frame:
    height, width = rgb.shape[:2]
    return Frame(rgb, Camera.from_fov(width, height, 60), name=f"{width}x{height}")


def around(mask: np.ndarray, label: str = "object", grow_px: float = 0.0) -> Region:
    """The region of a mask's tight box, or of one that is larger to every side."""
    box = mask_box(mask)
    assert box is not None
    left, top, right, bottom = box
    return Region(label, (left - grow_px, top - grow_px, right + grow_px, bottom + grow_px))


def iou(first: np.ndarray | None, second: np.ndarray) -> float:
    """Intersection over union of two masks."""
    assert first is not None
    return float(np.count_nonzero(first & second) / np.count_nonzero(first | second))

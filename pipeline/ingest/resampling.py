"""Resampling of images, masks and depth.

Convention: the outer edges of the image stay where they are, as in ``Camera.resized``.
Sizes are (width, height) [px], the order of OpenCV.
"""

from __future__ import annotations

import cv2
import numpy as np

ASPECT_TOLERANCE = 0.02

Size = tuple[int, int]


def size_of(image: np.ndarray) -> Size:
    """(width, height) [px] of an array (H, W, ...)."""
    return image.shape[1], image.shape[0]


def bounded_size(size: Size, max_side_px: int) -> Size:
    """The size, shrunk until its longer side is at most ``max_side_px``; 0 keeps it."""
    longest = max(size)
    if max_side_px == 0 or longest <= max_side_px:
        return size
    return max(1, round(size[0] * max_side_px / longest)), max(1, round(size[1] * max_side_px / longest))


def same_aspect(size: Size, other: Size) -> bool:
    """Whether two sizes have the same ratio of width to height, within 2 %."""
    ratio = size[0] * other[1] / (size[1] * other[0])
    return abs(ratio - 1) <= ASPECT_TOLERANCE


def resize_rgb(rgb: np.ndarray, size: Size) -> np.ndarray:
    """Shrink an image uint8 (H, W, 3) by averaging areas."""
    return rgb if size_of(rgb) == size else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def resize_nearest(array: np.ndarray, size: Size) -> np.ndarray:
    """Resample an array (H, W): each new pixel takes the value of the old pixel under its centre."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip(size[::-1], array.shape, strict=True)
    )
    resized: np.ndarray = array[np.ix_(rows, columns)]
    return resized


def resize_depth(values: np.ndarray, valid: np.ndarray, size: Size, *, nearest: bool) -> tuple[np.ndarray, np.ndarray]:
    """Resample depth without mixing in invalid pixels.

    Args:
        values: float32 (H, W).
        valid: bool (H, W).
        size: New (width, height) [px].
        nearest: Take the nearest pixel instead of interpolating linearly between the valid ones.

    Returns:
        Values and validity of the new size; validity is that of the nearest pixel.
    """
    new_valid = resize_nearest(valid, size)
    if nearest:
        return resize_nearest(values, size), new_valid
    weighted = cv2.resize(np.where(valid, values, 0).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    weight = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.divide(weighted, weight, out=np.zeros_like(weighted), where=new_valid), new_valid

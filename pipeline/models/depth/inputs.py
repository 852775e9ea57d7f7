"""What depth networks see of a frame: the size of their input, and its normalised pixels."""

from __future__ import annotations

import numpy as np

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_LONGEST_SIDE_RATIO = 4  # Bounds the memory that a panorama takes: attention is quadratic in its area.


def network_size(
    height: int, width: int, side: int | tuple[int, int], keep_aspect_ratio: bool, multiple: int = 32
) -> tuple[int, int]:
    """Size to which a frame is resized for the network.

    With the aspect ratio kept, the side that changes least becomes as long as that of the network (MiDaS' method
    "minimal"), and the other follows, up to four times as long.

    Args:
        height: Height of the frame [px].
        width: Width of the frame [px].
        side: Side of the squares, or (height, width) of the images, that the network was trained on [px].
        keep_aspect_ratio: Whether the network takes other shapes than squares.
        multiple: What both sides are multiples of: the stride of the network's coarsest features [px].

    Returns:
        (height, width) [px].

    >>> network_size(480, 640, 512, keep_aspect_ratio=True)
    (512, 672)
    >>> network_size(480, 640, 518, keep_aspect_ratio=True, multiple=14)
    (518, 686)
    >>> network_size(480, 640, 384, keep_aspect_ratio=False)
    (384, 384)
    """
    sides = (side, side) if isinstance(side, int) else side
    if not keep_aspect_ratio:
        return sides
    scale = min(sides[0] / height, sides[1] / width, key=lambda candidate: abs(1 - candidate))
    limit = _LONGEST_SIDE_RATIO * max(sides)
    return nearest_multiple(height * scale, multiple, limit), nearest_multiple(width * scale, multiple, limit)


def size_within(height: int, width: int, side: int, multiple: int) -> tuple[int, int]:
    """Size to which a frame is resized so that its longer side becomes ``side`` (MiDaS' method "upper_bound").

    Args:
        height: Height of the frame [px].
        width: Width of the frame [px].
        side: Length of the longer side [px], a multiple of ``multiple``.
        multiple: What both sides are rounded to multiples of [px].

    Returns:
        (height, width) [px].

    >>> size_within(480, 640, 384, multiple=32)
    (288, 384)
    """
    scale = side / max(height, width)
    return nearest_multiple(height * scale, multiple, side), nearest_multiple(width * scale, multiple, side)


def nearest_multiple(length_px: float, multiple: int, limit_px: float = np.inf) -> int:
    """The nearest multiple, at least one and at most the limit."""
    largest = limit_px // multiple * multiple
    return int(min(max(round(length_px / multiple) * multiple, multiple), largest))


def normalised(images: np.ndarray) -> np.ndarray:
    """Images with the mean and deviation of ImageNet taken out.

    Args:
        images: float32 (..., h, w, 3), 0 to 1.

    Returns:
        float32 (..., 3, h, w).
    """
    return np.ascontiguousarray(np.moveaxis((images - _MEAN) / _DEVIATION, -1, -3))

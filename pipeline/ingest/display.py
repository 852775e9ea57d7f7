"""How a player shows the pixels of a video: turned, mirrored, and with square pixels."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import cv2
import numpy as np

logger = logging.getLogger(__name__)

# The eight linear parts (a, b, c, d) that only exchange and mirror the axes.
_ORIENTATIONS = tuple(
    matrix for first in (1, -1) for second in (1, -1) for matrix in ((first, 0, 0, second), (0, first, second, 0))
)
# The cosine of one degree, within which FFmpeg takes a rotation for a quarter turn.
_SAME_ORIENTATION = math.cos(math.radians(1))
# Beyond those of every standard, from 2:3 VCD stills to anamorphic 2:1 film; others are errors of a writer.
_WIDEST_PIXEL = 4.0


def shown(rgb: np.ndarray, matrix: Sequence[int] | None = None, pixel_aspect: float = 1.0) -> np.ndarray:
    """The picture that a player shows for a decoded frame.

    Convention: the matrix maps a stored point as a row vector, ``(p', q') = (a p + c q + x, b p + d q + y)`` with p to
    the right and q down; only the orientation of its linear part counts, because the shown picture starts at (0, 0)
    and players fold its scale into the shape of the pixels. See FFmpeg's ``libavutil/display.h``
    (https://ffmpeg.org/doxygen/trunk/group__lavu__video__display.html) and ISO/IEC 14496-12, ``tkhd``.

    Args:
        rgb: uint8 (H, W, 3), as decoded.
        matrix: The nine numbers a, b, u, c, d, v, x, y, w of a display matrix, or None.
        pixel_aspect: Width of a stored pixel by its height; 0 is unknown, taken as 1.

    Returns:
        uint8 (H', W', 3) with square pixels; the longer side of a pixel is resampled, so that no row or column is
        lost. A matrix between two orientations counts as the nearest one, with a warning.
    """
    a, b, c, d = orientation(matrix)
    squared = _square_pixels(rgb, pixel_aspect)
    turned = squared.swapaxes(0, 1) if a == 0 else squared
    across, down = (a, d) if a else (c, b)
    return turned[::down, ::across].copy()


def orientation(matrix: Sequence[int] | None) -> tuple[int, int, int, int]:
    """The parts a, b, c, d of a display matrix, each -1, 0 or 1, of the orientation nearest to it."""
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d = (float(number) for number in matrix[:5])
    columns = math.hypot(a, c), math.hypot(b, d)
    if 0 in columns:
        logger.warning("The display matrix of the video is singular; its frames are left as they are stored.")
        return 1, 0, 0, 1
    scaled = (a / columns[0], b / columns[1], c / columns[0], d / columns[1])

    def likeness(candidate: tuple[int, int, int, int]) -> float:
        return sum(one * other for one, other in zip(candidate, scaled, strict=True)) / 2

    nearest = max(_ORIENTATIONS, key=likeness)
    if likeness(nearest) < _SAME_ORIENTATION:
        logger.warning(
            "The display matrix of the video is no quarter turn or mirror (%.2f, %.2f, %.2f, %.2f); "
            "its frames are shown in the nearest orientation, so they may be tilted.",
            *scaled,
        )
    return nearest


def _square_pixels(rgb: np.ndarray, pixel_aspect: float) -> np.ndarray:
    height, width = rgb.shape[:2]
    if pixel_aspect == 0:
        return rgb
    if not 1 / _WIDEST_PIXEL <= pixel_aspect <= _WIDEST_PIXEL:
        logger.warning("The video states pixels %g times as wide as high; they are taken as square.", pixel_aspect)
        return rgb
    size = round(width * max(pixel_aspect, 1)), round(height / min(pixel_aspect, 1))
    return rgb if size == (width, height) else cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)

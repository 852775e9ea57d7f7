"""The level surface at an object's foot, or the object that it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.objects import levels_of
from pipeline.geometry.robust import LITTLE

if TYPE_CHECKING:
    from pipeline.verify.rules.object_view import ObjectView

# The foot of an object: what is within this share of its region's height from the lowest pixel.
_FOOT_SHARE = 0.35
_FEWEST_FOOT_PX = 4
# A surface at the foot rises less than this.
_LEVEL_SLOPE = 0.25


@dataclass(frozen=True)
class Support:
    """The level surface at an object's foot.

    Args:
        height: Its height above the camera, in the depth's unit.
        pixels: int (N, 2), rows and columns of it [px of the frame].
        share: Share of the object's lower boundary along which there is such a surface.
    """

    height: float
    pixels: np.ndarray
    share: float


def find_support(item: ObjectView) -> Support | None:
    """The level surface right below an object in the image; None where none is seen or up is not known.

    Raises:
        CannotMeasure: If too few of its pixels have depth.
    """
    view, own = item.view, item.heights
    if view.up is None or own is None:
        return None
    found, whole = item.pixels, item.whole
    columns = np.flatnonzero(whole.any(axis=0))
    # The lowest pixel of every column.
    rows = whole.shape[0] - 1 - whole[::-1, columns].argmax(axis=0)
    lowest = rows.max() - _FOOT_SHARE * whole.shape[0]
    columns, rows = columns[rows >= lowest], rows[rows >= lowest]
    step = view.settings.edge_px + 1
    height = view.depth.shape[0]
    rows, columns = rows + found.window.top, columns + found.window.left
    places = [(rows + step * count, columns) for count in (1, 2, 3)]
    inside = places[-1][0] < height
    if np.count_nonzero(inside) < _FEWEST_FOOT_PX:
        return None
    points = []
    valid = np.ones(np.count_nonzero(inside), dtype=bool)
    for y, x in places:
        y, x = y[inside], x[inside]
        valid &= view.depth.valid[y, x]
        points.append(
            back_project_pixels(x, y, np.where(view.depth.valid[y, x], view.depth.values[y, x], 1), view.camera)
        )
    near, far = points[0], points[-1]
    heights = near @ view.up.direction
    along = np.linalg.norm(near - far, axis=1)
    slope = np.abs(heights - far @ view.up.direction) / np.maximum(along, 1e-9)
    low, high = float(own[len(own) // 100]), float(own[-1 - len(own) // 100])
    noise = 3 * item.pixel_noise * item.z
    slack = LITTLE * (high - low) + 2 * item.z / view.camera.fy + noise
    level = valid & (slope < _LEVEL_SLOPE + noise / np.maximum(along, 1e-9)) & (heights < low + slack)
    if np.count_nonzero(level) < _FEWEST_FOOT_PX:
        return None
    # A carrier lies higher than what is seen beside it.
    height_of = float(levels_of(heights[level], 0.75))
    bearing = level & (np.abs(heights - height_of) < slack)
    pixels = np.stack((places[0][0][inside][bearing], places[0][1][inside][bearing]), axis=1)
    return Support(height_of, pixels, float(np.count_nonzero(bearing) / len(columns)))


def stacked(subject: ObjectView, other: ObjectView) -> int:
    """1 where the subject's lower end is as high as the object's upper end, -1 the other way round, 0 otherwise."""
    first, second = subject.heights, other.heights
    if first is None or second is None:
        return 0
    (low, high), (other_low, other_high) = (
        (float(heights[len(heights) // 50]), float(heights[-len(heights) // 50 - 1])) for heights in (first, second)
    )
    slack = LITTLE * min(high - low, other_high - other_low)
    slack += 3 * subject.pixel_noise * subject.z + 3 * subject.z / subject.view.camera.fy
    if abs(low - other_high) < slack and high > other_high:
        return 1
    return -1 if abs(other_low - high) < slack and other_high > high else 0

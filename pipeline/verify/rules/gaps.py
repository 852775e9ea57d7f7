"""The gap between two objects, bounded from both sides by what is visible of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.geometry.extents import nearest_points
from pipeline.geometry.objects import shared_pixels
from pipeline.geometry.regions import boxes_gap
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.view import FrameView

# Two objects that share more of the smaller one's pixels are not told apart by depth.
_SHARED = 0.05


@dataclass(frozen=True, eq=False)
class Gap:
    """Distance between the nearest points of two objects, in metres or in the depth's own unit.

    Args:
        least: Lower bound: the gap in the image, and the visible gap less what the nearer object's hidden
            back can fill, which is taken to be at most as deep as the object's larger visible side.
        visible: Upper bound: distance of the nearest visible points.
        first: Nearest visible point of the first, float64 (3,).
        second: The same of the second.
    """

    least: float
    visible: float
    first: np.ndarray
    second: np.ndarray


def gap_between(view: FrameView, first: int, second: int) -> Gap:
    """Bound the gap between two regions' objects.

    Raises:
        CannotMeasure: If the depth has no shape, an object too few pixels, or depth does not separate them.
    """
    objects = view.object(first), view.object(second)
    smaller = min(int(np.count_nonzero(item.mask)) for item in objects)
    if shared_pixels(*objects) > _SHARED * smaller:
        raise CannotMeasure(
            f"Depth does not separate {view.label(first)!r} from {view.label(second)!r}.", "masks of the two"
        )
    near_first, near_second = nearest_points(view.points(first), view.points(second))
    visible = float(np.linalg.norm(near_first - near_second))
    z_first, z_second = view.z(first), view.z(second)
    nearer = first if z_first < z_second else second
    beside_px = boxes_gap(view.box_px(first), view.box_px(second))
    beside = beside_px * min(z_first, z_second) / view.camera.fx
    return Gap(max(0.0, beside, visible - _larger_side(view, nearer)), visible, near_first, near_second)


def _larger_side(view: FrameView, index: int) -> float:
    """Larger visible side of an object, in the depth's unit."""
    left, top, right, bottom = view.box_px(index)
    return max((right - left) / view.camera.fx, (bottom - top) / view.camera.fy) * view.z(index)

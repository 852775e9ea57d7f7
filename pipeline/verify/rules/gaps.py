"""Bounds of the gap between two objects, from their visible parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.geometry.candidates import LEAST_SHARE
from pipeline.geometry.extents import nearest_points
from pipeline.geometry.objects import shared_pixels
from pipeline.geometry.regions import boxes_gap
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.object_view import ObjectView


@dataclass(frozen=True, eq=False)
class Gap:
    """Distance between the nearest points of two objects, in metres or in the depth's own unit.

    Args:
        least: Lower bound: the gap in the image, and the visible gap less what the nearer object's hidden
            back can fill, which is assumed to be at most as deep as the object's larger visible side.
        visible: Upper bound: distance of the nearest visible points.
        first: Nearest visible point of the first, float64 (3,).
        second: The same of the second.
    """

    least: float
    visible: float
    first: np.ndarray
    second: np.ndarray


def gap_between(first: ObjectView, second: ObjectView) -> Gap:
    """Bound the gap between two regions' objects.

    Raises:
        CannotMeasure: If the depth has no shape, an object too few pixels, or depth does not separate them.
    """
    objects = first.pixels, second.pixels
    smaller = min(int(np.count_nonzero(item.mask)) for item in objects)
    if shared_pixels(*objects) > LEAST_SHARE * smaller:
        raise CannotMeasure("not_separated", "needs_masks", first=first.label, second=second.label)
    near_first, near_second = nearest_points(first.points, second.points)
    visible = float(np.linalg.norm(near_first - near_second))
    nearer = first if first.z < second.z else second
    beside = boxes_gap(first.box_px, second.box_px) * nearer.z / first.view.camera.fx
    return Gap(max(0.0, beside, visible - _larger_side(nearer)), visible, near_first, near_second)


def gap_either_way(first: ObjectView, second: ObjectView) -> Gap:
    """The gap with the same bounds and points for (a, b) and (b, a), its ends in the order of the arguments.

    Raises:
        CannotMeasure: See ``gap_between``.
    """
    if first.order < second.order:
        return gap_between(first, second)
    gap = gap_between(second, first)
    return replace(gap, first=gap.second, second=gap.first)


def _larger_side(item: ObjectView) -> float:
    """Larger visible side of an object, in the depth's unit."""
    left, top, right, bottom = item.box_px
    camera = item.view.camera
    return max((right - left) / camera.fx, (bottom - top) / camera.fy) * item.z

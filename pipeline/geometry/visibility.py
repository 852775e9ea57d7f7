"""Where an object continues unseen, and how far its visible part reaches.

Convention: as in ``geometry.occlusion``: nearness is linear on planes; arrays are windows of one frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Pixels over which the outward direction of a boundary is measured [px].
_SMOOTH_PX = 3
# Widest hole in the depth beside a boundary that is looked over [px].
_HOLE_PX = 5
# The ends of an object: this share of its extent, at either side.
_END_SHARE = 0.04
# So many points, or this share of them, may lie beyond either end.
_OUTERMOST, _OUTERMOST_SHARE = 1, 0.001
# An end is open where so much of it lies beside an open boundary.
_OPEN_SHARE = 0.45


def open_boundary(
    near: np.ndarray, valid: np.ndarray, mask: np.ndarray, *, edge_px: int, least: float, relative: bool
) -> np.ndarray:
    """Boundary pixels of an object where something nearer begins, behind which the object may continue.

    Depth is read at two distances outside. A surface that only leads up to the object, such as a table to a cup's
    foot, is recognised by extending it to the boundary.

    Args:
        near: float64 (h, w), nearness (see ``geometry.occlusion.nearness``) with some pixels around the object.
        valid: bool (h, w), where it is known.
        mask: bool (h, w), the object's pixels.
        edge_px: Pixels on both sides of the boundary that are not read [px].
        least: How much nearer the other must be: as a share of the nearness, or in its unit.
        relative: Whether that is a share.

    Returns:
        bool (h, w), a subset of the mask's boundary pixels.
    """
    height, width = mask.shape
    inside = mask.astype(np.uint8)
    boundary = mask & ~cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
    rows, columns = np.nonzero(boundary)
    side = 2 * _SMOOTH_PX + 1
    smooth = cv2.boxFilter(inside.astype(np.float64), cv2.CV_64F, (side, side), borderType=cv2.BORDER_REPLICATE)
    out_x = -cv2.Sobel(smooth, cv2.CV_64F, 1, 0)[rows, columns]
    out_y = -cv2.Sobel(smooth, cv2.CV_64F, 0, 1)[rows, columns]
    length = np.hypot(out_x, out_y)
    steady = length > 1e-9
    out_x, out_y = out_x / np.maximum(length, 1e-9), out_y / np.maximum(length, 1e-9)
    step = edge_px + 1.5
    flat_near, flat_valid, flat_mask = near.ravel(), valid.ravel(), mask.ravel()

    def at(distance: float, which: np.ndarray | slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        x = np.rint(columns[which] + distance * out_x[which]).astype(int)
        y = np.rint(rows[which] + distance * out_y[which]).astype(int)
        inside_x, inside_y = np.minimum(np.maximum(x, 0), width - 1), np.minimum(np.maximum(y, 0), height - 1)
        within = (x == inside_x) & (y == inside_y)
        place = inside_y * width + inside_x
        known = within & flat_valid[place]
        return np.where(known, flat_near[place], np.nan), flat_mask[place]

    def first_known(distance: float, which: np.ndarray | slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        values, own = at(distance, which)
        places = np.arange(len(rows))[which]
        # Sensors have no depth beside a step; the next known depth stands for it.
        for further in range(1, _HOLE_PX + 1):
            missing = np.flatnonzero(np.isnan(values))
            if len(missing) == 0:
                break
            values[missing], own[missing] = at(distance + further, places[missing])
        return values, own

    inner, is_own = at(-step)
    inner = np.where(is_own & np.isfinite(inner), inner, np.where(valid[rows, columns], near[rows, columns], np.nan))
    first, own_first = first_known(step)
    least_here = least * np.abs(inner) if relative else np.full(len(rows), least)
    with np.errstate(invalid="ignore"):
        nearer = np.flatnonzero((first - inner > least_here) & ~own_first & steady)
    second, own_second = first_known(2 * step, nearer)
    extended = np.where(np.isfinite(second) & ~own_second, 2 * first[nearer] - second, first[nearer])
    nearer = nearer[extended - inner[nearer] > least_here[nearer]]
    found = np.zeros(mask.shape, dtype=bool)
    found[rows[nearer], columns[nearer]] = True
    return found


@dataclass(frozen=True)
class Reach:
    """How far the visible part of an object reaches along an axis.

    Args:
        low: Smallest coordinate, in the unit of the points.
        high: Largest coordinate.
        low_open: Whether the object may continue below.
        high_open: Whether it may continue above.
    """

    low: float
    high: float
    low_open: bool
    high_open: bool

    @property
    def length(self) -> float:
        """Visible extent."""
        return self.high - self.low

    @property
    def is_open(self) -> bool:
        """Whether the extent is only a lower bound."""
        return self.low_open or self.high_open


def reach(coordinates: np.ndarray, is_open: np.ndarray) -> Reach:
    """How far points reach, and whether the outermost of them lie beside an open boundary.

    Args:
        coordinates: float (N,), coordinate of every point along the axis.
        is_open: bool (N,), whether the point lies next to an open boundary.
    """
    beyond = max(_OUTERMOST, int(_OUTERMOST_SHARE * len(coordinates)))
    kept = min(beyond, len(coordinates) - 1)
    ordered = np.partition(coordinates, (kept, len(coordinates) - 1 - kept))
    low, high = ordered[kept], ordered[-1 - kept]
    band = _END_SHARE * (high - low)
    ends = coordinates <= low + band, coordinates >= high - band
    return Reach(float(low), float(high), *(_is_open(is_open[end]) for end in ends))


def _is_open(end: np.ndarray) -> bool:
    return int(np.count_nonzero(end)) > _OPEN_SHARE * len(end)

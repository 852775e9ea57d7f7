"""Ownership of the contour that two regions share.

Where one object hides another, the boundary between their visible parts belongs to the nearer one: the depth steps
back across it. Each surface is continued to the boundary by a plane fitted to its own side, a little away from the
boundary, where a depth map does not mix the two; the step is the difference of the two continuations. A surface
that only leads up to an object, such as a table to a cup's foot, therefore shows no step.

Convention: *nearness* is a coordinate in which planes of space are linear in the pixel, as 1/z and disparity are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.geometry.objects import QUANTILES, ObjectPixels, dilate, erode, levels_of
from pipeline.geometry.outlines import hull_of
from pipeline.geometry.robust import CLEAR, FEWEST, STRAYS
from pipeline.records import DepthKind

# What is beside a boundary: within this share of the smaller object's side, at least so many pixels.
_BESIDE_SHARE, _LEAST_BESIDE_PX = 0.1, 4
# Largest gain of variance of a one-sided fit; beyond, the plane is not continued.
_LARGEST_GAIN = 25.0
# The boundary may lie this far from where the masks put it [px].
_PLACE_PX = 2.5
# The band around a boundary: a share of the smaller object's side, in these bounds [px].
_BAND_SHARE, _BAND_PX = 0.3, (8, 60)
_FEWEST_AROUND = 20
# Quantiles that bands beside objects are compared by.
_LEVELS = np.linspace(STRAYS, 1 - STRAYS, QUANTILES)
RISE = 0.3
"""What is above its neighbour: the sine of the direction in the image."""
# Weight of a hollow below an object where up is unknown.
_UNKNOWN_LEVEL = 0.3


@dataclass(frozen=True, eq=False)
class Contour:
    """The shared boundary of two objects, pixel by pixel.

    Args:
        steps: float64 (N,), how much nearer the first surface is than the second where they meet: the difference of
            order coordinates (relative where z is known up to scale).
        gains: float64 (N,), variance of a step over that of one pixel.
        bends: float64 (N,), error of a step for each pixel that the boundary is out of place, same unit.
        folds: float64 (N,), how much the first surface falls behind the second's continuation per pixel away from
            the boundary; positive where the two form a hollow, such as a cup and its table.
        rises: float64 (N,), sine of the direction from the second to the first in the image, 1 where the first is
            above.
        first_planes: float64 (N, 3), nearness of the first's plane at the pixel and its slopes along x and y [1/px].
        second_planes: The same of the second.
        pixels: float64 (N, 2), the pixels (u, v) of the arrays given, which may be a window of a frame.
        length_px: Approximate length of the boundary [px].
    """

    steps: np.ndarray
    gains: np.ndarray
    bends: np.ndarray
    folds: np.ndarray
    rises: np.ndarray
    first_planes: np.ndarray
    second_planes: np.ndarray
    pixels: np.ndarray
    length_px: float

    def swapped(self) -> Contour:
        """The same boundary with the two objects exchanged."""
        return replace(
            self,
            steps=-self.steps,
            rises=-self.rises,
            first_planes=self.second_planes,
            second_planes=self.first_planes,
        )


_NO_NUMBERS, _NO_PLANES = np.empty(0), np.empty((0, 3))
_NONE = Contour(
    _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_PLANES, _NO_PLANES, np.empty((0, 2)), 0.0
)


def beside_px(side_px: float) -> int:
    """Width of the band beside a boundary that is read, for the side of the smaller object [px]."""
    return max(_LEAST_BESIDE_PX, round(_BESIDE_SHARE * side_px))


def separate(first: ObjectPixels, second: ObjectPixels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give every pixel that both objects claim to the one whose depth it fits better.

    Args:
        first: One object.
        second: The other, of the same frame.

    Returns:
        The order coordinate, float32 (h, w), in their common window, and one bool (h, w) mask each.
    """
    window = first.window.union(second.window)
    coordinate = np.zeros(window.shape, dtype=np.float32)
    masks = []
    for item in (first, second):
        place = item.window.within(window)
        mask = np.zeros(window.shape, dtype=bool)
        mask[place] = item.mask
        coordinate[place] = item.coordinate
        masks.append(mask)
    both = masks[0] & masks[1]
    if both.any():
        fits_first = _misfit(coordinate[both], first) <= _misfit(coordinate[both], second)
        masks[0][both] = fits_first
        masks[1][both] = ~fits_first
    return coordinate, masks[0], masks[1]


def _misfit(values: np.ndarray, item: ObjectPixels) -> np.ndarray:
    """Signed distance of values to the middle half of an object's depths, negative inside."""
    quarter = len(item.quantiles) // 4
    return np.maximum(item.quantiles[quarter] - values, values - item.quantiles[-quarter - 1])


def nearness(coordinate: np.ndarray, kind: DepthKind) -> np.ndarray:
    """A coordinate that grows towards the camera and is linear on planes, from the order coordinate; float64.

    1/z where z is known up to scale; the disparity itself; minus z for affine depth, where it is only nearly linear.
    """
    values = np.asarray(coordinate, dtype=np.float64)
    return np.exp(-values) if kind.has_shape else -values


def shared_contour(
    coordinate: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    kind: DepthKind,
    *,
    edge_px: int,
    gap_px: int,
    outlines: tuple[np.ndarray, np.ndarray] | None = None,
) -> Contour:
    """Continue both surfaces to the boundary between two masks.

    Args:
        coordinate: float (h, w), order coordinate.
        first: bool (h, w), visible pixels of the one object.
        second: bool (h, w), visible pixels of the other, disjoint from the first.
        kind: What the coordinate stands for.
        edge_px: Pixels next to the boundary that are not read, on each side [px].
        gap_px: Widest gap across which the two still count as touching [px].
        outlines: Both masks with the pixels that have no depth, where they are known; these must touch.

    Returns:
        The contour, empty where the masks do not touch or neither side can be continued.
    """
    around = gap_px + 1
    whole_first, whole_second = outlines or (first, second)
    at_first, at_second = dilate(whole_second, around) & whole_first, dilate(whole_first, around) & whole_second
    touching = at_first | at_second
    if not touching.any():
        return _NONE
    rows, columns = np.nonzero(touching)
    side_px = math.sqrt(min(np.count_nonzero(whole_first), np.count_nonzero(whole_second)))
    reach = edge_px + beside_px(side_px)
    top, bottom = max(rows.min() - 2 * reach, 0), rows.max() + 2 * reach + 1
    left, right = max(columns.min() - 2 * reach, 0), columns.max() + 2 * reach + 1
    crop = (slice(top, bottom), slice(left, right))
    near = nearness(coordinate[crop], kind)
    rows, columns = rows - top, columns - left
    planes = [_continued(near, erode(mask[crop], edge_px), rows, columns, reach) for mask in (first, second)]
    known = np.isfinite(planes[0][0]) & np.isfinite(planes[1][0])
    if not known.any():
        return _NONE
    (value, slope_x, slope_y, gain), (other, other_x, other_y, other_gain) = (
        tuple(part[known] for part in plane) for plane in planes
    )
    direction_x, direction_y = _direction(whole_first[crop], whole_second[crop], rows[known], columns[known], reach)
    # Slope of nearness away from the boundary, into the first, of both surfaces.
    own, continued = (x * direction_x + y * direction_y for x, y in ((slope_x, slope_y), (other_x, other_y)))
    if kind.has_shape:
        unit = np.maximum(np.minimum(value, other), 1e-12)
        steps = np.log(np.maximum(value, 1e-12)) - np.log(np.maximum(other, 1e-12))
    else:
        unit = np.ones_like(value)
        steps = value - other
    return Contour(
        steps,
        gain + other_gain,
        _PLACE_PX * np.abs(own - continued) / unit,
        (own - continued) / unit,
        -direction_y,
        np.stack((value, slope_x, slope_y), axis=1),
        np.stack((other, other_x, other_y), axis=1),
        np.stack((columns[known] + left, rows[known] + top), axis=1).astype(np.float64),
        float(touching.sum()) / 2,
    )


def _continued(
    near: np.ndarray, inner: np.ndarray, rows: np.ndarray, columns: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Planes fitted around pixels to the inner pixels alone: value there, slopes along x and y, gain of variance.

    Least squares within a square window, by moments about the pixel; NaN where too few pixels are near.
    """
    weight = inner.astype(np.float64)
    values = np.where(inner, near, 0.0)
    grid_y, grid_x = np.indices(inner.shape, dtype=np.float64)
    side = 2 * reach + 1

    def summed(image: np.ndarray) -> np.ndarray:
        filtered = cv2.boxFilter(image, cv2.CV_64F, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
        picked: np.ndarray = filtered[rows, columns]
        return picked

    x, y = columns.astype(np.float64), rows.astype(np.float64)
    n = summed(weight)
    raw_x, raw_y = summed(weight * grid_x), summed(weight * grid_y)
    sum_x, sum_y = raw_x - x * n, raw_y - y * n
    sum_xx = summed(weight * grid_x**2) - 2 * x * raw_x + x**2 * n
    sum_yy = summed(weight * grid_y**2) - 2 * y * raw_y + y**2 * n
    sum_xy = summed(weight * grid_x * grid_y) - x * raw_y - y * raw_x + x * y * n
    value = summed(values)
    value_x = summed(values * grid_x) - x * value
    value_y = summed(values * grid_y) - y * value
    normal = np.stack((n, sum_x, sum_y, sum_x, sum_xx, sum_xy, sum_y, sum_xy, sum_yy), axis=-1).reshape(-1, 3, 3)
    enough = n >= FEWEST
    normal[~enough] = np.eye(3)
    normal[:, (1, 2), (1, 2)] += 1e-3 * n[:, None] + 1e-9
    inverse = np.linalg.inv(normal)
    fitted = np.einsum("nij,nj->ni", inverse, np.stack((value, value_x, value_y), axis=-1))
    gain = inverse[:, 0, 0]
    bad = ~enough | (gain > _LARGEST_GAIN)
    fitted[bad] = np.nan
    return fitted[:, 0], fitted[:, 1], fitted[:, 2], gain


def _direction(
    first: np.ndarray, second: np.ndarray, rows: np.ndarray, columns: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (x, y) that point from the second mask to the first at pixels between them."""
    side = 2 * reach + 1
    difference = cv2.boxFilter(
        first.astype(np.float64) - second.astype(np.float64), cv2.CV_64F, (side, side), borderType=cv2.BORDER_CONSTANT
    )
    along_x = cv2.Sobel(difference, cv2.CV_64F, 1, 0)[rows, columns]
    along_y = cv2.Sobel(difference, cv2.CV_64F, 0, 1)[rows, columns]
    length = np.maximum(np.hypot(along_x, along_y), 1e-9)
    return along_x / length, along_y / length


def nearer_around(coordinate: np.ndarray, first: np.ndarray, second: np.ndarray, pixels: np.ndarray) -> float:
    """How often the first object is nearer than the second in a band around their boundary.

    Where depth and image are out of register, the step at the boundary belongs to another place, and the surfaces
    around it say the opposite.

    Args:
        coordinate: float (h, w), order coordinate.
        first: bool (h, w), pixels of the first.
        second: bool (h, w), pixels of the second.
        pixels: float (N, 2), pixels (u, v) of the boundary.

    Returns:
        Share of pairs of pixels, one of each, in which the first's is nearer; 0.5 where there are too few.
    """
    band_px = int(np.clip(_BAND_SHARE * math.sqrt(min(first.sum(), second.sum())), *_BAND_PX))
    line = np.zeros(first.shape, dtype=bool)
    line[pixels[:, 1].astype(int), pixels[:, 0].astype(int)] = True
    band = dilate(line, band_px)
    values = []
    for mask in (first, second):
        near = coordinate[erode(mask, band_px // 4) & band]
        if near.size < _FEWEST_AROUND:
            return 0.5
        values.append(np.sort(near[:: max(1, near.size // 200)]))
    places = np.searchsorted(values[1], values[0], side="right") / len(values[1])
    return float(1 - places.mean())


def nearer_beside(coordinate: np.ndarray, first: np.ndarray, second: np.ndarray, width_px: int, edge_px: int) -> float:
    """How often the first object is nearer than the second, in bands of both beside the other.

    Unlike ``nearer_around`` it needs no common boundary, only that the two are close.

    Args:
        coordinate: float (h, w), order coordinate.
        first: bool (h, w), pixels of the first.
        second: bool (h, w), pixels of the second.
        width_px: Width of the bands [px].
        edge_px: Edge of an object that is left out, where enough remains [px].

    Returns:
        Difference of the shares of pairs in which the first and the second is nearer, in [-1, 1]; 0 without bands.
    """
    values = []
    for mask, other in ((first, second), (second, first)):
        band = mask & dilate(other, width_px)
        inner = band & erode(mask, edge_px)
        band = inner if np.count_nonzero(inner) >= FEWEST else band
        if np.count_nonzero(band) < FEWEST:
            return 0.0
        values.append(coordinate[band])
    return nearer_lead(*values)


def nearer_lead(first: np.ndarray, second: np.ndarray) -> float:
    """Difference of the shares of pairs of order coordinates, one of each, in which the first is nearer and farther."""
    ours, theirs = levels_of(first, _LEVELS), levels_of(second, _LEVELS)
    return float(np.sign(theirs[None, :] - ours[:, None]).mean())


@dataclass(frozen=True)
class Ownership:
    """How much of a contour each object owns, each a share in [0, 1].

    Args:
        first: Where the first is clearly nearer.
        second: Where the second is.
        standing: Where there is no step, the two form a hollow and the first is above the second, like an object
            that stands on a surface.
        carrying: The same with the second above.
    """

    first: float
    second: float
    standing: float
    carrying: float


def clear_step(contour: Contour, noise: float, drift: float) -> np.ndarray:
    """Least step that is clear at each pixel, float64 (N,), positive; see ``ownership``."""
    least: np.ndarray = CLEAR * np.hypot(noise * np.sqrt(contour.gains), drift) + contour.bends
    return np.maximum(least, 1e-12)


def ownership(
    contour: Contour,
    noise: float,
    *,
    drift: float = 0.0,
    first_level: np.ndarray | None = None,
    second_level: np.ndarray | None = None,
) -> Ownership:
    """Count the contour's pixels by who is nearer.

    Args:
        contour: The shared boundary.
        noise: Standard deviation of the coordinate from pixel to pixel, in its unit.
        drift: Standard deviation of the smooth error's change between the places that are read on both sides.
        first_level: bool (N,), where the first surface is level, so that the second can stand on it; None if unknown.
        second_level: The same of the second surface.
    """
    if contour.steps.size == 0:
        return Ownership(0.0, 0.0, 0.0, 0.0)
    least = clear_step(contour, noise, drift)
    first, second = contour.steps > least, contour.steps < -least
    hollow = ~first & ~second & (contour.folds > 0)
    return Ownership(
        float(first.mean()),
        float(second.mean()),
        _stands(hollow & (contour.rises > RISE), second_level),
        _stands(hollow & (contour.rises < -RISE), first_level),
    )


def _stands(places: np.ndarray, level: np.ndarray | None) -> float:
    return _UNKNOWN_LEVEL * float(places.mean()) if level is None else float((places & level).mean())


def hidden_share_bounds(front: np.ndarray, back: np.ndarray) -> tuple[float, float]:
    """Bounds on the share of an object that another hides, from their visible pixels.

    For objects without holes, at least the part of the other within the convex hull of the visible pixels hides it; at
    most all of the other does.

    Args:
        front: bool (h, w), visible pixels of the one in front.
        back: bool (h, w), visible pixels of the other.

    Returns:
        (least, most), each in [0, 1].
    """
    visible = np.count_nonzero(back)
    if visible == 0:
        return 0.0, 1.0
    within, all_of_it = np.count_nonzero(hull_of(back) & front), np.count_nonzero(front)
    return within / (within + visible), all_of_it / (all_of_it + visible)

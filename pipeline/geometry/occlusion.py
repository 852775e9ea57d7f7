"""Who owns the contour that two regions share.

Where one object hides another, the boundary between their visible parts belongs to the nearer one: the
depth steps back across it. The step is read on both sides, a little away from the boundary, where a
depth map does not mix the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.geometry.objects import ObjectPixels, erode

# The band around a contour, as a share of the smaller object's side; it reads past depth that is a few
# pixels out of register with the picture.
_BAND_SHARE = 0.3
_FEWEST = 20
# Distance over which slopes are measured [px].
_SLOPE_PX = 4
# A step at a foot must be clearer than the slope of the surfaces by this factor.
_FOOT_FACTOR = 3.0


@dataclass(frozen=True, eq=False)
class Contour:
    """The shared boundary of two objects.

    Args:
        steps: float64 (N,), order coordinate of the second minus that of the first, pair by pair
            across the boundary; positive where the first is nearer.
        slopes: float64 (N,), how much the surfaces themselves may change between the two pixels of a pair.
        length_px: Approximate length of the boundary [px].
        first: float64 (Q,), quantiles of the first object's coordinate around the boundary, ascending;
            empty where too little of it is there.
        second: The same of the second object.
    """

    steps: np.ndarray
    slopes: np.ndarray
    length_px: float
    first: np.ndarray
    second: np.ndarray


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
        rows = slice(item.window.top - window.top, item.window.bottom - window.top)
        columns = slice(item.window.left - window.left, item.window.right - window.left)
        mask = np.zeros(window.shape, dtype=bool)
        mask[rows, columns] = item.mask
        coordinate[rows, columns] = item.coordinate
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


def shared_contour(
    coordinate: np.ndarray, first: np.ndarray, second: np.ndarray, *, edge_px: int, gap_px: int
) -> Contour:
    """Pair the pixels on both sides of the boundary between two masks.

    Args:
        coordinate: float (h, w), order coordinate.
        first: bool (h, w), visible pixels of the one object.
        second: bool (h, w), visible pixels of the other, disjoint from the first.
        edge_px: Pixels next to the boundary that are not read, on each side [px].
        gap_px: Widest gap across which the two still count as touching [px].

    Returns:
        The contour, empty where the masks do not touch.
    """
    inner_first, inner_second = erode(first, edge_px), erode(second, edge_px)
    reach = 2 * edge_px + gap_px + 1
    band_px = int(np.clip(_BAND_SHARE * np.sqrt(min(first.sum(), second.sum())), 8, 80))
    touching = _near(first, second, gap_px + 1)
    nothing = Contour(np.empty(0), np.empty(0), 0.0, np.empty(0), np.empty(0))
    if not touching.any() or not inner_first.any():
        return nothing
    distance, labels = cv2.distanceTransformWithLabels(
        (~inner_first).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Only boundary pixels with a direct neighbour count; elsewhere background may show in between.
    close_to_touch = _near(touching, np.ones_like(touching), reach)
    pairs = inner_second & (distance <= reach) & close_to_touch
    if not pairs.any():
        return nothing
    partner = np.zeros(int(labels.max()) + 1, dtype=np.intp)
    partner[labels[inner_first]] = np.flatnonzero(inner_first)
    rows, columns = np.nonzero(pairs)
    partner_rows, partner_columns = np.divmod(partner[labels[pairs]], first.shape[1])
    band = _near(touching, np.ones_like(touching), band_px)
    slopes = [_slopes(coordinate, inner & band) for inner in (inner_first, inner_second)]
    steps = coordinate[rows, columns].astype(np.float64) - coordinate[partner_rows, partner_columns]
    lower = rows - partner_rows
    down, across = np.abs(lower), np.abs(columns - partner_columns)
    # What stands on a surface meets it at its foot, where the surface comes nearer without hiding anything.
    foot = (down > across) & (np.sign(steps) == -np.sign(lower))
    changes = np.maximum(*(down * slope_down + across * slope_across for slope_down, slope_across in slopes))
    return Contour(
        steps,
        np.where(foot, _FOOT_FACTOR, 1.0) * changes,
        float(touching.sum()),
        _around(coordinate, first, touching, band_px),
        _around(coordinate, second, touching, band_px),
    )


def _slopes(coordinate: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Change of the coordinate per pixel within a mask, down and across; both not negative.

    The median over a few pixels, so that noise hardly counts.
    """
    step = _SLOPE_PX
    down = np.abs(coordinate[step:] - coordinate[:-step])[mask[step:] & mask[:-step]]
    across = np.abs(coordinate[:, step:] - coordinate[:, :-step])[mask[:, step:] & mask[:, :-step]]
    return tuple(float(np.median(part)) / step if part.size else 0.0 for part in (down, across))  # type: ignore[return-value]


def _around(coordinate: np.ndarray, mask: np.ndarray, touching: np.ndarray, band_px: int) -> np.ndarray:
    """Quantiles of an object's coordinate within a band around the boundary, its edge left out."""
    near = erode(mask, band_px // 3) & _near(touching, mask, band_px)
    if near.sum() < _FEWEST:
        return np.empty(0)
    return np.quantile(coordinate[near], np.linspace(0, 1, 33)).astype(np.float64)


def _near(mask: np.ndarray, within: np.ndarray, radius_px: int) -> np.ndarray:
    kernel = np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(bool) & within


def contour_votes(contour: Contour, noise: float) -> tuple[float, float]:
    """Shares of the contour that the first and that the second object own.

    A step counts where it is clearer than noise and the slope of the surfaces can explain.

    Args:
        contour: The shared boundary.
        noise: Standard deviation of a step, in the coordinate's unit.

    Returns:
        (first, second), each in [0, 1]; what is missing to 1 shows no clear step.
    """
    if contour.steps.size == 0:
        return 0.0, 0.0
    least = 2 * noise + contour.slopes
    return float((contour.steps > least).mean()), float((contour.steps < -least).mean())

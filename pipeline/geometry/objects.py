"""From a region to its object: background removed, edge eroded, the rest kept as a distribution.

Everything here works on an *order coordinate* (see ``order_coordinate``), so the results do not depend on the scale,
and for affine kinds the shift, that the kind of depth leaves open.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from pipeline.geometry.extents import thin
from pipeline.geometry.regions import Window
from pipeline.geometry.robust import GOOD_PART, MOST_READ, inner_range
from pipeline.records import DepthKind

_BINS = 64
QUANTILES = 33
"""Quantiles that are kept of an object."""
# Depths beyond this many ranges of the middle 80 % do not belong to the object.
_STRAY_RANGES = 1.5


@dataclass(frozen=True, eq=False)
class ObjectPixels:
    """The pixels of one object within one frame.

    Args:
        window: Where the arrays below lie in the frame.
        mask: bool (h, w) of the window; all valid pixels of the object.
        core: bool (h, w); the same without the edge, where depth mixes object and background.
        coordinate: float32 (h, w); order coordinate of the window, meaningful where ``mask`` is set.
        quantiles: float64 (Q,), evenly spaced quantiles of the core's coordinate, ascending.
    """

    window: Window
    mask: np.ndarray
    core: np.ndarray
    coordinate: np.ndarray
    quantiles: np.ndarray

    @property
    def median(self) -> float:
        """Median order coordinate of the core."""
        return float(self.quantiles[len(self.quantiles) // 2])

    def core_px(self, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of at most ``most`` pixels of the core, evenly spaced, int (N,) each [px of the frame]."""
        rows, columns = np.divmod(thin(np.flatnonzero(self.core), most), self.core.shape[1])
        return rows + self.window.top, columns + self.window.left


def shared_pixels(first: ObjectPixels, second: ObjectPixels) -> int:
    """Number of pixels that two objects of one frame both claim."""
    both = first.window.overlap(second.window)
    return int(np.count_nonzero(first.mask[both.within(first.window)] & second.mask[both.within(second.window)]))


def order_coordinate(values: np.ndarray, kind: DepthKind) -> np.ndarray:
    """A coordinate that grows with distance and turns the kind's freedom into a shift or a scale.

    Args:
        values: float (...), depth of the given kind.
        kind: What the values mean.

    Returns:
        float32 (...): ``log z`` where z is known up to a factor (differences are relative distances),
        z for affine depth, ``-d`` for affine disparity (differences are in units of the frame's spread).
    """
    if kind.has_shape:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(values, dtype=np.float32)
    coordinate: np.ndarray = -values if kind.larger_is_nearer else values
    return coordinate


def depth_of_coordinate(coordinate: float, kind: DepthKind) -> float:
    """The depth value that an order coordinate stands for, the inverse of ``order_coordinate``."""
    if kind.has_shape:
        return math.exp(coordinate)
    return -coordinate if kind.larger_is_nearer else coordinate


def coordinate_spread(values: np.ndarray, valid: np.ndarray, kind: DepthKind) -> float:
    """Unit of differences of the order coordinate of a whole frame.

    Returns:
        1 where the coordinate is a logarithm; otherwise the range from the 2nd to the 98th percentile
        of the frame's valid values, so that a difference divided by it is free of scale and shift.
        0 for a constant or empty map.
    """
    if kind.has_shape:
        return 1.0
    step = max(1, int(np.sqrt(values.size / 40_000)))
    sample = values[::step, ::step][valid[::step, ::step]]
    if sample.size < 2:
        sample = values[valid]
    if sample.size < 2:
        return 0.0
    low, high = inner_range(sample)
    return float(high - low)


def foreground(
    coordinate: np.ndarray, candidates: np.ndarray, min_share: float, exclusive: np.ndarray | None = None
) -> np.ndarray:
    """The pixels of a box that belong to its object rather than to what lies behind or before it.

    The coordinates are split into modes at the gaps and deep valleys of their histogram. An object
    fills the middle of its box, while background shows in the corners and an occluder enters from a
    side. The nearest mode that holds enough of the centre-weighted pixels is therefore the object.

    Args:
        coordinate: float (h, w), order coordinate.
        candidates: bool (h, w), valid pixels of the box.
        min_share: Share of the centre-weighted pixels that a mode must hold, in (0, 1).
        exclusive: Optional bool (h, w), the pixels that no other box claims; where they are a good part
            of the box, they alone choose the mode.

    Returns:
        bool (h, w), a subset of the candidates.
    """
    modes = modes_of(coordinate, candidates)
    if len(modes) < 2:
        return modes[0]
    weight = np.minimum.outer(*(triangle(side) for side in candidates.shape))
    if exclusive is not None and exclusive[candidates].mean() >= GOOD_PART:
        weight = weight * exclusive
    weights = np.array([weight[mode].sum() for mode in modes])
    enough = np.flatnonzero(weights >= min_share * weight[candidates].sum())
    return modes[int(enough[0]) if len(enough) else int(np.argmax(weights))]


def modes_of(coordinate: np.ndarray, candidates: np.ndarray) -> list[np.ndarray]:
    """Split pixels into modes of their coordinates at the gaps and deep valleys of the histogram.

    Args:
        coordinate: float (h, w), order coordinate.
        candidates: bool (h, w), pixels with a known coordinate.

    Returns:
        Disjoint masks, bool (h, w) each, the nearest first.
    """
    values = coordinate[candidates]
    if values.size < 2:
        return [candidates]
    low, high = levels_of(values, (0.01, 0.99))
    if not high > low:
        return [candidates]
    bins = np.clip((values - low) * (_BINS / (high - low)), 0, _BINS - 1).astype(np.intp)
    edges = _valleys(np.bincount(bins, minlength=_BINS))
    if len(edges) == 2:
        return [candidates]
    number = np.full(candidates.shape, -1, dtype=np.int8)
    number[candidates] = np.repeat(np.arange(len(edges) - 1, dtype=np.int8), np.diff(edges))[bins]
    return [number == mode for mode in range(len(edges) - 1)]


def triangle(length: int) -> np.ndarray:
    """Weights that fall from 1 in the middle to nearly 0 at both ends, float64 (length,)."""
    return 1.0 - np.abs(2 * (np.arange(length) + 0.5) / length - 1)


def _valleys(histogram: np.ndarray) -> np.ndarray:
    """Bin edges that split a histogram into its modes, first 0 and last the number of bins.

    A valley separates two peaks where it is lower than a third of the lower one.
    """
    smooth = np.convolve(histogram, (0.25, 0.5, 0.25), mode="same").tolist()
    least = 0.01 * sum(smooth)
    edges = [0]
    peak = lowest = smooth[0]
    lowest_at = 0
    for position, value in enumerate(smooth):
        if value < lowest:
            lowest, lowest_at = value, position
        if lowest < min(peak, value) / 3 and value - lowest > least:
            edges.append(max(lowest_at, edges[-1] + 1))
            peak = lowest = value
            lowest_at = position
        elif value > peak:
            peak = lowest = value
            lowest_at = position
    return np.array([*edges, len(histogram)])


def erode(mask: np.ndarray, radius_px: int) -> np.ndarray:
    """Remove the edge of a mask; less of it where little would remain.

    Args:
        mask: bool (h, w); outside the array counts as outside the mask.
        radius_px: Width of the edge [px].

    Returns:
        bool (h, w).
    """
    area = int(mask.sum())
    source = mask.astype(np.uint8)
    for radius in range(radius_px, 0, -1):
        kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
        core = cv2.erode(source, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)
        if core.sum() >= GOOD_PART * area:
            return core
    return mask


def dilate(mask: np.ndarray, radius_px: int) -> np.ndarray:
    """A mask, bool (h, w), grown by a radius to every side [px]."""
    kernel = np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)


def object_of(window: Window, mask: np.ndarray, coordinate: np.ndarray, edge_px: int) -> ObjectPixels | None:
    """The object of these pixels, bool (h, w), without its edge in the core; None where there are none."""
    if not mask.any():
        return None
    core = erode(mask, edge_px)
    levels = levels_of(coordinate[core], np.linspace(0, 1, QUANTILES))
    return ObjectPixels(window, mask, core, coordinate, levels)


def levels_of(values: np.ndarray, shares: ArrayLike) -> np.ndarray:
    """Quantiles of values, float64, from at most twice ``MOST_READ`` of them, which are evenly spaced."""
    ordered = np.sort(values[:: max(1, len(values) // MOST_READ)])
    return np.interp(np.multiply(shares, len(ordered) - 1), np.arange(len(ordered)), ordered)


def object_pixels(
    coordinate: np.ndarray,
    valid: np.ndarray,
    window: Window,
    region_mask: np.ndarray | None,
    *,
    exclusive: np.ndarray | None = None,
    edge_px: int,
    min_share: float,
    stray: float,
) -> ObjectPixels | None:
    """The object of a region.

    Args:
        coordinate: float32 (h, w) of the window, order coordinate.
        valid: bool (h, w) of the window, where it means something.
        window: Where they lie in the frame.
        region_mask: Optional bool (h, w) of the window; then no background is searched for.
        exclusive: See ``foreground``.
        edge_px: Width of the edge to leave out [px].
        min_share: See ``foreground``.
        stray: See ``without_strays``.

    Returns:
        The object, or None where no valid pixel is left.
    """
    mask = foreground(coordinate, valid, min_share, exclusive) if region_mask is None else valid & region_mask
    mask = without_strays(coordinate, mask, stray)
    return object_of(window, mask, coordinate, edge_px)


def without_strays(coordinate: np.ndarray, mask: np.ndarray, slack: float) -> np.ndarray:
    """The pixels of an object without depth outliers, as strays and masks out of register cause them.

    Args:
        coordinate: float32 (h, w), order coordinate.
        mask: bool (h, w), the object's pixels.
        slack: Allowance beyond the middle 80 %, in the coordinate's unit, added to 1.5 times their range.

    Returns:
        bool (h, w), a subset of the mask.
    """
    values = coordinate[mask]
    if values.size < 2:
        return mask
    low, high = levels_of(values, (0.1, 0.9))
    beyond = _STRAY_RANGES * (high - low) + slack
    kept: np.ndarray = mask & (coordinate >= low - beyond) & (coordinate <= high + beyond)
    return kept


def without(item: ObjectPixels, others: Iterable[ObjectPixels], edge_px: int) -> ObjectPixels | None:
    """The object without the pixels of others of the same frame, or None where nothing is left."""
    mask = item.mask.copy()
    for other in others:
        both = item.window.overlap(other.window)
        mask[both.within(item.window)] &= ~other.mask[both.within(other.window)]
    return object_of(item.window, mask, item.coordinate, edge_px)

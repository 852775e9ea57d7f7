"""Scattered depth: the returns of a scanner, one pixel each, with nothing known between them.

Spacings are the distances of neighbouring returns along x and y [px]; the lines of a scanner are farther apart than
the returns of one line.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pipeline.geometry.robust import FEWEST, MOST, MOST_READ
from pipeline.records import DepthKind, DepthMap, Sampling, ScaleSource

# Single returns do not fill most of the blocks that they lie in, and touch another return less often.
_BLOCK_PX, _MOST_ADJACENT = 49, 0.4
# A return that was drawn as a square has this mean area at least, and sides of this length at most [px].
_LEAST_AREA_PX, _LONGEST_SIDE_PX = 3.0, 16
# Fewer groups of equal values are surfaces, not returns.
_FEWEST = 30
# Returns of one line are this many times closer to each other than to those of other lines.
_LINE_RATIO = 8.0
_NEIGHBOURS = 9
# Least factor of an enlarged map.
_LEAST_COPIES = 1.5


def depth_of_returns(values: np.ndarray, valid: np.ndarray, backend: str) -> DepthMap:
    """Depth map of a scanner's returns.

    Args:
        values: float32 (H, W), z [m].
        valid: bool (H, W), one pixel per return.
        backend: Name of the backend.
    """
    sampling = Sampling(*spacing_px(valid), is_scattered=True)
    return DepthMap(values, valid, DepthKind.METRIC, ScaleSource.SENSOR, backend, sampling=sampling)


def single_returns(values: np.ndarray, valid: np.ndarray) -> np.ndarray | None:
    """One pixel per return of a depth map that a scanner's returns were drawn into.

    Args:
        values: float (H, W); a return is one pixel, or a square of equal values.
        valid: bool (H, W).

    Returns:
        bool (H, W), a subset of the valid pixels; None if the depth is not that of single returns.
    """
    if not valid.any() or max(copied_px(values, valid)) > 1:
        return None
    rows, columns = np.nonzero(valid)
    which = _equal_neighbours(values, valid)
    sizes = np.bincount(which)
    sides = [_extent(which, places) for places in (rows, columns)]
    if len(sizes) < _FEWEST:
        return None
    if len(which) / len(sizes) >= _LEAST_AREA_PX:
        is_scattered = all(np.percentile(side[which], 99) <= _LONGEST_SIDE_PX for side in sides)
    else:
        is_scattered = _is_sparse(valid)
    if not is_scattered:
        return None
    middles = [np.bincount(which, places) / sizes for places in (rows, columns)]
    order = np.lexsort((np.abs(rows - middles[0][which]) + np.abs(columns - middles[1][which]), which))
    first = order[np.concatenate(([0], np.cumsum(sizes)[:-1]))]
    kept = np.zeros(valid.shape, dtype=bool)
    kept[rows[first], columns[first]] = True
    return kept


def copied_px(values: np.ndarray, valid: np.ndarray) -> tuple[float, float]:
    """How many pixels each value of a dense depth map was copied to along x and y, by enlarging to the nearest pixel.

    Args:
        values: float (H, W).
        valid: bool (H, W).

    Returns:
        Factors of at least 1.5 along both axes, or (1, 1) where no such enlargement is recognised.
    """
    known = np.where(valid, values, 0)
    if min(known.shape) < FEWEST:
        return 1.0, 1.0
    starts = [_regular_starts(known, axis) for axis in (0, 1)]
    height_px, width_px = (
        length / round(length / np.diff(some)[1:].mean()) for length, some in zip(valid.shape, starts, strict=True)
    )
    if min(width_px, height_px) < _LEAST_COPIES or _is_sparse(valid[np.ix_(*starts)]):
        return 1.0, 1.0
    return width_px, height_px


def _regular_starts(known: np.ndarray, axis: int) -> np.ndarray:
    """Rows (axis 0) or columns (1) that differ from the one before, int (N,); all, unless these are evenly spaced."""
    everything = np.arange(known.shape[axis])
    differs = (np.diff(known, axis=axis) != 0).any(axis=1 - axis)
    starts = np.concatenate(([0], np.flatnonzero(differs) + 1))
    if len(starts) < FEWEST:
        return everything
    runs = np.diff(starts)
    # A margin without depth is one long run.
    return starts if np.ptp(runs[1:]) <= 1 else everything


def _is_sparse(valid: np.ndarray) -> bool:
    filled = cv2.boxFilter(valid.astype(np.float32), -1, (_BLOCK_PX, _BLOCK_PX))[valid]
    touching = np.count_nonzero(valid[:, 1:] & valid[:, :-1]) + np.count_nonzero(valid[1:] & valid[:-1])
    return float(np.median(filled)) < MOST and touching < 2 * _MOST_ADJACENT * filled.size


def spacing_px(valid: np.ndarray) -> tuple[float, float]:
    """Spacing of returns along x and along y [px], medians over the image; (1, 1) for fewer than two returns.

    Args:
        valid: bool (H, W), one pixel per return.
    """
    points = np.argwhere(valid)[:, ::-1].astype(np.float64)
    if len(points) < 2:
        return 1.0, 1.0
    chosen = points[:: max(1, len(points) // MOST_READ)]
    count = min(_NEIGHBOURS, len(points))
    area = np.pi * float(np.median(cKDTree(points).query(chosen, k=count)[0][:, -1])) ** 2 / count
    # Squeezed along x, the nearest neighbour is one of the same line; along y, one of the next.
    width = max(float(np.median(np.abs(_nearest(points, chosen, (1.0, _LINE_RATIO))[:, 0]))), 1.0)
    rows = np.abs(_nearest(points, chosen, (max(2 * area / width**2, 1.0), 1.0))[:, 1])
    return width, max(float(np.median(rows[rows > 0])), 1.0) if (rows > 0).any() else 1.0


def _nearest(points: np.ndarray, chosen: np.ndarray, stretch: tuple[float, float]) -> np.ndarray:
    """Way from each chosen point to the one that is nearest with stretched axes, float64 (N, 2) [px]."""
    indices = cKDTree(points * stretch).query(chosen * stretch, k=2)[1][:, 1]
    way: np.ndarray = points[indices] - chosen
    return way


def resized_returns(values: np.ndarray, valid: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Move single returns of a scanner to the pixels of another size; of several on one pixel, the nearest counts.

    Args:
        values: float32 (H, W), z.
        valid: bool (H, W), one pixel per return.
        size: New (width, height) [px].

    Returns:
        Values and validity of the new size.
    """
    places = [
        ((2 * old + 1) * new // (2 * length))
        for old, new, length in zip(np.nonzero(valid), size[::-1], valid.shape, strict=True)
    ]
    moved = np.full(size[::-1], np.inf, dtype=np.float32)
    np.minimum.at(moved, tuple(places), values[valid])
    known = np.isfinite(moved)
    return np.where(known, moved, 0).astype(np.float32), known


def groups_of_pairs(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """Number of the group that each of so many items belongs to, int (count,), counted from 0.

    Args:
        first: int (N,), one item of every pair that belongs together.
        second: int (N,), the other item of the pair.
        count: Number of items.
    """
    joined = coo_matrix((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    labels: np.ndarray = connected_components(joined, directed=False)[1]
    return labels


def _equal_neighbours(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Number of the group of adjoining equal values that each valid pixel belongs to, int (N,), counted from 0."""
    places = np.arange(valid.size).reshape(valid.shape)
    across = valid[:, 1:] & valid[:, :-1] & (values[:, 1:] == values[:, :-1])
    down = valid[1:] & valid[:-1] & (values[1:] == values[:-1])
    first = np.concatenate((places[:, :-1][across], places[:-1][down]))
    second = np.concatenate((places[:, 1:][across], places[1:][down]))
    labels = groups_of_pairs(first, second, valid.size).reshape(valid.shape)[valid]
    which: np.ndarray = np.unique(labels, return_inverse=True)[1]
    return which


def _extent(which: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Number of pixels that each group covers along one axis, int (G,)."""
    low, high = np.full(which.max() + 1, places.max()), np.zeros(which.max() + 1, dtype=places.dtype)
    np.minimum.at(low, which, places)
    np.maximum.at(high, which, places)
    extent: np.ndarray = high - low + 1
    return extent

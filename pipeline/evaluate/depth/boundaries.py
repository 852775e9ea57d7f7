"""Steps of depth: whether they are where they should be, and whether points fly between their two sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.evaluate.depth.moments import Moments

THRESHOLDS = np.linspace(1.05, 1.25, 10)
"""Ratios of depth that make neighbours a boundary, one after the other; each weighs as much as its value."""

_LEVELS = len(THRESHOLDS)
# Steps found with less than the smallest threshold, so that rounding of float32 loses none.
_LEAST_RATIO = 1.049
# Truth is dense where at least this share of the neighbours of known pixels is known; rows of a LiDAR are not.
_DENSE = 0.8
# A point flies in the middle half of the gap between two surfaces, in logarithms of depth.
_MARGIN = 0.25


class _Steps(NamedTuple):
    """Neighbouring pixels along one axis where truth or prediction steps: true and predicted depth of both [m]."""

    true_first: np.ndarray
    true_second: np.ndarray
    first: np.ndarray
    second: np.ndarray


def is_dense(mask: np.ndarray) -> bool:
    """Whether boundaries can be read from depth that is known in the bool (H, W) mask.

    It is where at least 80 % of the right and lower neighbours of known pixels are known as well.
    """
    inside = np.count_nonzero(mask[:, :-1]) + np.count_nonzero(mask[:-1])
    both = np.count_nonzero(mask[:, :-1] & mask[:, 1:]) + np.count_nonzero(mask[:-1] & mask[1:])
    return bool(inside > 0 and both >= _DENSE * inside)


def boundary_moments(predicted_m: np.ndarray, true_m: np.ndarray, *, edge_ratio: float) -> Moments:
    """Counts of boundaries and of flying points.

    Boundary F1: Bochkovskii et al., "Depth Pro", 2024, section 4, with the thresholds and weights of its program.
    Neighbours are a boundary at threshold t where the ratio of their depths is above t, in one of four directions
    (which of the two is nearer, along rows or columns). Only neighbours with both depths known are counted.

    Flying points (Reynolds et al., "Capturing time-of-flight data with confidence", CVPR 2011, describe them): both
    pixels of each pair of neighbours whose true depths have a ratio above ``edge_ratio`` are looked at; a pixel flies
    if its predicted depth p lies between near n and far f with ``0.25 < ln(p / n) / ln(f / n) < 0.75``.

    Args:
        predicted_m: float64 (H, W), aligned depth [m], NaN where it does not count.
        true_m: float64 (H, W), true depth [m], NaN at the same pixels.
        edge_ratio: What makes neighbours an edge where points may fly, above 1.

    Returns:
        ``boundary_hits``, ``boundary_predicted`` and ``boundary_true``: 40 counts, ten thresholds for each direction
        (left is farther, right is farther, top, bottom); ``edge_points`` and ``edge_flying``.
    """
    hits, predicted, true = (np.zeros((4, _LEVELS)) for _ in range(3))
    points = flying = 0
    for axis, steps in enumerate(_steps(predicted_m, true_m, min(0.999 * edge_ratio, _LEAST_RATIO))):
        sides = ((steps.first, steps.second), (steps.true_first, steps.true_second))
        for turned in (0, 1):
            theirs, truth = (_levels(*(pair[::-1] if turned else pair)) for pair in sides)
            direction = 2 * axis + turned
            predicted[direction] = _at_least(theirs)
            true[direction] = _at_least(truth)
            hits[direction] = _at_least(np.minimum(theirs, truth))
        at_edges = _flying(steps, edge_ratio)
        points, flying = points + at_edges[0], flying + at_edges[1]
    return {
        "boundary_hits": tuple(hits.ravel().tolist()),
        "boundary_predicted": tuple(predicted.ravel().tolist()),
        "boundary_true": tuple(true.ravel().tolist()),
        "edge_points": float(points),
        "edge_flying": float(flying),
    }


def boundary_f1(moments: Moments) -> float | None:
    """Weighted mean over the thresholds of F1 of precision and recall, each the mean over the four directions.

    None where the truth has no boundary at the lowest threshold.
    """
    if "boundary_true" not in moments:
        return None
    hits, predicted, true = (
        np.array(moments[f"boundary_{name}"]).reshape(4, _LEVELS) for name in ("hits", "predicted", "true")
    )
    if not true[:, 0].any():
        return None
    precision = (hits / np.maximum(predicted, 1)).mean(axis=0)
    recall = (hits / np.maximum(true, 1)).mean(axis=0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros(_LEVELS), where=both > 0)
    return float(f1 @ THRESHOLDS / THRESHOLDS.sum())


def _steps(predicted_m: np.ndarray, true_m: np.ndarray, least_ratio: float) -> Iterator[_Steps]:
    """Candidates along rows, then along columns."""
    width = true_m.shape[1]
    every, but_last, but_first = slice(None), slice(None, -1), slice(1, None)
    along_rows, along_columns = (
        ((every, but_last), (every, but_first), 1),
        ((but_last, every), (but_first, every), width),
    )
    for before, after, stride in (along_rows, along_columns):
        found = np.zeros(true_m[before].shape, dtype=bool)
        for depth in (true_m, predicted_m):
            ratio = depth[before] / depth[after]
            found |= ratio > least_ratio
            found |= ratio < 1 / least_ratio
        rows, columns = np.divmod(np.flatnonzero(found), max(width - (stride == 1), 1))
        here = rows * width + columns
        yield _Steps(*(depth.ravel()[place] for depth in (true_m, predicted_m) for place in (here, here + stride)))


def _levels(farther: np.ndarray, nearer: np.ndarray) -> np.ndarray:
    """How many of the thresholds the ratio of two depths is above, int8 (N,)."""
    ratio = farther / nearer
    levels = np.zeros(len(ratio), dtype=np.int8)
    for threshold in THRESHOLDS:
        levels += ratio > threshold
    return levels


def _at_least(levels: np.ndarray) -> np.ndarray:
    """How many reach each threshold, (10,)."""
    return np.bincount(levels, minlength=_LEVELS + 1)[:0:-1].cumsum()[::-1]


def _flying(steps: _Steps, edge_ratio: float) -> tuple[int, int]:
    """Pixels at true edges, and how many of them fly."""
    near = np.minimum(steps.true_first, steps.true_second)
    far = np.maximum(steps.true_first, steps.true_second)
    edges = far / near > edge_ratio
    near, width = near[edges], np.log(far[edges] / near[edges])
    flying = 0
    for depth in (steps.first[edges], steps.second[edges]):
        share = np.log(depth / near) / width
        flying += int(np.count_nonzero((share > _MARGIN) & (share < 1 - _MARGIN)))
    return 2 * len(near), flying

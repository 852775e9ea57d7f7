"""Depth steps: whether they are in the correct place, and whether points fly between their two sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.evaluate.depth.moments import Moments

THRESHOLDS = np.linspace(1.05, 1.25, 10)
"""Depth ratios above which neighbours are a boundary; each threshold is weighted by its value."""

_LEVELS = len(THRESHOLDS)
# Slightly below the smallest threshold, so that float32 rounding loses no step.
_LEAST_RATIO = 1.049
# Truth is dense if at least this share of the neighbours of known pixels is known; LiDAR rows are not.
_DENSE = 0.8
# A point flies in the middle half of the gap between two surfaces, in logarithms of depth.
_MARGIN = 0.25


class _Steps(NamedTuple):
    """Neighbours along one axis with a step in truth or prediction: true and predicted depth of both [m]."""

    true_first: np.ndarray
    true_second: np.ndarray
    first: np.ndarray
    second: np.ndarray


def is_dense(mask: np.ndarray) -> bool:
    """Whether depth known in the bool (H, W) mask is dense enough for boundaries.

    It is if at least 80 % of the right and lower neighbours of known pixels are known.
    """
    inside = np.count_nonzero(mask[:, :-1]) + np.count_nonzero(mask[:-1])
    both = np.count_nonzero(mask[:, :-1] & mask[:, 1:]) + np.count_nonzero(mask[:-1] & mask[1:])
    return bool(inside > 0 and both >= _DENSE * inside)


def boundary_moments(predicted_m: np.ndarray, true_m: np.ndarray, *, edge_ratio: float) -> Moments:
    """Counts of boundaries and of flying points.

    Boundary F1: Bochkovskii et al., "Depth Pro", 2024, section 4, with the thresholds and weights of its program.
    Neighbours are a boundary at threshold t if the ratio of their depths is above t, in one of four directions (which
    of the two is nearer, along rows or columns). Only neighbours with both depths known count.

    Flying points (described by Reynolds et al., "Capturing time-of-flight data with confidence", CVPR 2011): among both
    pixels of all neighbours whose true depths have a ratio above ``edge_ratio``, a pixel flies if its predicted depth
    p lies between near n and far f with ``0.25 < ln(p / n) / ln(f / n) < 0.75``.

    Args:
        predicted_m: float64 (H, W), aligned depth [m], NaN where not compared.
        true_m: float64 (H, W), true depth [m], NaN at the same pixels.
        edge_ratio: Ratio above which neighbours are an edge where points may fly, above 1.

    Returns:
        ``boundary_hits``, ``boundary_predicted`` and ``boundary_true``: 40 counts, ten thresholds for each direction
        (left is farther, right is farther, top, bottom); ``edge_points`` and ``edge_flying``.
    """
    hits, predicted, true = (np.zeros((4, _LEVELS)) for _ in range(3))
    points = flying = 0
    for axis, steps in enumerate(_steps(predicted_m, true_m, min(0.999 * edge_ratio, _LEAST_RATIO))):
        sides = ((steps.first, steps.second), (steps.true_first, steps.true_second))
        for turned in (0, 1):
            # Number of thresholds below the ratio of the farther to the nearer depth.
            theirs, truth = (np.searchsorted(THRESHOLDS, pair[turned] / pair[1 - turned]) for pair in sides)
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

    None if the truth has no boundary at the lowest threshold.
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
    # Transposed, columns are rows.
    for true, predicted in ((true_m, predicted_m), (true_m.T, predicted_m.T)):
        found = np.zeros(true[:, 1:].shape, dtype=bool)
        for depth in (true, predicted):
            ratio = depth[:, :-1] / depth[:, 1:]
            found |= ratio > least_ratio
            found |= ratio < 1 / least_ratio
        yield _Steps(*(sides[found] for depth in (true, predicted) for sides in (depth[:, :-1], depth[:, 1:])))


def _at_least(levels: np.ndarray) -> np.ndarray:
    """Number of steps above each threshold, (10,)."""
    return np.bincount(levels, minlength=_LEVELS + 1)[:0:-1].cumsum()[::-1]


def _flying(steps: _Steps, edge_ratio: float) -> tuple[int, int]:
    """Number of pixels at true edges, and of flying ones among them."""
    near = np.minimum(steps.true_first, steps.true_second)
    far = np.maximum(steps.true_first, steps.true_second)
    edges = far / near > edge_ratio
    near, width = near[edges], np.log(far[edges] / near[edges])
    flying = 0
    for depth in (steps.first[edges], steps.second[edges]):
        share = np.log(depth / near) / width
        flying += int(np.count_nonzero((share > _MARGIN) & (share < 1 - _MARGIN)))
    return 2 * len(near), flying

"""Distances between and sizes of visible surfaces."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def thin(points: np.ndarray, count: int) -> np.ndarray:
    """At most so many of the rows, evenly spaced in their order; (N, D) to (M, D)."""
    return points if len(points) <= count else points[np.linspace(0, len(points) - 1, count).astype(np.intp)]


def nearest_points(first: np.ndarray, second: np.ndarray, quantile: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """The places where two surfaces come closest.

    The smallest of many noisy distances is biased towards zero, so the pair at a low quantile of the
    first's distances to the second stands for the gap.

    Args:
        first: (N, 3) points.
        second: (M, 3) points.
        quantile: Which of the ordered distances to take, in [0, 1].

    Returns:
        One point of each, float64 (3,).
    """
    # A tree that is built fast serves one query best.
    distances, partners = cKDTree(second, balanced_tree=False, compact_nodes=False).query(first)
    index = np.argsort(distances)[int(quantile * (len(first) - 1))]
    return first[index], second[partners[index]]


def centre(points: np.ndarray) -> np.ndarray:
    """Middle of the visible surface's extent, axis by axis, without its outermost 2 %; float64 (3,)."""
    low, high = np.percentile(points, (2, 98), axis=0)
    middle: np.ndarray = (low + high) / 2
    return middle

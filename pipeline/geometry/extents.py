"""Distances between visible surfaces, and their centres."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from pipeline.geometry.robust import STRAYS, inner_range


def thin(points: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` of the rows, evenly spaced in their order; (N, ...) to (M, ...)."""
    return points if len(points) <= count else points[np.linspace(0, len(points) - 1, count).astype(np.intp)]


def nearest_points(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places where two surfaces come closest.

    Args:
        first: (N, 3) points.
        second: (M, 3) points.

    Returns:
        One point of each, float64 (3,).
    """
    # For a single query, a tree that is fast to build is fastest overall.
    distances, partners = cKDTree(second, balanced_tree=False, compact_nodes=False).query(first)
    # The smallest of many noisy distances is biased towards zero.
    index = np.argsort(distances)[int(STRAYS * (len(first) - 1))]
    return first[index], second[partners[index]]


def centre(points: np.ndarray) -> np.ndarray:
    """Middle of the visible surface's extent, axis by axis, without its outermost 2 %; float64 (3,)."""
    low, high = inner_range(points)
    middle: np.ndarray = (low + high) / 2
    return middle

"""Lines that are robust against a minority of wrong pixels: Huber's loss and RANSAC, both seeded."""

from __future__ import annotations

import numpy as np

from pipeline.evaluate.depth.alignment_lines import Line, least_squares_line

MOST_PIXELS = 10_000
"""Most pixels that robust lines are fitted to, drawn once without replacement."""

# Huber's constant, which keeps 95 % of the efficiency of least squares under normal errors, and the factor that makes
# the median absolute deviation a standard deviation of such errors.
_HUBER, _NORMAL = 1.345, 1.4826
_MOST_STEPS = 200
# Iterations end once the line moves by less than this share of the spread of y.
_STILL = 1e-13

_DRAWS = 100
# A pixel is an inlier if the line is off by at most this share of its true depth or disparity.
_INLIER_SHARE = 0.05
_REFITS = 2


def sampled_pixels(pixels: int, seed: int, most: int = MOST_PIXELS) -> np.ndarray:
    """Increasing indices, int64, of all pixels, or of ``most`` drawn ones."""
    if pixels <= most:
        return np.arange(pixels)
    return np.sort(np.random.default_rng(seed).choice(pixels, most, replace=False, shuffle=False))


def ransac_draws(pixels: int, seed: int) -> np.ndarray:
    """Pairs of pixel indices, int64 (100, 2), through which RANSAC draws lines."""
    return np.random.default_rng(seed + 1).integers(pixels, size=(_DRAWS, 2))


def huber_line(x: np.ndarray, y: np.ndarray, seed: int) -> Line | None:
    """The line of least Huber loss (Huber, Ann. Math. Statist. 1964).

    Iteratively reweighted least squares, starting from ordinary least squares, until the line is stationary. Errors
    count linearly beyond 1.345 standard deviations, which each step estimates as 1.4826 times the median absolute error
    (Holland & Welsch, Commun. Statist. 1977). It tolerates outliers of y (the truth) but not of x (the prediction),
    which RANSAC does.

    Args:
        x: float64 (N,).
        y: float64 (N,).
        seed: Seed of the drawn pixels.

    Returns:
        The line, or None if x is constant.
    """
    chosen = sampled_pixels(len(x), seed)
    x, y = x[chosen], y[chosen]
    line = least_squares_line(x, y)
    tolerance = _STILL * float(np.ptp(y))
    for _ in range(_MOST_STEPS):
        if line is None:
            return None
        errors = np.abs(line(x) - y)
        limit = _HUBER * _NORMAL * float(np.median(errors))
        if limit <= tolerance:
            return line
        weights = limit / np.maximum(errors, limit)
        before, line = line, least_squares_line(x, y, weights)
        if line is not None and float(np.abs(line(x) - before(x)).max()) <= tolerance:
            return line
    return line


def ransac_line(x: np.ndarray, y: np.ndarray, seed: int) -> Line | None:
    """The line with the most inliers (Fischler & Bolles, Commun. ACM 1981).

    Takes the rising line with the most inliers, the first of equals, among 100 lines through two drawn pixels, and
    refits it twice by least squares to its inliers. A pixel is an inlier if the line is off by at most 5 % of y.

    Args:
        x: float64 (N,).
        y: float64 (N,), positive.
        seed: Seed of the drawn pixels and pairs.

    Returns:
        The line, or None if no drawn line rises.
    """
    chosen = sampled_pixels(len(x), seed)
    x, y = x[chosen], y[chosen]
    first, second = ransac_draws(len(x), seed).T
    run, rise = x[second] - x[first], y[second] - y[first]
    rises = run * rise > 0
    if not rises.any():
        return None
    slopes, starts = rise[rises] / run[rises], first[rises]
    lines = [Line(*numbers) for numbers in zip(slopes.tolist(), x[starts].tolist(), y[starts].tolist(), strict=True)]
    line = lines[int(np.argmax([np.count_nonzero(_is_inlier(line, x, y)) for line in lines]))]
    for _ in range(_REFITS):
        is_inlier = _is_inlier(line, x, y)
        line = least_squares_line(x[is_inlier], y[is_inlier]) or line
    return line


def _is_inlier(line: Line, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(line(x) - y) <= _INLIER_SHARE * y

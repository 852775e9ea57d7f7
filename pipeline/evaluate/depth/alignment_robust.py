"""Lines that a minority of wrong pixels does not move: Huber's loss and RANSAC, both seeded."""

from __future__ import annotations

import numpy as np

from pipeline.evaluate.depth.alignment_lines import Line, least_squares_line

MOST_PIXELS = 10_000
"""Robust lines are fitted to so many pixels at most, drawn once without repetition."""

# Huber's constant, which keeps 95 % of the efficiency of least squares under normal errors, and the factor that makes
# the median absolute deviation a standard deviation of such errors.
_HUBER, _NORMAL = 1.345, 1.4826
_MOST_STEPS = 200
# Steps end where the line moves by less than this share of the spread of y.
_STILL = 1e-13

_DRAWS = 100
# A pixel agrees with a line that is off by at most this share of the true value, whether depth or disparity.
_AGREES = 0.05
_REFITS = 2


def sampled_pixels(pixels: int, seed: int, most: int = MOST_PIXELS) -> np.ndarray:
    """Increasing indices, int64, of the pixels that are used: all, or ``most`` drawn ones."""
    if pixels <= most:
        return np.arange(pixels)
    return np.sort(np.random.default_rng(seed).choice(pixels, most, replace=False, shuffle=False))


def ransac_draws(pixels: int, seed: int) -> np.ndarray:
    """Pairs of indices below ``pixels``, int64 (100, 2), that RANSAC draws lines through."""
    return np.random.default_rng(seed + 1).integers(pixels, size=(_DRAWS, 2))


def huber_line(x: np.ndarray, y: np.ndarray, seed: int) -> Line | None:
    """The line of least Huber loss (Huber, Ann. Math. Statist. 1964).

    Iteratively reweighted least squares from the line of least squares; errors count linearly beyond 1.345 standard
    deviations, which are 1.4826 times the median absolute error and estimated anew in each step (Holland & Welsch,
    Commun. Statist. 1977), until the line stands still. It bears wrong values of y (a truth with outliers) but not of x
    (a prediction far off at some pixels), which RANSAC does.

    Args:
        x: float64 (N,).
        y: float64 (N,).
        seed: Of the pixels drawn.

    Returns:
        The line, or None where x is the same everywhere.
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
    """The line that most pixels agree with (Fischler & Bolles, Commun. ACM 1981).

    Of 100 rising lines through two drawn pixels the first that most pixels agree with is taken, and fitted again twice
    by least squares to those that do. A pixel agrees with a line that is off by at most 5 % of y.

    Args:
        x: float64 (N,).
        y: float64 (N,), positive.
        seed: Of the pixels and the pairs drawn.

    Returns:
        The line, or None where no drawn line rises.
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
    line = lines[int(np.argmax([np.count_nonzero(_agrees(line, x, y)) for line in lines]))]
    for _ in range(_REFITS):
        agrees = _agrees(line, x, y)
        line = least_squares_line(x[agrees], y[agrees]) or line
    return line


def _agrees(line: Line, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(line(x) - y) <= _AGREES * y

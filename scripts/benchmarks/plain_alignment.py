"""Alignments of predicted depth as they are usually written: one function each, float64, nothing shared.

An independent reference, from the definitions of the papers that each function names. Pixels are flat arrays of those
to fit to. Each function returns (scale, shift); a line that must not fall, but does, becomes the best constant.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray

HUBER, MAD_TO_SIGMA, HUBER_STEPS = 1.345, 1.4826, 200
AGREES, REFITS = 0.05, 2


def median_scale(predicted: Array, true: Array) -> tuple[float, float]:
    """Ratio of the medians. Zhou, Brown, Snavely, Lowe, CVPR 2017."""
    return float(np.median(true.astype(np.float64)) / np.median(predicted.astype(np.float64))), 0.0


def scale(predicted: Array, true: Array) -> tuple[float, float]:
    """Least squares of ``s p - t``."""
    p, t = predicted.astype(np.float64), true.astype(np.float64)
    return float(np.linalg.lstsq(p[:, None], t, rcond=None)[0][0]), 0.0


def scale_shift(x: Array, y: Array) -> tuple[float, float]:
    """Least squares of ``s x + t - y``: Ranftl et al., PAMI 2020, where x and y are disparities."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    s, t = np.linalg.lstsq(np.stack([x, np.ones_like(x)], axis=1), y, rcond=None)[0]
    return (float(s), float(t)) if s >= 0 else (0.0, float(np.mean(y)))


def huber(x: Array, y: Array) -> tuple[float, float]:
    """Huber's loss by weights ``min(1, 1.345 sigma / |error|)``, sigma anew from the median error at each step.

    P. Huber, "Robust estimation of a location parameter", 1964; Holland and Welsch 1977.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    columns = np.stack([x, np.ones_like(x)], axis=1)
    line = np.linalg.lstsq(columns, y, rcond=None)[0]
    for _ in range(HUBER_STEPS):
        error = np.abs(columns @ line - y)
        sigma = MAD_TO_SIGMA * np.median(error)
        root = np.sqrt(np.minimum(1, HUBER * sigma / np.maximum(error, 1e-300)))
        moved = np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)[0]
        still = np.allclose(moved, line, rtol=1e-13, atol=0)
        line = moved
        if still:
            break
    return (float(line[0]), float(line[1])) if line[0] >= 0 else (0.0, float(np.median(y)))


def ransac(x: Array, y: Array, draws: Array) -> tuple[float, float]:
    """The rising line through two pixels that most agree with to 5 % of y, fitted again twice to those that do.

    M. Fischler, R. Bolles, "Random sample consensus", 1981.

    Args:
        x: Predictions.
        y: What they should become, positive.
        draws: Pairs of indices, int (N, 2).
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    best, most = None, -1
    for first, second in draws:
        if x[first] == x[second]:
            continue
        s = (y[second] - y[first]) / (x[second] - x[first])
        t = y[first] - s * x[first]
        agreeing = int(np.count_nonzero(np.abs(s * x + t - y) <= AGREES * y))
        if s > 0 and agreeing > most:
            best, most = (s, t), agreeing
    if best is None:
        return 0.0, float(np.median(y))
    for _ in range(REFITS):
        agrees = np.abs(best[0] * x + best[1] - y) <= AGREES * y
        best = scale_shift(x[agrees], y[agrees])
    return float(best[0]), float(best[1])


def depth_of_disparity(disparity: Array, cap_m: float, least_m: float) -> Array:
    """Depth [m] of aligned disparity, which is first clamped to that of the cap: MiDaS, Ranftl et al. 2020."""
    return np.clip(1 / np.maximum(disparity.astype(np.float64), 1 / cap_m), least_m, cap_m)

"""Lines through pairs of numbers, without loss of digits where a shift is large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Rounding of the mean of equal values leaves deviations of about 1e-16 of them; values of float32 that differ do so
# by more than 1e-8.
_EQUAL = 1e-13


@dataclass(frozen=True)
class Line:
    """``y = y_mean + scale * (x - x_mean)``.

    Args:
        scale: Slope.
        x_mean: A point of the line; around it a large shift of x costs no digits.
        y_mean: Its height there.
    """

    scale: float
    x_mean: float = 0.0
    y_mean: float = 0.0

    @property
    def shift(self) -> float:
        """Height of the line at x = 0."""
        return self.y_mean - self.scale * self.x_mean

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Height of the line at x, a new float64 array."""
        y = np.subtract(x, self.x_mean, dtype=np.float64)
        y *= self.scale
        y += self.y_mean
        return y


def least_squares_line(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> Line | None:
    """The line with the least (weighted) sum of squared errors of y.

    Args:
        x: float64 (N,).
        y: float64 (N,).
        weights: float64 (N,), not negative; None weighs all alike.

    Returns:
        The line, or None where x is the same everywhere or there are fewer than two pairs.
    """
    if len(x) < 2:
        return None
    if weights is None:
        x_mean, y_mean = float(x.mean()), float(y.mean())
        away = x - x_mean
        square, total = float(away @ away), float(len(x))
        slope = float(away @ (y - y_mean))
    else:
        total = float(weights.sum())
        x_mean, y_mean = float(weights @ x) / total, float(weights @ y) / total
        away = x - x_mean
        weighted = weights * away
        square, slope = float(weighted @ away), float(weighted @ (y - y_mean))
    if square <= total * (_EQUAL * x_mean) ** 2 or square == 0:
        return None
    return Line(slope / square, x_mean, y_mean)


def constant_line(y: np.ndarray, is_robust: bool) -> Line:
    """The line without slope at the mean of y, or its median."""
    return Line(0.0, 0.0, float(np.median(y) if is_robust else y.mean()))

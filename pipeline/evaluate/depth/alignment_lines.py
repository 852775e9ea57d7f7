"""Lines through pairs of numbers that lose no digits to a large shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Rounding the mean of equal values leaves relative deviations of about 1e-16; distinct float32 values differ by more
# than 1e-8.
_EQUAL = 1e-13


@dataclass(frozen=True)
class Line:
    """``y = y_mean + scale * (x - x_mean)``.

    Args:
        scale: Slope.
        x_mean: Position of a point on the line; measured from it, a large shift of x costs no digits.
        y_mean: Height of that point.
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
    """The line with the smallest (weighted) sum of squared errors of y.

    Args:
        x: float64 (N,).
        y: float64 (N,).
        weights: float64 (N,), not negative; None gives equal weights.

    Returns:
        The line, or None if x is constant or there are fewer than two pairs.
    """
    if len(x) < 2:
        return None
    total = float(len(x) if weights is None else weights.sum())
    x_mean, y_mean = (float(values.mean() if weights is None else weights @ values / total) for values in (x, y))
    away = x - x_mean
    weighted = away if weights is None else weights * away
    square, slope = float(weighted @ away), float(weighted @ (y - y_mean))
    if square <= total * (_EQUAL * x_mean) ** 2 or square == 0:
        return None
    return Line(slope / square, x_mean, y_mean)


def constant_line(y: np.ndarray, is_robust: bool) -> Line:
    """The constant line at the mean of y, or at its median if robust."""
    return Line(0.0, 0.0, float(np.median(y) if is_robust else y.mean()))

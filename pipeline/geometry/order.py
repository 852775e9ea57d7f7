"""Probabilities of order from distributions with noise."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr


def normal_cdf(value: float) -> float:
    """Probability that a standard normal variable is smaller than the value."""
    return float(ndtr(value))


def probability_positive(measured: float, sigma: float) -> float:
    """Probability that the true value is positive, given a measurement with normal error.

    >>> probability_positive(1.0, 0.0), probability_positive(0.0, 0.0), round(probability_positive(1.96, 1.0), 3)
    (1.0, 0.5, 0.975)
    """
    return normal_cdf(measured / sigma) if sigma > 0 else float((np.sign(measured) + 1) / 2)


def probability_about(measured: float, sigma: float, low: float, high: float) -> float:
    """Probability that a claim of a value in [low, high] is correct.

    It is high only where most of the measurement's error lies inside, and low only where the measurement
    misses the interval by more than its error: a coarse measurement, which can do neither, gives one half.

    Args:
        measured: The measured value.
        sigma: Its standard deviation, not negative.
        low: Lower end.
        high: Upper end.

    Example:
        >>> [round(probability_about(1.0, sigma, 0.9, 1.1), 2) for sigma in (0.01, 0.05, 1.0)]
        [1.0, 0.95, 0.5]
        >>> round(probability_about(1.0, 0.1, 1.3, 1.5), 4)
        0.0013
    """
    miss = max(low - measured, measured - high)
    if miss > 0:
        return 1 - probability_within(0.0, sigma, -math.inf, miss)
    return max(0.5, probability_within(measured, sigma, low, high))


def probability_within(measured: float, sigma: float, low: float, high: float) -> float:
    """Probability that the true value lies in [low, high], given a measurement with normal error.

    Args:
        measured: The measured value.
        sigma: Its standard deviation, not negative.
        low: Lower end, may be minus infinity.
        high: Upper end, may be infinity.
    """
    if sigma <= 0:
        return float(low <= measured <= high)
    return float(ndtr((high - measured) / sigma) - ndtr((low - measured) / sigma))

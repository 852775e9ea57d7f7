"""Probabilities of order from distributions with noise."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr


def normal_cdf(value: float) -> float:
    """Probability that a standard normal variable is smaller than the value."""
    return float(ndtr(value))


def probability_less(first: np.ndarray, second: np.ndarray, noise: float) -> float:
    """Probability that a draw of the first distribution is less than one of the second.

    This is the area under the ROC curve (Mann & Whitney 1947) of the two sets of quantiles, each
    difference blurred by normal noise.

    Args:
        first: (N,) quantiles of the first, evenly spaced.
        second: (M,) quantiles of the second, evenly spaced.
        noise: Standard deviation of a difference, in the unit of both, not negative.

    Returns:
        A probability; ties count one half.

    Example:
        >>> round(probability_less(np.array([1.0]), np.array([2.0]), 0.5), 3)
        0.977
    """
    difference = second[None, :] - first[:, None]
    if noise <= 0:
        return float((np.sign(difference).mean() + 1) / 2)
    with np.errstate(over="ignore"):
        return float(ndtr(difference / noise).mean())


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

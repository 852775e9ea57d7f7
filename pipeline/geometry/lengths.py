"""Probabilities of claimed lengths and shares, given measured ones."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import log_ndtr, ndtr

# Wrong claims deviate from the true length by about this: standard deviation of the logarithm.
_CLAIM_SPREAD = 0.5
# Some are far off.
_WIDE_SPREAD, _WIDE_WEIGHT = 2.0, 0.1
_GRID = np.linspace(-5.0, 5.0, 1001)
LEAST_SIGMA = 0.004
"""A measurement is never trusted more than this, and less that is hidden is ignored: deviation of a logarithm."""
# Beyond this logarithm and this many deviations a claim's number is absurd, or trivially correct.
_FAR, _FAR_DEVIATIONS = 1.5, 8.0
# A hidden share exceeds its lower bound by this share of what is left open, on average.
_MEAN_EXCESS = 0.2
# Weight of an unrelated measurement.
_OUTLIER = 0.0005


def _bell(deviations: np.ndarray) -> np.ndarray:
    bell: np.ndarray = np.exp(-0.5 * deviations**2)
    return bell


_PRIOR = _bell(_GRID / _CLAIM_SPREAD) + _WIDE_WEIGHT * _bell(_GRID / _WIDE_SPREAD)


def length_probability(
    least: float, most: float, measured: float, sigma: float, *, hidden: float = 0.0, covered: float = 0.0
) -> float:
    """Probability that a true length lies within what a claim allows, by Bayes' rule.

    Before the measurement, a claim is as likely to be correct as wrong. If it is correct, the true length lies anywhere
    in the allowed range; if it is wrong, anywhere else, more often near than far (in the logarithm, mostly normal with
    deviation 0.5). A measurement coarser than the claim therefore gives about one half.

    Args:
        least: Least length that the claim allows, not negative.
        most: Largest one; may be infinity.
        measured: Measured length, positive, in the same unit.
        sigma: Standard deviation of its logarithm.
        hidden: Mean of the logarithm by which the true length exceeds the measured one because a part is hidden:
            exponential; 0 where all is seen.
        covered: The same by which it falls short.

    Example:
        >>> [round(length_probability(0.9, 1.1, measured, 0.02), 2) for measured in (1.0, 1.3)]
        [1.0, 0.0]
        >>> 0.3 < length_probability(0.9, 1.1, 1.0, 2.0) < 0.7
        True
        >>> [round(length_probability(1.9, 2.1, 1.0, 0.02, hidden=mean), 2) for mean in (0, 0.5)]
        [0.0, 0.54]
    """
    if not least < most:
        most = least * (1 + 1e-6) + 1e-12
    low = math.log(max(least, 1e-9))
    high = math.log(most) if most < math.inf else math.inf
    far = _far(least, most, measured, sigma + hidden, sigma + covered)
    if far is not None:
        return far
    # The grid is centred on the claim to keep the allowed range well inside.
    centre = low if high == math.inf else (high if least <= 0 else (low + high) / 2)
    lengths = centre + _GRID
    sigma = max(sigma, LEAST_SIGMA)
    deviation = math.log(max(measured, 1e-9)) - lengths
    if hidden > LEAST_SIGMA:
        likelihood = _exponential(deviation, sigma, hidden)
    elif covered > LEAST_SIGMA:
        likelihood = _exponential(-deviation, sigma, covered)
    else:
        likelihood = _bell(deviation / sigma) / sigma
    likelihood = likelihood + _OUTLIER
    # Grid cells at the ends of the allowed range count in part.
    cell = _GRID[1] - _GRID[0]
    within = np.clip((high - lengths) / cell + 0.5, 0, 1) * np.clip((lengths - low) / cell + 0.5, 0, 1)
    if within.sum() < 1e-6:
        within = _bell((lengths - centre) / cell)
    correct, wrong = _PRIOR * within, _PRIOR * (1 - within)
    if wrong.sum() <= 0:
        return 0.5
    for_it = float(correct @ likelihood / correct.sum())
    against = float(wrong @ likelihood / wrong.sum())
    probability = for_it / (for_it + against)
    return round(probability, 12)


def _far(least: float, most: float, measured: float, longer: float, shorter: float) -> float | None:
    """The probability where no error reaches the ends of the allowed range; None elsewhere.

    Args:
        least: Least length allowed.
        most: Largest one.
        measured: Measured length.
        longer: By how much the true length may be longer, as a deviation of its logarithm.
        shorter: By how much it may be shorter.
    """
    measured = max(measured, 1e-9)
    above = math.log(measured / max(most, 1e-12)) if most < math.inf else -math.inf
    below = math.log(max(least, 1e-12) / measured) if least > 0 else -math.inf
    if above > _FAR + _FAR_DEVIATIONS * shorter or below > _FAR + _FAR_DEVIATIONS * longer:
        return _OUTLIER
    if above < -_FAR - _FAR_DEVIATIONS * longer and below < -_FAR - _FAR_DEVIATIONS * shorter:
        return 1 - _OUTLIER
    return None


def _exponential(deviation: np.ndarray, sigma: float, mean: float) -> np.ndarray:
    """Density of normal error minus an exponential shortfall (exponentially modified Gaussian)."""
    exponent = deviation / mean + sigma**2 / (2 * mean**2)
    tail = log_ndtr(-(deviation / sigma + sigma / mean))
    density: np.ndarray = np.exp(np.minimum(exponent + tail, 700)) / mean
    return density


def share_probability(least: float, most: float, low: float, high: float, sigma: float) -> float:
    """Probability that a share lies within what a claim allows, by Bayes' rule as for lengths.

    Args:
        least: Least share that the claim allows.
        most: Largest one.
        low: Least share that was measured; the true one exceeds it by little more often than by much.
        high: Largest one.
        sigma: Error of both.
    """
    value = most if least <= 0 else (least if most >= 1 else (least + most) / 2)
    shares = max(value, 1e-3) * np.exp(_GRID)
    beyond = (shares - low) / (_MEAN_EXCESS * max(high - low, 0.0) + sigma)
    likelihood = np.where(beyond >= 0, np.exp(-np.maximum(beyond, 0)), _bell((shares - low) / sigma))
    likelihood *= ndtr((high - shares) / sigma)
    likelihood = np.where(shares <= 1, likelihood, 0.0) + _OUTLIER
    within = (shares >= least) & (shares <= most)
    if not within.any() or within.all():
        return 0.5
    for_it = float(_PRIOR[within] @ likelihood[within] / _PRIOR[within].sum())
    against = float(_PRIOR[~within] @ likelihood[~within] / _PRIOR[~within].sum())
    return for_it / (for_it + against)

"""Larger, smaller, taller, wider: compares two sizes; depth up to scale is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import log_ndtr

from pipeline.geometry.lengths import LEAST_SIGMA
from pipeline.geometry.order import normal_cdf
from pipeline.records import Claim
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.size import measured


def judge(claim: Claim, subject: ObjectView, other: ObjectView, *, sign: int, extent: str) -> Finding:
    """Compare heights, widths, or for ``size`` the geometric mean of both.

    Raises:
        CannotMeasure: If the depth has no shape or an object too few pixels.
    """
    first, second = (_log_size(item, extent) for item in (subject, other))
    gap = first.log - second.log
    # Visible extents of partly hidden objects are lower bounds: the true ones are longer by an unknown factor.
    probability = _larger(first, second)
    probability = probability if sign > 0 else 1 - probability
    bound = first.hidden > 0 or second.hidden > 0
    return Finding(
        probability,
        sign * gap,
        "relative",
        message(
            "visible_size_ratio" if bound else "size_ratio",
            subject=claim.subject,
            object=claim.object,
            ratio=math.exp(gap),
            extent=extent,
        ),
        {"ratio": math.exp(gap), "sigma_relative": math.hypot(first.sigma, second.sigma)},
        needs="needs_whole_views" if bound else "needs_different_sizes",
    )


@dataclass(frozen=True)
class _LogSize:
    log: float
    sigma: float
    hidden: float


def _log_size(item: ObjectView, extent: str) -> _LogSize:
    """Logarithm of a size with its error, and the mean of what hidden parts add to it."""
    sides = ("height", "width") if extent == "size" else (extent,)
    found = [measured(item, side) for side in sides]
    return _LogSize(
        sum(math.log(part.length) for part in found) / len(found),
        max(part.sigma for part in found),
        sum(part.hidden for part in found) / len(found),
    )


def _larger(first: _LogSize, second: _LogSize) -> float:
    """Probability that the first is larger, with normal errors and exponential hidden parts."""
    sigma = max(_COMMON * math.hypot(first.sigma, second.sigma), 1e-6)
    hidden_first, hidden_second = _HIDDEN * first.hidden, _HIDDEN * second.hidden
    gap = first.log - second.log
    # The difference of two exponential variables is one of them, with a probability that grows with its mean.
    total = max(hidden_first + hidden_second, 1e-9)
    longer, shorter = hidden_first * _tail(gap, sigma, hidden_first), hidden_second * _tail(-gap, sigma, hidden_second)
    return min(max(normal_cdf(gap / sigma) + (longer - shorter) / total, 0.0), 1.0)


def _tail(gap: float, sigma: float, mean: float) -> float:
    """Probability that a normal variable around a gap is negative, and not so after adding an exponential one."""
    if mean < LEAST_SIGMA:
        return 0.0
    return math.exp(gap / mean + sigma**2 / (2 * mean**2) + log_ndtr(-gap / sigma - sigma / mean))


# Two sizes of one frame share part of their error, and hidden parts rarely turn an order around.
_COMMON, _HIDDEN = 0.8, 0.55

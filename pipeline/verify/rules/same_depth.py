"""At the same depth: the two medians differ by no more than the tolerance."""

from __future__ import annotations

import math

from pipeline.geometry.order import probability_about
from pipeline.records import Claim
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding
from pipeline.verify.rules.object_view import ObjectView

# The middle of an object that reaches far into the scene may be meant elsewhere: a share of its range of depth.
_MIDDLE_SHARE = 0.15


def judge(claim: Claim, subject: ObjectView, other: ObjectView) -> Finding:
    """Compare the relative difference of two depths with the tolerance."""
    gap = other.pixels.median - subject.pixels.median
    sigma = math.hypot(subject.pair_noise(other), *(_MIDDLE_SHARE * _range(item) for item in (subject, other)))
    tolerance = subject.view.settings.tolerance
    return Finding(
        probability_about(gap, sigma, -tolerance, tolerance),
        tolerance - abs(gap),
        "relative",
        message("depth_difference", subject=claim.subject, object=claim.object, difference=abs(math.expm1(gap))),
        {"difference_relative": math.expm1(gap)},
        needs="needs_depth_for_tolerance",
    )


def _range(item: ObjectView) -> float:
    """Range of the order coordinates of an object, its outermost 6 % aside."""
    quantiles = item.pixels.quantiles
    return float(quantiles[-3] - quantiles[2])

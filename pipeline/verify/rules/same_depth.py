"""At the same depth: the two medians differ by no more than the tolerance."""

from __future__ import annotations

import math

from pipeline.geometry.order import probability_about
from pipeline.records import Claim
from pipeline.verify.rules.base import Finding
from pipeline.verify.rules.object_view import ObjectView


def judge(claim: Claim, subject: ObjectView, other: ObjectView) -> Finding:
    """Compare the relative difference of two depths with the tolerance."""
    gap = other.pixels.median - subject.pixels.median
    sigma = subject.pair_noise(other)
    tolerance = subject.view.settings.tolerance
    return Finding(
        probability_about(gap, sigma, -tolerance, tolerance),
        tolerance - abs(gap),
        "relative",
        f"The depths of {claim.subject!r} and {claim.object!r} differ by {abs(math.expm1(gap)):.0%}.",
        {"difference_relative": math.expm1(gap)},
        needs="depth that is more precise than the tolerance",
    )

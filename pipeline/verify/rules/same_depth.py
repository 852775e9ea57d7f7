"""At the same depth: the two medians differ by no more than the tolerance."""

from __future__ import annotations

import math

from pipeline.geometry.order import probability_about
from pipeline.records import Claim
from pipeline.records.message import message
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
        message("depth_difference", subject=claim.subject, object=claim.object, difference=abs(math.expm1(gap))),
        {"difference_relative": math.expm1(gap)},
        needs="needs_depth_for_tolerance",
    )

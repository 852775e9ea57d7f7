"""Distance between two objects, from surface to surface or from centre to centre."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.robust import LITTLE
from pipeline.records import Claim, Comparison
from pipeline.records.error_budget import HALF_INTERVAL
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding, number_probability, point
from pipeline.verify.rules.extents import box_gap
from pipeline.verify.rules.gaps import gap_between
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.size import SHAPE_ERROR

# The true gap is smaller than the visible one by this share of the logarithm that hidden parts could add, on average.
_COVERED_SHARE = 0.6
# Where boxes overlap, the gap may be as small as this share of the visible one.
_LEAST_GAP = 0.3


def judge(claim: Claim, subject: ObjectView, other: ObjectView) -> Finding:
    """Measure between the nearest visible points and between the centres of the two.

    Where the claim does not say which of the two it means, any value between them fits; a bound must hold for both.
    """
    view = subject.view
    gap = gap_between(subject, other)
    first, second = subject.centre, other.centre
    centres_m = float(np.linalg.norm(first.position - second.position))
    scale = view.budget.length(view.depth, view.camera.source)
    between = gap.second - gap.first
    # Hidden backs and sides bring the two nearer, at most to the distance of their boxes.
    boxes_m = max(box_gap(subject, other), _LEAST_GAP * gap.visible)
    covered = _COVERED_SHARE * max(math.log(max(gap.visible, 1e-6) / boxes_m), LITTLE)
    nearest_sigma = math.hypot(scale, _depth_error(subject, other, between))
    centre_sigma = math.hypot(scale, _centre_error(subject, other))
    tolerance = view.settings.tolerance
    # A surface is never nearer than the gap that the image shows between the two.
    if gap.visible - gap.least < 1e-9:
        covered = 0.0
    if claim.measure == "nearest":
        probability, margin_m = number_probability(
            claim, gap.visible, gap.visible, nearest_sigma, tolerance, covered=(covered, covered)
        )
    elif claim.measure == "centre":
        probability, margin_m = number_probability(claim, centres_m, centres_m, centre_sigma, tolerance)
    elif claim.comparison is not Comparison.ABOUT:
        # A bound holds only as far as it holds for both.
        found = (
            number_probability(claim, gap.visible, gap.visible, nearest_sigma, tolerance, covered=(covered, covered)),
            number_probability(claim, centres_m, centres_m, centre_sigma, tolerance),
        )
        probability = sum(each for each, _ in found) / 2
        margin_m = math.copysign(min(abs(margin) for _, margin in found), probability - 0.5)
    else:
        low, high = min(gap.visible, centres_m), max(gap.visible, centres_m)
        probability, margin_m = number_probability(
            claim, low, high, (nearest_sigma, centre_sigma), tolerance, covered=(covered, 0.0)
        )
    sigma = nearest_sigma if claim.measure == "nearest" else centre_sigma
    return Finding(
        probability,
        margin_m,
        "m",
        message(
            "distances",
            nearest=gap.visible,
            centres=centres_m,
            interval=HALF_INTERVAL * sigma,
            claimed=claim.number,
        ),
        {
            "nearest_visible_m": gap.visible,
            "least_m": gap.least,
            "centres_m": centres_m,
            "nearest_sigma_relative": nearest_sigma,
            "centre_sigma_relative": centre_sigma,
        },
        {
            "nearest_subject": point(gap.first),
            "nearest_object": point(gap.second),
            "centre_subject": point(first.position),
            "centre_object": point(second.position),
        },
        "needs_meant_points",
    )


def _depth_error(first: ObjectView, second: ObjectView, between: np.ndarray) -> float:
    """Error of a distance because of the two depths, as a fraction: the part of it that lies along the view."""
    length = max(float(np.linalg.norm(between)), 1e-9)
    z = (first.z + second.z) / 2
    along = abs(float(between[2])) / length
    pair, common = first.pair_noise(second), min(first.depth_noise, second.depth_noise)
    edge_m = math.hypot(first.edge_error_px(0), second.edge_error_px(0)) * z / first.view.camera.fx
    return math.hypot(SHAPE_ERROR, max(along, 0.1) * pair * z / length, common, edge_m / length)


def _centre_error(subject: ObjectView, other: ObjectView) -> float:
    """Error of the distance of two centres, as a fraction."""
    first, second = subject.centre, other.centre
    between = second.position - first.position
    length = max(float(np.linalg.norm(between)), 1e-9)
    parts = [_depth_error(subject, other, between)]
    for item in (first, second):
        parts.append(float(np.linalg.norm(item.sigmas * (item.axes.T @ between) / length)) / length)
        # Errors across the line lengthen it a little.
        parts.append(0.5 * float(np.square(item.sigmas).sum()) / length**2)
    return float(np.hypot.reduce(parts))

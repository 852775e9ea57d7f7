"""Distance between two objects, from surface to surface or from centre to centre."""

from __future__ import annotations

import math

import numpy as np

from pipeline.records import Claim
from pipeline.verify.rules.base import Finding, in_words, number_probability, point
from pipeline.verify.rules.extents import Centre, box_gap, centre
from pipeline.verify.rules.gaps import gap_between
from pipeline.verify.rules.view import FrameView

# The true gap is smaller than the visible one by this share of the logarithm that hidden parts could add, on average.
_COVERED_SHARE, _LEAST_COVERED = 0.6, 0.12
# How far the visible points of two surfaces are from their nearest ones even where nothing is hidden, as a share.
_SHAPE_ERROR = 0.015
# Boxes that overlap say nothing about the gap but that it may be this share of the visible one.
_LEAST_GAP = 0.3


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...]) -> Finding:
    """Measure between the nearest visible points and between the centres of the two.

    Where the claim does not say which of the two it means, any value between them fits.
    """
    other = objects[0]
    gap = gap_between(view, subject, other)
    first, second = centre(view, subject), centre(view, other)
    centres_m = float(np.linalg.norm(first.position - second.position))
    scale = view.budget.length(view.depth, view.camera.source)
    between = gap.second - gap.first
    # Hidden backs and sides bring the two nearer, at most to the distance of their boxes.
    boxes_m = max(box_gap(view, subject, other), _LEAST_GAP * gap.visible)
    covered = _COVERED_SHARE * max(math.log(max(gap.visible, 1e-6) / boxes_m), _LEAST_COVERED)
    nearest_sigma = math.hypot(scale, _depth_error(view, subject, other, between))
    centre_sigma = math.hypot(scale, _centre_error(view, subject, other, first, second))
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
        f"{in_words(gap.visible)} between the nearest visible points, {in_words(centres_m)} between the centres "
        f"(+/- {sigma:.0%}); the claim says {claim.value:g} {claim.unit}.",
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
        "more precise depth, scale or focal length, or a claim that says which points are meant",
    )


def _depth_error(view: FrameView, first: int, second: int, between: np.ndarray) -> float:
    """Error of a distance because of the two depths, as a fraction: the part of it that lies along the view."""
    length = max(float(np.linalg.norm(between)), 1e-9)
    z = (view.z(first) + view.z(second)) / 2
    along = abs(float(between[2])) / length
    pair, common = view.pair_noise(first, second), min(view.depth_noise(first), view.depth_noise(second))
    edge_m = math.hypot(*(view.edge_error_px(index, 0) for index in (first, second))) * z / view.camera.fx
    return math.hypot(_SHAPE_ERROR, max(along, 0.1) * pair * z / length, common, edge_m / length)


def _centre_error(view: FrameView, subject: int, other: int, first: Centre, second: Centre) -> float:
    """Error of the distance of two centres, as a fraction."""
    between = second.position - first.position
    length = max(float(np.linalg.norm(between)), 1e-9)
    parts = [_depth_error(view, subject, other, between)]
    for item in (first, second):
        parts.append(float(np.linalg.norm(item.sigmas * (item.axes.T @ between) / length)) / length)
        # Errors across the line lengthen it a little.
        parts.append(0.5 * float(np.square(item.sigmas).sum()) / length**2)
    return float(np.hypot.reduce(parts))

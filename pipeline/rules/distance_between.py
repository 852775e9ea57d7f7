"""Distance between two objects."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.edges import SIDES
from pipeline.geometry.extents import centre
from pipeline.records import Claim, Comparison
from pipeline.rules.base import CannotMeasure, Finding, in_words, number_probability, point
from pipeline.rules.gaps import centre_error, gap_between
from pipeline.rules.view import FrameView
from pipeline.rules.visibility import cut_off


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...]) -> Finding:
    """Measure from surface to surface and from centre to centre.

    The nearest points are bounded from both sides, see ``Gap``. Where the claim does not say which of the two
    it means, any value between them fits.
    """
    gap = gap_between(view, subject, objects[0])
    centre_first, centre_second = centre(view.points(subject)), centre(view.points(objects[0]))
    centres_m = float(np.linalg.norm(centre_first - centre_second))
    low, high = {
        "nearest": (gap.least, gap.visible),
        "centre": (centres_m, centres_m),
        None: (gap.least, max(gap.visible, centres_m)),
    }[claim.measure]
    sigma_m = _sigma(view, subject, objects[0], centres_m)
    hidden = None if claim.measure == "nearest" else _hidden(view, (subject, objects[0]))
    probability, margin_m = number_probability(claim, low, high, sigma_m, view.settings.tolerance)
    if hidden is not None:
        # The centres may lie anywhere, but no nearer to each other than the nearest points.
        probability, margin_m = number_probability(claim, gap.least, gap.least, sigma_m, view.settings.tolerance)
        if probability >= 0.5 or claim.comparison is Comparison.AT_LEAST or (claim.value_m or 0) > gap.least:
            raise hidden
    return Finding(
        probability,
        margin_m,
        "m",
        f"{in_words(gap.visible)} between the nearest visible points, {in_words(centres_m)} between the centres "
        f"(+/- {in_words(sigma_m)}); the claim says {claim.value:g} {claim.unit}.",
        {"nearest_visible_m": gap.visible, "least_m": gap.least, "centres_m": centres_m, "sigma_m": sigma_m},
        {
            "nearest_subject": point(gap.first),
            "nearest_object": point(gap.second),
            "centre_subject": point(centre_first),
            "centre_object": point(centre_second),
        },
        "more precise depth, scale or focal length, or a claim that says which points are meant",
    )


def _hidden(view: FrameView, indices: tuple[int, ...]) -> CannotMeasure | None:
    """Why the centre of one of the objects is not known, or None where all of both is visible."""
    for index in indices:
        sides = [side for side in SIDES if cut_off(view, index, side)]
        if sides:
            return CannotMeasure(
                f"{view.label(index)!r} goes on beyond its {' and '.join(sides)} side, so its centre is not known.",
                "a view of both whole objects, or a claim about the nearest points",
            )
    return None


def _sigma(view: FrameView, subject: int, other: int, distance_m: float) -> float:
    """Error of the distance [m]: both depths, both boxes, and the scale of the whole."""
    parts = [view.budget.length(view.depth, view.camera.source) * distance_m]
    for index in (subject, other):
        z = view.z(index)
        left, _, right, _ = view.box_px(index)
        edge_m = view.edge_error_px(index, 0) / 2 * z / view.camera.fx
        parts += [view.depth_noise(index) * z, edge_m, centre_error(view, index)]
    return math.hypot(*parts)

"""Distance between two objects."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.extents import centre, nearest_points
from pipeline.records import Claim
from pipeline.rules.base import Finding, number_probability, point
from pipeline.rules.view import FrameView


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...]) -> Finding:
    """Measure from surface to surface and from centre to centre.

    Where the claim does not say which of the two it means, any value between them fits.
    """
    first, second = view.points(subject), view.points(objects[0])
    near_first, near_second = nearest_points(first, second)
    centre_first, centre_second = centre(first), centre(second)
    nearest_m = float(np.linalg.norm(near_first - near_second))
    centres_m = float(np.linalg.norm(centre_first - centre_second))
    if claim.measure == "nearest":
        low = high = nearest_m
    elif claim.measure == "centre":
        low = high = centres_m
    else:
        low, high = min(nearest_m, centres_m), max(nearest_m, centres_m)
    sigma_m = _sigma(view, subject, objects[0], centres_m)
    probability, margin_m = number_probability(claim, low, high, sigma_m, view.settings.tolerance)
    return Finding(
        probability,
        margin_m,
        "m",
        f"{nearest_m:.2f} m between the nearest visible points, {centres_m:.2f} m between the centres "
        f"(+/- {sigma_m:.2f} m); the claim says {claim.value:g} {claim.unit}.",
        {"nearest_m": nearest_m, "centres_m": centres_m, "sigma_m": sigma_m},
        {
            "nearest_subject": point(near_first),
            "nearest_object": point(near_second),
            "centre_subject": point(centre_first),
            "centre_object": point(centre_second),
        },
        "more precise depth, scale or focal length, or a claim that says which points are meant",
    )


def _sigma(view: FrameView, subject: int, other: int, distance_m: float) -> float:
    """Error of the distance [m]: both depths, both boxes, and the scale of the whole."""
    parts = [view.budget.length(view.depth, view.camera.source) * distance_m]
    for index in (subject, other):
        z = view.z(index)
        left, _, right, _ = view.regions[index].box_px
        parts += [view.depth_noise(index) * z, view.budget.box_edge_px(right - left) / 2 * z / view.camera.fx]
    return math.hypot(*parts)

"""Distance of an object to the camera."""

from __future__ import annotations

import math

import numpy as np

from pipeline.records import Claim
from pipeline.verify.rules.base import Finding, in_words, number_probability, point
from pipeline.verify.rules.object_view import ObjectView


def judge(claim: Claim, subject: ObjectView) -> Finding:
    """Measure to the nearest and to the middle of the visible surface; a value between them fits."""
    view, points = subject.view, subject.points
    ranges = np.linalg.norm(points, axis=1)
    near_m, middle_m = (float(value) for value in np.percentile(ranges, (5, 50)))
    scale = view.budget.scale_error(view.depth)
    sigma = math.hypot(subject.depth_noise, scale)
    probability, margin_m = number_probability(claim, near_m, middle_m, sigma, view.settings.tolerance)
    return Finding(
        probability,
        margin_m,
        "m",
        f"{claim.subject!r} is {in_words(near_m)} (nearest) to {in_words(middle_m)} (middle) away "
        f"(+/- {sigma:.0%}); the claim says {claim.value:g} {claim.unit}.",
        {"nearest_m": near_m, "middle_m": middle_m, "sigma_relative": sigma},
        {"subject": point(np.median(points, axis=0))},
        "more precise depth or scale",
    )

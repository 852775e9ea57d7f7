"""Distance of an object to the camera."""

from __future__ import annotations

import math

import numpy as np

from pipeline.records import Claim
from pipeline.records.error_budget import HALF_INTERVAL
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding, number_probability, point
from pipeline.verify.rules.object_view import ObjectView


def judge(claim: Claim, subject: ObjectView) -> Finding:
    """Measure to the nearest and to the middle of the visible surface; a value between them fits."""
    view = subject.view
    ranges = np.linalg.norm(subject.points, axis=1)
    near_m, middle_m = (float(value) for value in np.percentile(ranges, (5, 50)))
    scale = view.budget.scale_error(view.depth)
    # z / f turns into distance only beside the optical axis, as far as it lies beside it.
    beside = 1 - (subject.z / max(middle_m, 1e-9)) ** 2
    focal = max(beside, 0.0) * view.budget.focal[view.camera.source]
    sigma = math.hypot(subject.depth_noise, scale, focal)
    probability, margin_m = number_probability(claim, near_m, middle_m, sigma, view.settings.tolerance)
    return Finding(
        probability,
        margin_m,
        "m",
        message(
            "distance_to_camera",
            subject=claim.subject,
            nearest=near_m,
            middle=middle_m,
            interval=HALF_INTERVAL * sigma,
            claimed=claim.number,
        ),
        {"nearest_m": near_m, "middle_m": middle_m, "sigma_relative": sigma},
        {"subject": point(subject.middle)},
        "needs_depth_or_scale",
    )

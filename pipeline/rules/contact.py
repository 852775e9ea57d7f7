"""Touching, on: two surfaces without a gap that the depth could show."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.extents import nearest_points
from pipeline.geometry.order import normal_cdf
from pipeline.records import Claim, DepthKind
from pipeline.rules.base import CannotMeasure, Finding, point
from pipeline.rules.view import FrameView

# Two surfaces closer than this share of their distance to the camera may touch.
_TOUCH_SHARE = 0.02


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...], *, axis: str | None = None) -> Finding:
    """Measure the gap between the visible surfaces.

    A wide gap refutes. A missing gap supports ``touching`` only as far as the depth is precise; ``on``
    also needs the subject to stand above the object in the picture.

    Args:
        claim: The claim.
        view: The frame.
        subject: Index of the subject's region.
        objects: Index of the object's region.
        axis: ``y`` where the subject must lie above.

    Raises:
        CannotMeasure: If the depth has no shape, or is too coarse to tell a gap from contact.
    """
    first, second = view.points(subject), view.points(objects[0])
    near_first, near_second = nearest_points(first, second)
    gap = float(np.linalg.norm(near_first - near_second))
    z = view.z(subject)
    # Eroded edges open an apparent gap of so many pixels.
    edges = (2 * view.settings.edge_px + 1) * z / view.camera.fx
    limit = _TOUCH_SHARE * z + edges
    sigma = math.hypot(view.depth_noise(subject) * z, view.depth_noise(objects[0]) * view.z(objects[0]))
    probability = normal_cdf((limit - gap) / sigma)
    unit = "m" if view.depth.kind is DepthKind.METRIC else "of the depth's unit"
    if axis == "y":
        probability = min(probability, _stands_above(view, subject, objects[0]))
    note = f"The nearest visible points of {claim.subject!r} and {claim.object!r} are {gap:.3f} {unit} apart."
    if probability > 0.5 and sigma > limit:
        raise CannotMeasure(f"{note} The depth is too coarse to tell contact from a small gap.", "more precise depth")
    return Finding(
        probability,
        limit - gap,
        unit,
        note,
        {"gap": gap, "sigma": sigma},
        {"nearest_subject": point(near_first), "nearest_object": point(near_second)},
        "more precise depth where the two meet",
    )


def _stands_above(view: FrameView, subject: int, other: int) -> float:
    """Probability that the subject's lower edge lies above the object's lower edge in the picture."""
    first, second = view.regions[subject].box_px, view.regions[other].box_px
    sigma = math.hypot(view.budget.box_edge_px(first[3] - first[1]), view.budget.box_edge_px(second[3] - second[1]))
    return normal_cdf((second[3] - first[3]) / sigma)

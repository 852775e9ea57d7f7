"""Touching, on: two surfaces without a gap that the depth could show."""

from __future__ import annotations

import math

from pipeline.geometry.order import probability_positive
from pipeline.records import Claim, DepthKind
from pipeline.rules.base import CannotMeasure, Finding, point
from pipeline.rules.gaps import gap_between
from pipeline.rules.view import FrameView

# Two surfaces closer than this share of their distance to the camera may touch.
_TOUCH_SHARE = 0.02


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...], *, axis: str | None = None) -> Finding:
    """Bound the gap between the two from both sides, see ``Gap``; in between nothing is decided.

    Args:
        claim: The claim.
        view: The frame.
        subject: Index of the subject's region.
        objects: Index of the object's region.
        axis: ``y`` where the subject must stand on the object.

    Raises:
        CannotMeasure: If the depth has no shape, or what decides is hidden or too coarse.
    """
    other = objects[0]
    gap = gap_between(view, subject, other)
    z = min(view.z(subject), view.z(other))
    # Eroded edges open an apparent gap of so many pixels.
    limit = _TOUCH_SHARE * z + (2 * view.settings.edge_px + 1) * z / view.camera.fx
    sigma = math.hypot(view.depth_noise(subject) * view.z(subject), view.depth_noise(other) * view.z(other))
    unit = "m" if view.depth.kind is DepthKind.METRIC else "of the depth's unit"
    note = f"The nearest visible points of {claim.subject!r} and {claim.object!r} are {gap.visible:.3f} {unit} apart."
    numbers = {"visible_gap": gap.visible, "least_gap": gap.least, "sigma": sigma}
    points = {"nearest_subject": point(gap.first), "nearest_object": point(gap.second)}
    below = 1.0 if axis != "y" else _stands_above(view, subject, other)
    probability = min(below, probability_positive(limit - gap.least, sigma))
    if probability < 0.5:
        return Finding(
            probability, limit - gap.least, unit, note, numbers, points, "more precise depth where the two meet"
        )
    if axis == "y":
        raise CannotMeasure(f"{note} Which of the two carries the other cannot be seen.", "the direction of gravity")
    if gap.visible > limit or sigma > limit:
        raise CannotMeasure(
            f"{note} Whether the two touch is hidden, or finer than the depth.", "a view of the place where they meet"
        )
    return Finding(
        probability_positive(limit - gap.visible, sigma),
        limit - gap.visible,
        unit,
        note,
        numbers,
        points,
        "more precise depth where the two meet",
    )


def _stands_above(view: FrameView, subject: int, other: int) -> float:
    """Probability that the subject's lower edge lies above the object's lower edge in the picture."""
    first, second = view.box_px(subject), view.box_px(other)
    sigma = math.hypot(view.edge_error_px(subject, 1), view.edge_error_px(other, 1))
    return probability_positive(second[3] - first[3], sigma)

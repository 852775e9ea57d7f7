"""Left, right, above, below: order within the picture, as the camera sees it."""

from __future__ import annotations

import math

from pipeline.geometry.order import probability_positive
from pipeline.records import Claim
from pipeline.rules.base import Finding, require_camera_view
from pipeline.rules.view import FrameView


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...], *, axis: str, sign: int) -> Finding:
    """Compare the centres of two regions along an image axis.

    Args:
        claim: The claim.
        view: The frame.
        subject: Index of the subject's region.
        objects: Index of the object's region.
        axis: ``x`` or ``y``.
        sign: 1 where the subject should have the smaller coordinate, -1 for the larger.

    Raises:
        CannotMeasure: If the claim takes the view of an object, whose orientation is unknown.
    """
    require_camera_view(claim)
    first, first_error = _centre(view, subject, axis)
    second, second_error = _centre(view, objects[0], axis)
    gap_px = sign * (second - first)
    probability = probability_positive(gap_px, math.hypot(first_error, second_error))
    words = {"x": ("to the left of", "to the right of"), "y": ("above", "below")}[axis]
    direction = words[0] if second > first else words[1]
    return Finding(
        probability,
        gap_px,
        "px",
        f"The centre of {claim.subject!r} lies {abs(second - first):.0f} px {direction} that of {claim.object!r}.",
        {f"centre_{axis}_subject_px": first, f"centre_{axis}_object_px": second},
        needs="boxes whose centres lie further apart along this axis",
    )


def _centre(view: FrameView, index: int, axis: str) -> tuple[float, float]:
    """Centre of a region along an axis and its error [px]."""
    box = view.box_px(index)
    at = 0 if axis == "x" else 1
    return (box[at] + box[at + 2]) / 2, view.edge_error_px(index, at) / math.sqrt(2)

"""Left, right, above, below: order within the image, as the camera sees it."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.order import probability_positive
from pipeline.records import Claim, DepthKind
from pipeline.records.message import message
from pipeline.records.relations import Need
from pipeline.verify.rules.base import CannotMeasure, Finding, point, require_camera_view
from pipeline.verify.rules.object_view import ObjectView

# Centres so close are said to be level, whatever their order [px].
_LEVEL_PX = 0.5


def judge(claim: Claim, subject: ObjectView, other: ObjectView, *, axis: str, sign: int) -> Finding:
    """Compare the centres of two regions along an image axis.

    Args:
        claim: The claim.
        subject: What the claim is about.
        other: Its object.
        axis: ``x`` or ``y``.
        sign: 1 where the subject should have the smaller coordinate, -1 for the larger.

    Raises:
        CannotMeasure: If the claim takes the view of an object, whose orientation is unknown, or means the world
            and depth does not tell which way is up.
    """
    require_camera_view(claim)
    if claim.measure == "world":
        return _in_the_world(claim, subject, other, sign)
    first, first_error = _centre(subject, axis)
    second, second_error = _centre(other, axis)
    gap_px = sign * (second - first)
    probability = probability_positive(gap_px, math.hypot(first_error, second_error))
    words = {"x": ("left", "right"), "y": ("above", "below")}[axis]
    return Finding(
        probability,
        gap_px,
        "px",
        message("image_level", subject=claim.subject, object=claim.object)
        if abs(second - first) < _LEVEL_PX
        else message(
            "image_order",
            subject=claim.subject,
            object=claim.object,
            gap=abs(second - first),
            direction=words[0] if second > first else words[1],
        ),
        {f"centre_{axis}_subject_px": first, f"centre_{axis}_object_px": second},
        needs="needs_distant_centres",
    )


def _in_the_world(claim: Claim, subject: ObjectView, other: ObjectView, sign: int) -> Finding:
    """Compare the heights of two objects' middles along gravity."""
    view = subject.view
    view.require(Need.SHAPE)
    if view.up is None:
        raise CannotMeasure("no_up", "needs_gravity", frame=view.frame.name)
    first, second = subject.centre, other.centre
    between = first.position - second.position
    rise = sign * float(between @ view.up.direction)
    # An error of up turns distance beside into height.
    beside = float(np.linalg.norm(between - (between @ view.up.direction) * view.up.direction))
    along = abs(float(view.up.direction[2])) * subject.pair_noise(other) * (subject.z + other.z) / 2
    sigma = math.hypot(first.sigmas[1], second.sigmas[1], view.up.error_rad * beside, along)
    is_metric = view.depth.kind is DepthKind.METRIC
    return Finding(
        probability_positive(rise, sigma),
        rise,
        "m" if is_metric else "of the depth's unit",
        message(
            "world_order",
            subject=claim.subject,
            object=claim.object,
            rise=abs(rise) if is_metric else message("depth_units", length=abs(rise)),
            direction="above" if rise * sign > 0 else "below",
        ),
        {"rise": rise * sign, "sigma": sigma},
        {"subject": point(first.position), "object": point(second.position)},
        needs="needs_level_surfaces",
    )


def _centre(item: ObjectView, axis: str) -> tuple[float, float]:
    """Centre of a region along an axis and its error [px]."""
    at = 0 if axis == "x" else 1
    return (item.box_px[at] + item.box_px[at + 2]) / 2, item.edge_error_px(at) / math.sqrt(2)

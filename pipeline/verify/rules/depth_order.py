"""In front of, behind, closer, farther: order along the optical axis."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.objects import ObjectPixels
from pipeline.geometry.order import probability_positive
from pipeline.records import Claim, DepthKind
from pipeline.records.message import message
from pipeline.records.relations import Need
from pipeline.verify.rules.base import CannotMeasure, Finding, number_probability, point, require_camera_view
from pipeline.verify.rules.object_view import ObjectView

_OWN_FRONT = ("in_front_of", "behind")
# By how much the middles of two objects may differ more than their surfaces: a share of the middles' errors.
_MIDDLE_ERROR = 0.25
# Weight of a contradiction between the nearest parts.
_CONTRADICTION = 0.35
# The nearest part of an object: this one of its evenly spaced quantiles, about 6 % of its pixels.
_NEAREST = 2


def judge(claim: Claim, subject: ObjectView, other: ObjectView, *, sign: int) -> Finding:
    """Compare the medians of two objects' depths; nearest parts that say the opposite count as doubt.

    Args:
        claim: The claim; with a value it also says by how much [length].
        subject: What the claim is about.
        other: Its object.
        sign: 1 where the subject should be nearer, -1 where it should be farther.

    Raises:
        CannotMeasure: If an object has no depth, or a claimed difference meets depth without metres.
    """
    if claim.relation in _OWN_FRONT:
        require_camera_view(claim)
    view, first, second = subject.view, subject.pixels, other.pixels
    if view.spread <= 0:
        raise CannotMeasure("constant_depth", "needs_varied_depth")
    gap = second.median - first.median
    sigma = math.hypot(subject.pair_noise(other), _contradiction(first, second))
    probability = probability_positive(sign * gap, sigma)
    said = {"subject": claim.subject, "object": claim.object, "order": "nearer" if gap > 0 else "farther"}
    numbers, points = {}, {}
    if view.depth.kind.has_shape:
        z_subject, z_object = subject.z, other.z
        unit = "m" if view.depth.kind is DepthKind.METRIC else "relative"
        suffix = "_m" if unit == "m" else "_relative"
        numbers = {f"z_subject{suffix}": z_subject, f"z_object{suffix}": z_object}
        points = {"subject": point(subject.middle), "object": point(other.middle)}
        if unit == "m":
            margin = z_object - z_subject
            note = message("order_in_metres", **said, gap=abs(margin), z_subject=z_subject, z_object=z_object)
        else:
            margin = gap
            note = message("order_up_to_scale", **said, ratio=math.exp(-gap))
    else:
        margin, unit = gap / view.spread, "of the frame's depth range"
        numbers = {"gap_of_depth_range": margin}
        note = message("order_in_range", **said, share=abs(margin))
    finding = Finding(probability, sign * margin, unit, note, numbers, points, "needs_depth_for_difference")
    return finding if claim.value is None or sign * gap <= 0 else _with_value(claim, subject, other, finding)


def _contradiction(first: ObjectPixels, second: ObjectPixels) -> float:
    """By how much the order of the nearest parts contradicts that of the medians, in the coordinate's unit.

    People may mean either, so this counts as doubt.
    """
    gap, nearest = second.median - first.median, float(second.quantiles[_NEAREST] - first.quantiles[_NEAREST])
    return _CONTRADICTION * max(0.0, -math.copysign(1.0, gap) * nearest)


def _with_value(claim: Claim, subject: ObjectView, other: ObjectView, order: Finding) -> Finding:
    """Judge order and difference together."""
    view = subject.view
    view.require(Need.METRIC)
    # "10 cm closer" may be meant from the nearest parts or from the middles of what is visible.
    first, second = (np.exp(item.pixels.quantiles) for item in (subject, other))
    near_m, gap_m = (abs(float(second[at] - first[at])) for at in (_NEAREST, len(first) // 2))
    low_m, high_m = min(near_m, gap_m), max(near_m, gap_m)
    scale = view.budget.scale_error(view.depth)
    own_m = math.hypot(subject.centre.sigmas[2], other.centre.sigmas[2]) * _MIDDLE_ERROR
    sigma_m = math.hypot(subject.pair_noise(other) * (subject.z + other.z) / 2, scale * gap_m, own_m)
    value_probability, margin_m = number_probability(
        claim, low_m, high_m, sigma_m / max(gap_m, 1e-6), view.settings.tolerance
    )
    return Finding(
        min(order.probability, value_probability),
        margin_m,
        "m",
        order.note + message("nearest_parts", near=near_m, claimed=claim.number),
        {**order.numbers, "difference_m": gap_m, "sigma_m": sigma_m},
        needs="needs_depth_for_tolerance",
    )

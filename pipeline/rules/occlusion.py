"""Occludes, occluded by: who owns the contour that the two regions share."""

from __future__ import annotations

import math

from pipeline.geometry.occlusion import Contour, contour_votes, separate, shared_contour
from pipeline.geometry.order import normal_cdf, probability_less
from pipeline.geometry.regions import boxes_gap
from pipeline.records import Claim
from pipeline.rules.base import CannotMeasure, Finding
from pipeline.rules.view import FrameView

# Neighbouring pixels of a depth map err together; so many of them count as one witness.
_CORRELATION_PX = 4.0
_GAP_PX = 2
# The one who hides owns the contour almost alone; the other may own this much of its share.
_CLEAR_SHARE = 0.3


def judge(claim: Claim, view: FrameView, subject: int, objects: tuple[int, ...], *, sign: int) -> Finding:
    """Read the step in depth across the shared boundary.

    Args:
        claim: The claim; with a value it also says how much is hidden.
        view: The frame.
        subject: Index of the subject's region.
        objects: Index of the object's region.
        sign: 1 where the subject should hide the object, -1 where it should be hidden by it.

    Raises:
        CannotMeasure: If the regions do not touch in the picture, or no step can be read.
    """
    other = objects[0]
    apart = CannotMeasure(
        f"{claim.subject!r} and {claim.object!r} share no contour in {view.frame.name}.",
        "a view in which the two touch, with their masks",
    )
    reach = 2 * view.settings.edge_px + _GAP_PX
    if boxes_gap(view.regions[subject].box_px, view.regions[other].box_px) > reach:
        raise apart
    # The order of the two is fixed, so that "a hides b" and "b is hidden by a" get the same answer.
    low, high = sorted((subject, other))
    coordinate, first, second = separate(view.object(low), view.object(high))
    contour = shared_contour(coordinate, first, second, edge_px=view.settings.edge_px, gap_px=_GAP_PX)
    if contour.steps.size == 0:
        raise apart
    noise = math.hypot(view.local_noise(low), view.local_noise(high))
    owned_low, owned_high = contour_votes(contour, noise)
    owned_subject, owned_object = (owned_low, owned_high) if low == subject else (owned_high, owned_low)
    witnesses = contour.length_px / _CORRELATION_PX
    # Normal approximation of the posterior that most of the contour belongs to the subject.
    in_front = normal_cdf(
        (owned_subject - owned_object) * witnesses / math.sqrt((owned_subject + owned_object) * witnesses + 1)
    )
    note = (
        f"Along {contour.length_px:.0f} px of shared contour, {claim.subject!r} is in front on {owned_subject:.0%} "
        f"and {claim.object!r} on {owned_object:.0%}."
    )
    most, least = max(owned_subject, owned_object), min(owned_subject, owned_object)
    if most < view.settings.contour_share:
        in_front = 0.5
        note += " That is too little of the contour."
    elif least > _CLEAR_SHARE * most:
        in_front = 0.5
        note += " The two parts of the contour contradict each other."
    elif not _agrees((owned_low > owned_high), contour, noise):
        in_front = 0.5
        note += " The surfaces around it do not confirm that, as where depth and picture are out of register."
    probability = in_front if sign > 0 else 1 - in_front
    margin = sign * (owned_subject - owned_object)
    numbers = {
        "contour_px": contour.length_px,
        "contour_owned_by_subject": owned_subject,
        "contour_owned_by_object": owned_object,
    }
    if claim.value is not None and probability > 0.5:
        raise CannotMeasure(
            f"{note} How much is hidden cannot be read from the visible part.", "the full extent of the hidden object"
        )
    return Finding(
        probability,
        margin,
        "of the shared contour",
        note,
        numbers,
        needs="a clearer step in depth along the contour that the two share",
    )


def _agrees(first_in_front: bool, contour: Contour, noise: float) -> bool:
    """Whether the surfaces around the contour do not contradict the step across it.

    They do where depth and picture are out of register, so that the step belongs to another place.
    """
    if contour.first.size == 0 or contour.second.size == 0:
        return False
    around = probability_less(contour.first, contour.second, noise)
    return (around > 0.5) == first_in_front

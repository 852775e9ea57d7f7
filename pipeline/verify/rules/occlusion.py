"""Occludes and occluded by: ownership of the contour that the two regions share."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.geometry.occlusion import Contour, hidden_share_bounds
from pipeline.records import Claim
from pipeline.records.message import message
from pipeline.verify.rules.base import CannotMeasure, Finding, fraction_probability
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.support import stacked

# The log-odds that one hides the other, by the difference of the shares that the two own; fitted to rendered scenes.
_STEEPNESS, _OFFSET = 10.0, -0.5
# Weight of steps that are not clear.
_LEANING = 0.3
# A contour of this length counts half, a much longer one in full [px].
_HALF_PX = 4.0
# The same as a share of the side of the smaller of the two.
_HALF_SHARE = 0.15
# No contour gives more certainty than this: a third object may lie between the two.
_SUREST = 0.985
# The hiding object is nearer in at least this share of the pairs of pixels around the contour.
_REGISTERED = 0.2
# Both own more than this: two parts of the contour contradict each other.
_CONTRADICTION = 0.35
# Error of a hidden share's bounds: a share, and a part of the share.
_SHARE_ERROR, _SHARE_PART = 0.004, 0.05


def judge(claim: Claim, subject: ObjectView, other: ObjectView, *, sign: int) -> Finding:
    """Read the step in depth across the shared boundary.

    One hides the other where it is nearer along the boundary. Where it stands on the other there is no step; it then
    hides the part of the other's surface that lies behind it.

    Args:
        claim: The claim; with a value it also says how much is hidden.
        subject: What the claim is about.
        other: Its object.
        sign: 1 where the subject should hide the object, -1 where it should be hidden by it.

    Raises:
        CannotMeasure: If the regions do not touch in the image, or no step can be read.
    """
    met = subject.meeting(other)
    if met is None:
        raise CannotMeasure(
            "no_contour",
            "needs_touching_view",
            subject=claim.subject,
            object=claim.object,
            frame=subject.view.frame.name,
        )
    contour = _without_set_back(met.contour, subject, other)
    front, back = (met.first, met.second) if sign > 0 else (met.second, met.first)
    owned = replace(met, contour=contour).ownership()
    own, opposed = owned.first + owned.standing, owned.second + owned.carrying
    if sign < 0:
        own, opposed = opposed, own
    size_px = math.sqrt(min(np.count_nonzero(front), np.count_nonzero(back)))
    leaning = owned.leaning if sign > 0 else -owned.leaning
    lead = own - opposed + _LEANING * leaning
    probability = _probability(lead, max(own, opposed), contour.length_px, size_px)
    note = message(
        "contour",
        length=contour.length_px,
        subject=claim.subject,
        object=claim.object,
        first=owned.first,
        second=owned.second,
    )
    if owned.standing + owned.carrying > 0.05:
        note += message("standing", share=owned.standing + owned.carrying)
    nearer = met.first_nearer if sign > 0 else 1 - met.first_nearer
    if (lead > 0 and nearer < _REGISTERED) or (lead < 0 and nearer > 1 - _REGISTERED):
        probability = 0.5
        note += message("out_of_register")
    if min(own, opposed) > _CONTRADICTION:
        probability = 0.5
        note += message("contour_contradicts")
    numbers = {
        "contour_px": contour.length_px,
        "contour_owned_by_subject": owned.first,
        "contour_owned_by_object": owned.second,
        "contour_subject_stands_on_object": owned.standing,
        "contour_object_stands_on_subject": owned.carrying,
    }
    finding = Finding(probability, own - opposed, "of the shared contour", note, numbers, needs="needs_clear_step")
    if claim.value is None or probability <= 0.5:
        return finding
    return _with_share(claim, front, back, finding, subject.view.settings.tolerance)


def _without_set_back(contour: Contour, subject: ObjectView, other: ObjectView) -> Contour:
    """The contour without steps at the foot of what stands on the other, set back from the other's nearer edge."""
    carried = stacked(subject, other)
    if carried == 0:
        return contour
    # The upper one is above; the lower one is nearer there.
    set_back = (contour.rises * carried > 0.3) & (contour.steps * carried < 0)
    return replace(contour, steps=np.where(set_back, 0.0, contour.steps), folds=np.where(set_back, 0.0, contour.folds))


def _probability(lead: float, clear: float, length_px: float, size_px: float) -> float:
    """Probability that one hides the other, by how much more of the contour it owns."""
    log_odds = (_STEEPNESS * lead + _OFFSET * clear) * length_px / (length_px + _HALF_PX + _HALF_SHARE * size_px)
    return (1 - _SUREST) + (2 * _SUREST - 1) / (1 + math.exp(-log_odds))


def _with_share(claim: Claim, front: np.ndarray, back: np.ndarray, hides: Finding, tolerance: float) -> Finding:
    """Judge occlusion and hidden share together."""
    low, high = hidden_share_bounds(front, back)
    fits, margin = fraction_probability(claim, low, high, _SHARE_ERROR + _SHARE_PART * low, tolerance)
    return Finding(
        min(hides.probability, fits),
        margin,
        "of the hidden object",
        hides.note + message("hidden_share", low=low, high=high, claimed=claim.number),
        {**hides.numbers, "hidden_least": low, "hidden_most": high},
        needs="needs_full_extent",
    )

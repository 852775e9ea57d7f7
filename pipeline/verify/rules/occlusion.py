"""Occludes and occluded by: ownership of the contour that the two regions share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial import cKDTree

from pipeline.geometry.lengths import LEAST_SIGMA
from pipeline.geometry.objects import dilate
from pipeline.geometry.occlusion import (
    RISE,
    Contour,
    beside_px,
    hidden_share_bounds,
    nearer_beside,
    nearer_lead,
    separate,
)
from pipeline.geometry.outlines import filled_share, junction_lead, masks_gap
from pipeline.geometry.regions import boxes_gap
from pipeline.geometry.robust import CLEAR, GOOD_PART
from pipeline.records import Claim
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding, fraction_probability, some_pixels
from pipeline.verify.rules.contact import GAP_STEEPNESS
from pipeline.verify.rules.contours import TOUCHING_PX
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.support import stacked

# Steepness with which the share that is filled is drawn into [0, 1].
_FILLED_STEEPNESS = 1.5
# Returns of two objects this many spacings apart are beside each other; a surface falls off by less than this share of
# z over that distance.
_BESIDE_SPACINGS, _SLANT = 3.0, 0.02
# Two objects adjoin within this share of the smaller one's side and ``TOUCHING_PX``.
_ADJOINING_SHARE = 0.03
# Segmenter whose outlines follow edges of colour, and say little about the object's shape.
_UNTRUSTED = "grabcut"
# Error of a hidden share's bounds beyond ``LEAST_SIGMA``, as a part of the share.
_SHARE_PART = 0.05


def judge(claim: Claim, subject: ObjectView, other: ObjectView, *, sign: int) -> Finding:
    """Weigh the cues that one object hides another: who owns their common contour, depth beside it, and shape.

    Each of two objects can hide a part of the other, and neither has to.

    Args:
        claim: The claim; with a value it also says how much is hidden.
        subject: What the claim is about.
        other: Its object.
        sign: 1 where the subject should hide the object, -1 where it should be hidden by it.

    Raises:
        CannotMeasure: If an object has too few pixels with depth.
    """
    front, back = (subject, other) if sign > 0 else (other, subject)
    found = occlusion_cues(front, back)
    probability = subject.view.weights[model_of(front, back)].probability(found.cues)
    owned, opposed = found.cues["owned"], found.cues["opposed"]
    note = message(
        "contour",
        length=found.length_px * subject.view.sample_px,
        subject=front.label,
        object=back.label,
        first=owned,
        second=opposed,
    )
    if found.length_px == 0:
        note = message("no_contour", subject=claim.subject, object=claim.object, frame=subject.view.frame.name)
    if found.contradicts:
        probability = 0.5
        note += message("contour_contradicts")
    numbers = {"contour_px": found.length_px * subject.view.sample_px, **found.cues}
    contour = some_pixels(found.contour_px)
    needs = _needs(front, back) if found.length_px else "needs_meeting_view"
    finding = Finding(probability, probability - 0.5, "of certainty", note, numbers, contour_px=contour, needs=needs)
    if claim.value is None or probability <= 0.5:
        return finding
    return _with_share(claim, found.front, found.back, finding, subject.view.settings.tolerance)


def _needs(front: ObjectView, back: ObjectView) -> str:
    has_masks = front.region.mask is not None and back.region.mask is not None
    return "needs_clear_step" if has_masks else "needs_masks"


def model_of(front: ObjectView, back: ObjectView) -> str:
    """Name of the model that weighs the cues of two objects."""
    if front.view.depth.sampling.is_scattered:
        return "occlusion_scattered"
    trusted = all(
        item.region.mask is not None and (item.region.segmenter or "").split(" ")[0] != _UNTRUSTED
        for item in (front, back)
    )
    return "occlusion_masks" if trusted else "occlusion_boxes"


@dataclass(frozen=True, eq=False)
class OcclusionCues:
    """What speaks for one object hiding another.

    Args:
        cues: owned, opposed: shares of the contour that are the first's and the second's, weighted by its length; step:
            the median step at it in units of its error, drawn into [-1, 1]; nearer_around, nearer_beside: how much more
            often the first is nearer, around the contour and in bands beside the other; filled, opposed_filled: how far
            each fills the hull of the other; junction: see ``junction_lead``; gap: the gap between the two as a share
            of the smaller one's side, drawn into [0, 1].
        length_px: Length of the contour; 0 where they have none.
        front: bool (h, w), visible pixels of the first.
        back: bool (h, w), visible pixels of the second.
        contradicts: Whether both own a large part of the contour.
        contour_px: float (N, 2), the contour's pixels (u, v) in the image; see ``Meeting``.
    """

    cues: dict[str, float]
    length_px: float
    front: np.ndarray
    back: np.ndarray
    contradicts: bool = False
    contour_px: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))


def occlusion_cues(first: ObjectView, second: ObjectView) -> OcclusionCues:
    """The cues that the first object hides the second.

    Raises:
        CannotMeasure: If an object has too few pixels with depth.
    """
    view = first.view
    if view.depth.sampling.is_scattered:
        return _scattered_cues(first, second)
    coordinate, own, others = separate(first.pixels, second.pixels)
    window = first.pixels.window.union(second.pixels.window)
    front, back = own, others
    masks = [item.region.mask[window.slices] for item in (first, second) if item.region.mask is not None]
    if len(masks) == 2:
        front, back = masks[0], masks[1] & ~masks[0]
    side_px = max(math.sqrt(min(np.count_nonzero(front), np.count_nonzero(back))), 1.0)
    # A contour that is twice as long as the bands beside it are wide counts half, a much longer one in full.
    band_px = beside_px(side_px)
    half_px = 2 * band_px
    cues = {"owned": 0.0, "opposed": 0.0, "step": 0.0, "nearer_around": 0.0}
    length_px, contradicts, contour_px = 0.0, False, np.empty((0, 2))
    met = first.meeting(second)
    if met is not None:
        contour, contour_px = _without_set_back(met.contour, first, second), met.contour_px
        owned = replace(met, contour=contour).ownership()
        length_px, contradicts = contour.length_px, min(owned.first, owned.second) > GOOD_PART
        weight = length_px / (length_px + half_px)
        cues = {
            "owned": weight * (owned.first + owned.standing),
            "opposed": weight * (owned.second + owned.carrying),
            "step": math.tanh(float(np.median(contour.steps / met.least_steps(contour)))),
            "nearer_around": 2 * met.first_nearer - 1,
        }
    # Only what adjoins an object hides the part that its hull lacks.
    adjoining_px = round(_ADJOINING_SHARE * side_px) + TOUCHING_PX
    border_px = int(np.count_nonzero(dilate(front, adjoining_px) & back)) / adjoining_px
    shape = border_px / (border_px + half_px)
    cues |= {
        "nearer_beside": nearer_beside(coordinate, own, others, band_px, view.edge_px),
        "filled": shape * math.tanh(_FILLED_STEEPNESS * filled_share(front, back)),
        "opposed_filled": shape * math.tanh(_FILLED_STEEPNESS * filled_share(back, front)),
        "junction": junction_lead(front, back, band_px) if border_px else 0.0,
        "gap": math.tanh(GAP_STEEPNESS * masks_gap(front, back) / side_px),
    }
    return OcclusionCues(cues, length_px, front, back, contradicts, contour_px)


def _without_set_back(contour: Contour, subject: ObjectView, other: ObjectView) -> Contour:
    """The contour without steps at the foot of what stands on the other, set back from the other's nearer edge."""
    carried = stacked(subject, other)
    if carried == 0:
        return contour
    # The upper one is above; the lower one is nearer there.
    set_back = (contour.rises * carried > RISE) & (contour.steps * carried < 0)
    return replace(contour, steps=np.where(set_back, 0.0, contour.steps), folds=np.where(set_back, 0.0, contour.folds))


def _scattered_cues(first: ObjectView, second: ObjectView) -> OcclusionCues:
    """Cues of single returns: those of the one object beside those of the other."""
    view, sampling = first.view, first.view.depth.sampling
    coordinate, own, others = separate(first.pixels, second.pixels)
    scale = 1 / np.array((sampling.height_px, sampling.width_px))
    (one, its), (two, theirs) = ((np.argwhere(mask), coordinate[mask]) for mask in (own, others))
    cues = dict.fromkeys(("owned", "opposed", "nearer_beside", "filled", "opposed_filled"), 0.0)
    gap_px, count = max(0.0, boxes_gap(first.box_px, second.box_px)), 0
    if len(one) and len(two):
        distances, nearest = cKDTree(two * scale).query(one * scale)
        beside = distances < _BESIDE_SPACINGS
        count = int(np.count_nonzero(beside))
        steps = theirs[nearest[beside]] - its[beside]
        least = CLEAR * first.pair_noise(second) + _SLANT * view.spread
        if count:
            cues["owned"], cues["opposed"] = float((steps > least).mean()), float((steps < -least).mean())
        cues["nearer_beside"] = nearer_lead(its, theirs)
        areas = [dilate(mask, round(max(sampling.width_px, sampling.height_px))) for mask in (own, others)]
        cues["filled"], cues["opposed_filled"] = (
            math.tanh(_FILLED_STEEPNESS * filled_share(*pair)) for pair in (areas, areas[::-1])
        )
    side_px = math.sqrt(min(_area(item) for item in (first, second)))
    cues["gap"] = math.tanh(GAP_STEEPNESS * gap_px / max(side_px, 1.0))
    return OcclusionCues(cues, float(count), own, others)


def _area(item: ObjectView) -> float:
    left, top, right, bottom = item.box_px
    return (right - left) * (bottom - top)


def _with_share(claim: Claim, front: np.ndarray, back: np.ndarray, hides: Finding, tolerance: float) -> Finding:
    """Judge occlusion and hidden share together."""
    low, high = hidden_share_bounds(front, back)
    fits, margin = fraction_probability(claim, low, high, LEAST_SIGMA + _SHARE_PART * low, tolerance)
    return Finding(
        min(hides.probability, fits),
        margin,
        "of the hidden object",
        hides.note + message("hidden_share", low=low, high=high, claimed=claim.number),
        {**hides.numbers, "hidden_least": low, "hidden_most": high},
        contour_px=hides.contour_px,
        needs="needs_full_extent",
    )

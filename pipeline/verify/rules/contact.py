"""Touching and on: whether two surfaces meet, judged by their shared contour and the foot of the upper one."""

from __future__ import annotations

import math

import numpy as np

from pipeline.records import Claim, DepthKind
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding, point
from pipeline.verify.rules.contours import Meeting
from pipeline.verify.rules.gaps import gap_between
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.support import stacked

# Measured on 150 rendered scenes with exact depth. Of the pairs that touch, this share shows it on their contour,
_SHOWN = 0.73
# and the first share does not meet in the image; of the pairs that do not touch, the second share meets there.
_HIDDEN, _APART_MEET = 0.012, 0.12
# A contour shows contact where at least this share of it has no step.
_FLAT_SHARE = 0.03
# Steps are compared with this many standard deviations.
_DEVIATIONS = 3.0
# Pairs that do not touch: mean step between them, as a share of the nearer one's width.
_MEAN_STEP = 0.8
# The foot of what stands on another lies on it along this share at least.
_FOOT_SHARE = 0.12
# Pairs that meet in the image, do not touch, and show it by no larger step than those that do.
_UNSEEN_APART = 0.06
_SUREST, _LEAST_SURE = 0.985, 0.015


def judge(claim: Claim, subject: ObjectView, other: ObjectView, *, axis: str | None = None) -> Finding:
    """Two surfaces that meet in space show no step along the contour between them; what stands shows its foot.

    Args:
        claim: The claim.
        subject: What the claim is about.
        other: Its object.
        axis: ``y`` where the subject must stand on the object.

    Raises:
        CannotMeasure: If the depth has no shape, or an object has too few pixels.
    """
    met = subject.meeting(other)
    unit = "m" if subject.view.depth.kind is DepthKind.METRIC else "of the depth's unit"
    gap = gap_between(subject, other)
    touching, flat = _touching(met, subject, other)
    numbers = {"visible_gap": gap.visible, "contour_px": 0.0 if met is None else met.contour.length_px}
    if met is not None:
        numbers["contour_without_step"] = flat
    points = {"nearest_subject": point(gap.first), "nearest_object": point(gap.second)}
    apart = gap.visible if unit == "m" else message("depth_units", length=gap.visible)
    if met is None:
        note = message("apart_in_image", subject=claim.subject, object=claim.object, gap=apart)
    else:
        note = message("steps", length=met.contour.length_px, share=flat, gap=apart)
    needs = "needs_meeting_depth"
    if axis is None:
        return Finding(touching, gap.visible, unit, note, numbers, points, needs)
    on, foot = _standing(subject, other, touching)
    if foot is not None:
        numbers["foot_on_object"] = foot
        note += message("foot", subject=claim.subject, object=claim.object, share=foot)
    elif subject.view.up is None:
        needs = "needs_gravity"
    return Finding(on, gap.visible, unit, note, numbers, points, needs)


def _touching(met: Meeting | None, subject: ObjectView, other: ObjectView) -> tuple[float, float]:
    """Probability that the two touch, and the share of their contour without a step."""
    if met is None:
        # They may meet outside the image or behind a third object.
        hidden = _HIDDEN * (2 if subject.is_cut_off or other.is_cut_off else 1)
        return hidden / (hidden + 1 - _APART_MEET), 0.0
    noise = _DEVIATIONS * met.noise * np.sqrt(met.contour.gains)
    flat = float((np.abs(met.contour.steps) < noise + met.contour.bends).mean())
    nearer = subject if subject.z < other.z else other
    z, width = nearer.z, max(nearer.extents.across.length, 1e-9)
    # How often the step of two that do not touch is too small to be seen.
    unseen = 1 - math.exp(-float(np.median(noise)) * z / (_MEAN_STEP * width))
    if flat >= _FLAT_SHARE:
        return min(_SHOWN / (_SHOWN + unseen * _SHOWN + 0.01), _SUREST), flat
    step = float(np.quantile(np.abs(met.contour.steps), 0.1)) * z
    # The hidden back of the nearer one may fill the step.
    behind = (1 - _SHOWN) * math.exp(-step / (_MEAN_STEP * width))
    apart = _APART_MEET * (1 - math.exp(-step / (_MEAN_STEP * width)))
    return min(behind / (behind + apart + _UNSEEN_APART), 0.9), flat


def _standing(subject: ObjectView, other: ObjectView, touching: float) -> tuple[float, float | None]:
    """Probability that the subject stands on the object, and the share of its foot that lies on it, where seen."""
    first, second = subject.heights, other.heights
    if first is None or second is None:
        return min(touching, 0.5), None
    carried = stacked(subject, other)
    if carried < 0 or (carried == 0 and _middle(first) < _middle(second)):
        # What stands on another is the higher of the two.
        return _LEAST_SURE, None
    foot = subject.support
    if foot is None:
        return (max(touching, 0.5) if carried > 0 else min(touching, 0.5)), None
    region, found = other.region.mask, other.pixels
    if region is not None:
        on_other = region[foot.pixels[:, 0], foot.pixels[:, 1]]
    else:
        rows, columns = foot.pixels[:, 0] - found.window.top, foot.pixels[:, 1] - found.window.left
        inside = (rows >= 0) & (rows < found.mask.shape[0]) & (columns >= 0) & (columns < found.mask.shape[1])
        on_other = np.zeros(len(rows), dtype=bool)
        on_other[inside] = found.mask[rows[inside], columns[inside]]
    share = float(on_other.mean()) if len(on_other) else 0.0
    if share * foot.share >= _FOOT_SHARE:
        return min(_SUREST, max(touching, 0.96)), share
    if foot.share > _FOOT_SHARE and share < 0.02:
        # Its foot is seen on something else.
        return _LEAST_SURE, share
    return (touching if carried > 0 else min(touching, 0.5)), share


def _middle(heights: np.ndarray) -> float:
    return float(heights[len(heights) // 2])

"""Touching and on: whether two surfaces meet, judged by their shared contour and the foot of the upper one."""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.regions import boxes_gap
from pipeline.geometry.robust import CLEAR
from pipeline.records import Claim, DepthKind
from pipeline.records.message import message
from pipeline.verify.rules.base import Finding, point, some_pixels
from pipeline.verify.rules.contours import Meeting
from pipeline.verify.rules.gaps import gap_either_way
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.support import stacked

# Steepness with which gaps, as shares of the nearer one's width or side, and steps are drawn into [0, 1].
GAP_STEEPNESS, _STEP_STEEPNESS = 3.0, 2.0
# The smallest steps along a contour.
_SMALLEST = 0.1


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
    # "A touches B" and "B touches A" must get the same answer.
    gap = gap_either_way(subject, other)
    cues = touching_cues(subject, other, met, gap.visible)
    numbers = {"visible_gap": gap.visible, "contour_px": 0.0 if met is None else met.contour.length_px}
    points = dict(zip(("nearest_subject", "nearest_object"), map(point, (gap.first, gap.second)), strict=True))
    apart = gap.visible if unit == "m" else message("depth_units", length=gap.visible)
    if met is None:
        note = message("apart_in_image", subject=claim.subject, object=claim.object, gap=apart)
    else:
        numbers["contour_without_step"] = cues["flat"]
        note = message("steps", length=met.contour.length_px, share=cues["flat"], gap=apart)
    needs, model = "needs_meeting_depth", "touching"
    if axis is not None:
        model = "standing"
        cues |= standing_cues(subject, other)
        if cues["foot_seen"] > 0:
            numbers["foot_on_object"] = cues["foot_on"] / cues["foot_seen"]
            note += message("foot", subject=claim.subject, object=claim.object, share=numbers["foot_on_object"])
        elif subject.view.up is None:
            needs = "needs_gravity"
    probability = subject.view.weights[model].probability(cues)
    contour = () if met is None else some_pixels(met.contour_px)
    return Finding(probability, gap.visible, unit, note, numbers, points, needs, contour)


def touching_cues(subject: ObjectView, other: ObjectView, met: Meeting | None, gap: float) -> dict[str, float]:
    """The cues that two surfaces meet in space.

    Args:
        subject: The one.
        other: The other.
        met: Where they meet in the image, if they do.
        gap: Distance of the nearest visible points, in the depth's unit.

    Returns:
        meets: 1 where they meet in the image; flat: share of their contour without a step; step: the smallest steps
        along it, and gap: the visible gap, both as shares of the nearer one's width, drawn into [0, 1]; beside: the gap
        in the image as a share of the nearer one's side; cut_off: 1 where one goes on beyond the image.
    """
    nearer = min(subject, other, key=lambda item: (item.z, item.order))
    width = max(nearer.extents.across.length, 1e-9)
    left, top, right, bottom = nearer.box_px
    beside_px = max(0.0, boxes_gap(subject.box_px, other.box_px)) / max(math.sqrt((right - left) * (bottom - top)), 1.0)
    cues = {
        "meets": 0.0,
        "flat": 0.0,
        "step": 1.0,
        "gap": math.tanh(GAP_STEEPNESS * gap / width),
        "beside": math.tanh(GAP_STEEPNESS * beside_px),
        "cut_off": float(subject.is_cut_off or other.is_cut_off),
    }
    if met is not None:
        steps = np.abs(met.contour.steps)
        noise = CLEAR * met.noise * np.sqrt(met.contour.gains)
        step = float(np.quantile(steps, _SMALLEST)) * nearer.z / width
        cues |= {
            "meets": 1.0,
            "flat": float((steps < noise + met.contour.bends).mean()),
            "step": math.tanh(_STEP_STEEPNESS * step),
        }
    return cues


def standing_cues(subject: ObjectView, other: ObjectView) -> dict[str, float]:
    """The cues that one object stands on another.

    Returns:
        carried: 1 where its lower end is as high as the other's upper end, -1 the other way round; higher: 1 where its
        middle is higher, -1 where it is lower, 0 where gravity is not known; foot_seen: share of its lower boundary
        with a level surface below it; foot_on, foot_off: the parts of that on the other and on something else.
    """
    cues = {"carried": float(stacked(subject, other)), "higher": 0.0, "foot_seen": 0.0, "foot_on": 0.0, "foot_off": 0.0}
    first, second = subject.heights, other.heights
    if first is not None and second is not None:
        cues["higher"] = 1.0 if _middle(first) > _middle(second) else -1.0
    foot = subject.support
    if foot is None:
        return cues
    region, found = other.region.mask, other.pixels
    if region is not None:
        on_other = region[foot.pixels[:, 0], foot.pixels[:, 1]]
    else:
        rows, columns = foot.pixels[:, 0] - found.window.top, foot.pixels[:, 1] - found.window.left
        inside = (rows >= 0) & (rows < found.mask.shape[0]) & (columns >= 0) & (columns < found.mask.shape[1])
        on_other = np.zeros(len(rows), dtype=bool)
        on_other[inside] = found.mask[rows[inside], columns[inside]]
    share = float(on_other.mean()) if len(on_other) else 0.0
    return cues | {"foot_seen": foot.share, "foot_on": share * foot.share, "foot_off": (1 - share) * foot.share}


def _middle(heights: np.ndarray) -> float:
    return float(heights[len(heights) // 2])

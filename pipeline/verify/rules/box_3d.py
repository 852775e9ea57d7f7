"""Whether an object has the place and the size of its region's 3D box."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.boxes_3d import box_iou_3d, oriented_box, points_in_box, project_box, ray_intervals
from pipeline.geometry.order import normal_cdf, probability_about, probability_within
from pipeline.geometry.regions import boxes_iou
from pipeline.geometry.robust import LITTLE, MOST_COMPARED, inner_range
from pipeline.records import Box, Box3D, Claim, DepthKind, Point
from pipeline.records.message import Message, message
from pipeline.verify.rules.base import CannotMeasure, Finding, point
from pipeline.verify.rules.contours import TOUCHING_PX
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.size import ENDS_NOISE

# The exact box of a ball, turned by 45 degrees and seen from above, still overlaps the ball's own box by 0.4.
_IOU, _IOU_ERROR = 0.25, 0.05
# Boxes in space hold their objects, so their projections hold most of the objects' pixels and of their own boxes: with
# this share of them the probability is one half; the second number is the width of the transition.
_HELD, _HELD_ERROR = 0.62, 0.1
# What is visible of a hidden object lies off the middle of its box by more than this share of a side.
_OFF_MIDDLE = 0.2
# Where this share of a side is visible along no axis, the size is not known.
_SEEN_SHARE = 0.45
# A 2D box that differs from the projection by less than ``TOUCHING_PX`` and this share of a side was not drawn by
# itself.
_SAME_SHARE = 0.02


@dataclass(frozen=True)
class _Check:
    """One check of the box: its probability, by how much the box fits, and what was seen."""

    probability: float
    margin: float
    note: Message
    unit: str = "m"
    numbers: dict[str, float] = field(default_factory=dict)


def judge(claim: Claim, subject: ObjectView) -> Finding:
    """Compare a region's 3D box with its 2D box, its pixels and its points; the worst of all decides.

    Without metres only the projection can be compared, which may refute the box and never supports it.
    What is visible may be smaller than the box, but not larger. The box's distance and sides are numbers like any
    other, and are accepted within the relative tolerance.

    Raises:
        CannotMeasure: If the region has no 3D box, or nothing contradicts it and its distance cannot be measured.
    """
    box = subject.region.box_3d
    if box is None:
        raise CannotMeasure("no_box_3d", "needs_box_3d", subject=claim.subject)
    if box.center_m[2] <= 0:
        raise CannotMeasure("box_behind", "needs_other_box", subject=claim.subject)
    checks = list(_projection(subject, box))
    numbers: dict[str, float] = {}
    points: dict[str, Point] = {"box_centre": box.center_m}
    try:
        is_metric = subject.view.depth.kind is DepthKind.METRIC
        if is_metric:
            measured = subject.points
            checks.append(_distance(subject, box, measured))
            if subject.region.mask is not None:
                checks += _sizes(subject, box, measured)
            numbers, points = _compared(subject, box, measured, points)
    except CannotMeasure as refusal:
        if not checks or min(check.probability for check in checks) > 0.5:
            raise refusal from None
        is_metric = False
    worst = min(checks, key=lambda check: check.probability, default=None)
    if worst is None or (not is_metric and worst.probability > 0.5):
        raise CannotMeasure(
            "box_unmeasured",
            "needs_metric_depth",
            subject=claim.subject,
            check=worst.note if worst else message("box_not_compared"),
        )
    stated = [check.note for check in checks if check.probability <= 0.5] or [check.note for check in checks[-4:]]
    numbers |= {name: value for check in checks for name, value in check.numbers.items()}
    return Finding(
        worst.probability,
        worst.margin,
        worst.unit,
        message("box_3d", subject=claim.subject, checks=tuple(stated)),
        numbers,
        points,
        "needs_depth_scale_focal_mask",
    )


def _projection(item: ObjectView, box: Box3D) -> Iterator[_Check]:
    """Whether the box covers the object in the image, and is not far larger; needs no metres."""
    region, projected = item.region, project_box(box, item.view.camera)
    own_px = item.box_px
    is_separate = region.mask is not None or projected is None or not _is_same(own_px, projected)
    try:
        found = item.pixels
    except CannotMeasure:
        found = None
    if found is not None:
        covered = float(np.isfinite(ray_intervals(_rays(item), box, _edge_m(item, box))[0]).mean())
        yield _Check(
            normal_cdf((covered - _HELD) / _HELD_ERROR),
            covered - _HELD,
            message("box_covers", share=covered),
            "of its pixels",
            {"covered_share": covered},
        )
    if projected is None:
        yield _Check(0.5, 0.0, message("box_out_of_image"), "of the image")
        return
    if region.is_point or (found is None and not is_separate):
        return
    if is_separate:
        held = _held_share(own_px, projected)
        note, numbers = message("box_holds", share=held), {"held_share": held}
        yield _Check(normal_cdf((held - _HELD) / _HELD_ERROR), held - _HELD, note, "of its 2D box", numbers)
    if not is_separate and found is not None:
        rows, columns = np.flatnonzero(found.mask.any(axis=1)), np.flatnonzero(found.mask.any(axis=0))
        left, top = found.window.left, found.window.top
        own_px = (left + columns[0], top + rows[0], left + columns[-1] + 1.0, top + rows[-1] + 1.0)
    iou = boxes_iou(own_px, projected)
    probability = normal_cdf((iou - _IOU) / _IOU_ERROR)
    if not is_separate or _off_middle(own_px, projected) or (found is not None and not item.is_whole):
        # The box holds the whole object; the image or the depth may show only a part of it.
        probability = max(probability, 0.5)
    note = message("box_overlaps", iou=iou)
    yield _Check(probability, iou - _IOU, note, "of both boxes", {"projected_iou": iou})


def _off_middle(inner: Box, outer: Box) -> bool:
    """Whether a box lies off the middle of a larger one around it."""
    offsets = (abs(inner[k] + inner[k + 2] - outer[k] - outer[k + 2]) / 2 / (outer[k + 2] - outer[k]) for k in (0, 1))
    return max(offsets) > _OFF_MIDDLE


def _held_share(inner: Box, outer: Box) -> float:
    """Share of a box's area that lies within another."""
    width, height = (max(0.0, min(inner[k + 2], outer[k + 2]) - max(inner[k], outer[k])) for k in (0, 1))
    return width * height / max((inner[2] - inner[0]) * (inner[3] - inner[1]), 1e-9)


def _is_same(first: Box, second: Box) -> bool:
    sides = (second[2] - second[0], second[3] - second[1]) * 2
    return all(
        abs(one - other) <= TOUCHING_PX + _SAME_SHARE * side
        for one, other, side in zip(first, second, sides, strict=True)
    )


def _rays(item: ObjectView) -> np.ndarray:
    """Directions with z = 1 through an object's pixels, float64 (N, 3)."""
    rows, columns = item.pixels.core_px(MOST_COMPARED)
    return back_project_pixels(columns, rows, np.ones(len(rows)), item.view.camera)


def _edge_m(item: ObjectView, box: Box3D) -> float:
    """Width of the edge that a region's core leaves out, at the box's distance [m]."""
    return (item.view.settings.edge_px + 1) * box.center_m[2] / item.view.camera.fx


def _distance(item: ObjectView, box: Box3D, points: np.ndarray) -> _Check:
    """Whether the visible surface lies in the near half of the box, along the rays, within the tolerance."""
    view = item.view
    half_m = float(np.linalg.norm(box.size_m)) / 2
    enter, leave = ray_intervals(points, box, max(_edge_m(item, box), LITTLE * half_m))
    hits = np.isfinite(enter)
    ranges = np.linalg.norm(points, axis=1)
    middle_m = float(np.median(ranges))
    if hits.any():
        # 1 is where the surface is.
        early, late = enter[hits] - 1, (enter[hits] + leave[hits]) / 2 - 1
        gap = float(np.median(np.where(early > 0, early, np.minimum(late, 0))))
    else:
        gap = float(np.linalg.norm(box.center_m)) / middle_m - 1
    gap_m = gap * middle_m
    sigma_m = math.hypot(item.depth_noise, view.budget.scale_error(view.depth)) * middle_m
    slack_m = view.settings.tolerance * max(middle_m, float(np.linalg.norm(box.center_m)))
    if abs(gap_m) < sigma_m:
        note = message("box_agrees", distance=middle_m)
    else:
        note = message("box_off", gap=abs(gap_m), share=abs(gap), order="farther" if gap > 0 else "nearer")
    return _Check(
        probability_about(gap_m, sigma_m, -slack_m, slack_m),
        slack_m - abs(gap_m),
        note,
        numbers={"depth_gap_m": gap_m, "depth_gap_share": gap, "measured_m": middle_m, "sigma_m": sigma_m},
    )


def _sizes(item: ObjectView, box: Box3D, points: np.ndarray) -> Iterator[_Check]:
    """Whether each side of the box is at least what is visible along it, and what is visible enough to tell.

    Without a mask, parts of the floor are taken for the object, which would then be too large.
    """
    own = (points - box.center_m) @ box.rotation
    low, high = inner_range(own)
    rays = points / np.linalg.norm(points, axis=1, keepdims=True)
    along = np.abs(rays @ box.rotation).mean(axis=0)
    view, noise = item.view, item.depth_noise
    blur_m = noise * float(np.linalg.norm(np.median(points, axis=0))) * along
    relative = math.hypot(view.budget.length(view.depth, view.camera.source), noise)
    for axis, name in enumerate("xyz"):
        extent_m, side_m = float(high[axis] - low[axis]), box.size_m[axis]
        sigma_m = math.hypot(relative * extent_m, float(blur_m[axis]))
        slack_m = view.settings.tolerance * side_m + ENDS_NOISE * float(blur_m[axis])
        yield _Check(
            probability_within(extent_m, sigma_m, -math.inf, side_m + slack_m),
            side_m + slack_m - extent_m,
            message("box_side", side=side_m, axis=name, visible=extent_m),
            numbers={f"visible_{name}_m": extent_m},
        )
    seen = float(np.max((high - low) / np.maximum(box.size_m, 1e-9)))
    if seen < _SEEN_SHARE:
        yield _Check(0.5, seen - _SEEN_SHARE, message("box_seen", share=seen), "of a side")


def _compared(
    item: ObjectView, box: Box3D, points: np.ndarray, named: dict[str, Point]
) -> tuple[dict[str, float], dict[str, Point]]:
    """Share of the points in the box grown by their error, and its overlap with the upright box around them."""
    view, distance_m = item.view, float(np.linalg.norm(np.median(points, axis=0)))
    grow_m = math.hypot(item.depth_noise, view.budget.scale_error(view.depth)) * distance_m
    numbers = {"inside_share": float(points_in_box(points, box, grow_m).mean())}
    rotation = box.rotation
    # Boxes stand upright, so of their own axes the one nearest the image's vertical is the vertical.
    up = rotation[:, int(np.argmax(np.abs(rotation[1])))]
    around = oriented_box(points, up * -np.sign(up[1] or 1.0))
    if around is not None:
        numbers["iou_3d"] = box_iou_3d(box, around)
        named = {**named, "measured_centre": point(np.array(around.center_m))}
    return numbers, named

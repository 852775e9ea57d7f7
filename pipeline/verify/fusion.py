"""Judges claims on what several posed frames see together.

Frames with camera poses and metric depth share one space: their points of one object show more of its sides than
one frame does, and objects that no frame shows together can be measured against each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.geometry.extents import nearest_points
from pipeline.geometry.order import probability_positive
from pipeline.records import Claim, Comparison
from pipeline.records.error_budget import HALF_INTERVAL
from pipeline.records.message import message
from pipeline.records.relations import RELATIONS
from pipeline.verify.rules.base import CannotMeasure, Finding, Settings, number_probability, point
from pipeline.verify.rules.merged import (
    AROUND_RAD,
    MergedObject,
    centre_and_size,
    extents_of,
    merge_object,
    posed_frames,
    shared_up,
)
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.view import FrameView

JUDGED = frozenset({"distance_between", "size", "touching", "larger", "smaller", "taller", "wider"})
"""Relations that merged points can judge: those that do not depend on where the camera stands."""

# Two surfaces closer than this share of their distance to the camera may touch.
_TOUCH_SHARE = 0.02
# Least error of the logarithm of a ratio of sizes.
_SIZE_ERROR = 0.03
# By how much an object may exceed its points, in widths of its edge.
_LOST_EDGES = 3.0


def judge(
    claim: Claim,
    views: Sequence[FrameView],
    located: Sequence[Mapping[int, ObjectView]],
) -> Finding:
    """Judge a claim on merged points.

    Args:
        claim: A claim that is not negated, of a relation in ``JUDGED``.
        views: All frames.
        located: Subject and object, each by frame. They need no frame in common.

    Returns:
        The finding of all frames together; points are in the first posed frame that shows the subject.

    Raises:
        CannotMeasure: If there are no poses, frames contradict each other, or all of them hide the deciding part.
    """
    frames = [frame for frame in posed_frames(views) if frame in located[0]]
    if claim.relation not in JUDGED or not frames:
        raise CannotMeasure("no_common_space", "needs_posed_depth", subject=claim.subject)
    reference = frames[0]
    items = [merge_object(views, by_frame, reference) for by_frame in located]
    length_error = max(view.budget.length(view.depth, view.camera.source) for view in (views[k] for k in _used(items)))
    up = shared_up(views, reference)
    if claim.relation == "size":
        return _size(claim, views[reference].settings, items[0], up, length_error)
    if claim.relation == "distance_between":
        return _distance(claim, views[reference].settings, items, up, length_error)
    if claim.relation == "touching":
        return _touching(located, items)
    return _order(claim, items, up, length_error)


def _size(claim: Claim, settings: Settings, item: MergedObject, up: np.ndarray, length_error: float) -> Finding:
    """Height along gravity; width and depth as the reference camera sees them."""
    extents = extents_of(item, up)
    sides = (claim.measure,) if claim.measure else ("width", "height")
    low, high = min(extents[side] for side in sides), max(extents[side] for side in sides)
    sigma_m = math.hypot(length_error * high, item.error_m, item.edge_m)
    # Surfaces that bend away from all cameras end before the object does.
    most = high + _LOST_EDGES * item.edge_m
    sigma = sigma_m / max(high, 1e-6)
    found = [number_probability(claim, *ends, sigma, settings.tolerance) for ends in ((low, high), (most, most))]
    (probability, margin_m), (at_most, _) = found
    note = message(
        "merged_sizes",
        frames=item.frames,
        subject=claim.subject,
        sides=tuple(message("side", side=side, length=extents[side]) for side in sides),
        interval=HALF_INTERVAL * sigma_m,
    )
    value_m = claim.value_m or 0.0
    is_bound = not item.is_whole or (claim.measure == "depth" and item.turn_rad < AROUND_RAD / 2)
    is_settled = probability > 0.5 if claim.comparison is Comparison.AT_LEAST else low > value_m and probability < 0.5
    if is_bound and not is_settled:
        raise CannotMeasure(note + message("hidden_in_all"), "needs_whole_view")
    if not is_settled and (at_most - 0.5) * (probability - 0.5) <= 0:
        raise CannotMeasure(note + message("coarse_edge"), "needs_larger_view")
    numbers = {f"{side}_m": extents[side] for side in sides} | {"sigma_m": sigma_m, "frames": float(len(item.frames))}
    return Finding(probability, margin_m, "m", note, numbers)


def _distance(
    claim: Claim, settings: Settings, items: Sequence[MergedObject], up: np.ndarray, length_error: float
) -> Finding:
    """Between the nearest points, which is an upper bound, and between the centres."""
    first, second = nearest_points(items[0].points, items[1].points)
    nearest_m = float(np.linalg.norm(first - second))
    boxes = [centre_and_size(item, up) for item in items]
    centres_m = float(np.linalg.norm(boxes[0][0] - boxes[1][0]))
    doubts = [item.centre_share * float(size.max()) for item, (_, size) in zip(items, boxes, strict=True)]
    own = 0.0 if claim.measure == "nearest" else math.hypot(*doubts)
    sigma_m = math.hypot(length_error * centres_m, items[0].error_m, items[1].error_m, own)
    low, high = {"nearest": (nearest_m, nearest_m), "centre": (centres_m, centres_m)}.get(
        claim.measure or "", (nearest_m, max(nearest_m, centres_m))
    )
    probability, margin_m = number_probability(claim, low, high, sigma_m / max(high, 1e-6), settings.tolerance)
    frames = _used(items)
    if claim.measure != "nearest" and not all(item.is_whole for item in items):
        raise CannotMeasure("centres_unknown", "needs_whole_or_nearest", subject=claim.subject, object=claim.object)
    if claim.measure == "nearest":
        least_m = _least_gap(items, [size for _, size in boxes], nearest_m)
        at_least, _ = number_probability(claim, least_m, least_m, sigma_m / max(least_m, 1e-6), settings.tolerance)
        is_between = least_m < (claim.value_m or 0.0) < nearest_m and claim.comparison is Comparison.ABOUT
        if (at_least - 0.5) * (probability - 0.5) <= 0 or (is_between and probability < 0.5):
            raise CannotMeasure("nearest_hidden", "needs_facing_sides", nearest=nearest_m, least=least_m)
    return Finding(
        probability,
        margin_m,
        "m",
        message(
            "merged_distances", frames=frames, nearest=nearest_m, centres=centres_m, interval=HALF_INTERVAL * sigma_m
        ),
        {"nearest_m": nearest_m, "centres_m": centres_m, "sigma_m": sigma_m, "frames": float(len(frames))},
        {
            "nearest_subject": point(first),
            "nearest_object": point(second),
            "centre_subject": point(boxes[0][0]),
            "centre_object": point(boxes[1][0]),
        },
    )


def _least_gap(items: Sequence[MergedObject], sizes: Sequence[np.ndarray], nearest_m: float) -> float:
    """Least distance that hidden sides allow [m]: each object may extend by the part that no frame sees."""
    if not all(item.is_whole for item in items):
        return 0.0
    pairs = zip(items, sizes, strict=True)
    return max(0.0, nearest_m - sum((1 - item.turn_rad / math.pi) * float(size.min()) for item, size in pairs))


def _touching(located: Sequence[Mapping[int, ObjectView]], items: Sequence[MergedObject]) -> Finding:
    """Points that come close prove contact; a gap disproves it where both objects are seen from all around."""
    first, second = nearest_points(items[0].points, items[1].points)
    gap_m = float(np.linalg.norm(first - second))
    pairs = zip(located, items, strict=True)
    z = min(by_frame[frame].z for by_frame, item in pairs for frame in item.frames)
    limit_m = _TOUCH_SHARE * z + items[0].edge_m + items[1].edge_m
    sigma_m = math.hypot(*(item.error_m for item in items))
    note = message("merged_gap", frames=_used(items), gap=gap_m, interval=HALF_INTERVAL * sigma_m)
    is_around = all(item.is_whole and item.turn_rad >= AROUND_RAD for item in items)
    if sigma_m > limit_m or (gap_m > limit_m and not is_around):
        raise CannotMeasure(note + message("closest_hidden"), "needs_meeting_view")
    return Finding(
        probability_positive(limit_m - gap_m, sigma_m),
        limit_m - gap_m,
        "m",
        note,
        {"gap_m": gap_m, "limit_m": limit_m, "sigma_m": sigma_m},
        {"nearest_subject": point(first), "nearest_object": point(second)},
    )


def _order(claim: Claim, items: Sequence[MergedObject], up: np.ndarray, length_error: float) -> Finding:
    """Larger, smaller, taller, wider: the log ratio of sizes."""
    options = RELATIONS[claim.relation].options
    sizes = []
    for item in items:
        extents = extents_of(item, up)
        whole = math.sqrt(extents["width"] * extents["height"])
        sizes.append(max(1e-6, {"size": whole}.get(str(options["extent"])) or extents[str(options["extent"])]))
    if not all(item.is_whole for item in items):
        raise CannotMeasure("never_whole", "needs_whole_views", subject=claim.subject, object=claim.object)
    ratio = float(options["sign"]) * math.log(sizes[0] / sizes[1])
    relative = [math.hypot(item.error_m, item.edge_m) / size for item, size in zip(items, sizes, strict=True)]
    # A wrong scale is common to both.
    sigma = math.hypot(*relative, _SIZE_ERROR, 0.2 * length_error)
    return Finding(
        probability_positive(ratio, sigma),
        ratio,
        "relative",
        message(
            "merged_order",
            frames=_used(items),
            subject=claim.subject,
            object=claim.object,
            first=sizes[0],
            second=sizes[1],
        ),
        {"subject_m": sizes[0], "object_m": sizes[1], "sigma": sigma},
    )


def _used(items: Sequence[MergedObject]) -> tuple[int, ...]:
    return tuple(sorted({frame for item in items for frame in item.frames}))

"""Turns depth and anchors into metric depth with the error of its scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from pipeline.claims.resolve import resolve
from pipeline.geometry.known_lengths import KnownLength, Pixels, shape_of
from pipeline.geometry.scale import CannotScale, Solution, solve_affine, solve_scale
from pipeline.records import (
    Anchor,
    AnchorKind,
    Claim,
    DepthKind,
    DepthMap,
    Region,
    ScaleSource,
    Scene,
    Status,
    Verdict,
)
from pipeline.records.error_budget import ErrorBudget
from pipeline.records.message import Language, Message, message
from pipeline.records.noise import ANCHORED
from pipeline.records.relations import Need
from pipeline.verify.rules.anchor_reading import pixels, read
from pipeline.verify.rules.base import CannotMeasure, Settings
from pipeline.verify.rules.object_view import ObjectView, object_views
from pipeline.verify.rules.view import FrameView
from pipeline.verify.verifier import Verifier, need_of

# Anchors that differ by more standard deviations disagree.
_DISAGREEMENT = 2.0
# Pixels with a larger relative error lose their z; fewer than this share of a frame with z are too few.
_MOST_ERROR, _LEAST_KEPT = 0.4, 0.3
# The error of a frame's scale holds for this share of its pixels.
_COVERED = 0.95
# A scale with a larger error is refused.
_MOST_SCALE_ERROR = 0.5

_Read = tuple[Anchor, KnownLength]


def with_anchors(
    scene: Scene, regions: Sequence[Region], budget: ErrorBudget | None = None, settings: Settings | None = None
) -> Scene:
    """Give a scene's depth the scale of its anchors.

    Every frame is solved by itself, from its original depth; a scene may be anchored again when more regions are known.

    Args:
        scene: A scene with depth.
        regions: Regions that anchors may name.
        budget: Error of every measurement; the verifier's.
        settings: How objects are cut out; the verifier's.

    Returns:
        The scene with metric depth of scale source ``anchor`` wherever the anchors fix it and the original depth
        elsewhere, the original maps as ``unanchored_depth``, and as ``problems`` the anchors that cannot be used or
        disagree. The same scene where it has no anchors.
    """
    if not scene.anchors:
        return scene
    depths = scene.unanchored_depth or scene.depth
    if not depths:
        return replace(scene, problems=(message("anchors_without_depth"),))
    regions = tuple(regions)
    places, problems = _places(scene, regions)
    views = [FrameView(*pair, budget, settings) for pair in zip(scene.frames, depths, strict=True)]
    objects = object_views(views, regions)
    maps = []
    for number, view in enumerate(views):
        here = [(anchor, [objects[index] for index in at[number]]) for anchor, at in places if number in at]
        anchored, found = _anchored(view, here)
        maps.append(anchored)
        if len(depths) > 1:
            found = [message("of_frame", number=number + 1, problem=problem) for problem in found]
        problems += found
    return replace(scene, depth=tuple(maps), unanchored_depth=depths, problems=tuple(dict.fromkeys(problems)))


def judge_anchored(
    verifier: Verifier, scene: Scene, regions: Sequence[Region], claims: Sequence[Claim], language: Language = "en"
) -> tuple[Verdict, ...]:
    """Judge claims on a scene that ``with_anchors`` gave.

    Order and occlusion are judged on the original affine depth, whose errors are known in its own unit. A verdict that
    lacks metres, or a shape, says what the anchors lack.

    Returns:
        One verdict per claim, in the same order, as ``Verifier.judge``.
    """
    is_affine = any(not depth.kind.has_shape for depth in scene.unanchored_depth)
    # What the anchors say about the map holds for its original too.
    misfits = [depth.misfit for depth in scene.depth]
    unanchored = tuple(
        replace(depth, misfit=misfit) for depth, misfit in zip(scene.unanchored_depth, misfits, strict=False)
    )
    original = replace(scene, depth=unanchored) if is_affine else scene
    verdicts: dict[int, Verdict] = {}
    for judged, needs in ((original, (Need.NOTHING, Need.ORDER)), (scene, (Need.SHAPE, Need.METRIC))):
        at = [index for index, claim in enumerate(claims) if need_of(claim) in needs]
        verdicts |= zip(at, verifier.judge(judged, regions, [claims[index] for index in at], language), strict=True)
    return tuple(_with_need(verdict, scene, language) for _, verdict in sorted(verdicts.items()))


def _with_need(verdict: Verdict, scene: Scene, language: Language) -> Verdict:
    """The verdict, with what the anchors lack where it is undecided for want of metres or shape."""
    if verdict.status is not Status.UNDECIDED or not verdict.evidence or not scene.problems or not scene.depth:
        return verdict
    need = need_of(verdict.claim)
    kinds = {scene.depth[item.frame].kind for item in verdict.evidence}
    lacks_metres = need is Need.METRIC and DepthKind.METRIC not in kinds
    lacks_shape = need is Need.SHAPE and not any(kind.has_shape for kind in kinds)
    if not (lacks_metres or lacks_shape):
        return verdict
    more = message("needs_and_problems", needs=verdict.needs, problems=reduce(add, scene.problems))
    return replace(verdict, needs=more.text(language))


def _places(
    scene: Scene, regions: tuple[Region, ...]
) -> tuple[list[tuple[Anchor, dict[int, tuple[int, ...]]]], list[Message]]:
    """Each usable anchor with the regions that it names, by frame; and why the others are unusable."""
    places: list[tuple[Anchor, dict[int, tuple[int, ...]]]] = []
    problems = []
    for anchor in scene.anchors:
        found = [resolve(name, regions, anchor.frame) for name in anchor.names]
        missing = next((resolution.reason for resolution in found if not resolution.found), None)
        frames: list[int]
        if anchor.names:
            frames = [at for at in range(len(scene.frames)) if all(at in resolution.by_frame for resolution in found)]
        elif anchor.points_px:
            frames = [anchor.frame or 0]
        else:
            frames = list(range(len(scene.frames))) if anchor.frame is None else [anchor.frame]
        if missing is None and not frames:
            missing = message("anchor_never_together")
        if anchor.kind is AnchorKind.TO_CAMERA and len(frames) > 1:
            missing = message("anchor_of_one_frame")
        if missing is not None:
            problems.append(_unusable(anchor, missing))
        else:
            places.append((anchor, {at: tuple(part.by_frame[at] for part in found) for at in frames}))
    return places, problems


def _unusable(anchor: Anchor, reason: Message, needs: Message | None = None) -> Message:
    unusable = message("anchor_unusable", anchor=anchor.wording, reason=reason)
    return unusable if needs is None else unusable + message("anchor_needs", needs=needs)


def _anchored(view: FrameView, anchors: list[tuple[Anchor, list[ObjectView]]]) -> tuple[DepthMap, list[Message]]:
    """The depth of one frame, scaled by its anchors where possible; and the problems of the anchors."""
    depth = view.depth
    lengths, flat, problems = _read(view, anchors)
    if not lengths:
        if flat and depth.kind is not DepthKind.METRIC and not problems:
            problems.append(message("flat_without_length"))
        return depth, problems
    try:
        if not depth.kind.has_shape:
            anchored, solution = _solved_affine(view, lengths, flat)
        else:
            solution = solve_scale([known for _, known in lengths], depth.kind)
            if depth.kind is DepthKind.METRIC and depth.scale_source is not ScaleSource.ANCHOR:
                kept = _kept_scale(view, solution)
                if kept is not None:
                    return _doubted(view, solution), [*problems, *kept]
            anchored = _rescaled(depth, solution)
    except CannotScale as refusal:
        return depth, [*problems, refusal.reason]
    if solution.misfit > _DISAGREEMENT:
        problems.append(_disagreement(lengths, solution, anchored.scale_error or 0.0))
    return _with_misfit(anchored, solution), problems


def _read(
    view: FrameView, anchors: list[tuple[Anchor, list[ObjectView]]]
) -> tuple[list[_Read], list[Pixels], list[Message]]:
    """The anchors that one frame shows with their lengths, its flat regions, and what cannot be used."""
    lengths: list[_Read] = []
    flat: list[Pixels] = []
    problems = []
    for anchor, named in anchors:
        try:
            if not anchor.kind.has_length:
                flat.append(pixels(named[0]))
                continue
            known = read(anchor, view, named)
        except CannotMeasure as refusal:
            problems.append(_unusable(anchor, refusal.reason, refusal.needs))
            continue
        lengths.append((anchor, known))
        if anchor.kind is AnchorKind.CAMERA_HEIGHT:
            flat += known.objects
    return lengths, flat, problems


def _kept_scale(view: FrameView, solution: Solution) -> tuple[Message, ...] | None:
    """Why a metric map keeps its own scale: empty where the anchors agree, None where theirs is more precise."""
    depth = view.depth
    own = view.budget.scale_error(depth)
    is_sensor = depth.scale_source is ScaleSource.SENSOR
    if not is_sensor and solution.error < own:
        return None
    off = abs(math.log(solution.scale))
    if is_sensor and off <= _DISAGREEMENT * math.hypot(own, solution.error):
        return ()
    return (message("kept_scale", factor=solution.scale, error=solution.error, own=own),)


def _doubted(view: FrameView, solution: Solution) -> DepthMap:
    """A metric map that keeps its scale: what anchors miss by more than the errors widens those of a network.

    A sensor's scale is better known than what anchors say; they are reported, and change nothing.
    """
    depth, own = view.depth, view.budget.scale_error(view.depth)
    if depth.scale_source is ScaleSource.SENSOR:
        return depth
    expected = math.hypot(own, solution.error)
    off = abs(math.log(solution.scale)) / expected if expected > 0 else 0.0
    return _with_misfit(replace(depth, scale_error=own * max(1.0, off)), solution)


def _with_misfit(depth: DepthMap, solution: Solution) -> DepthMap:
    """The map with a smooth error under which its anchors agree."""
    return replace(depth, misfit=max(depth.misfit, solution.misfit))


def _rescaled(depth: DepthMap, solution: Solution) -> DepthMap:
    if solution.error > _MOST_SCALE_ERROR:
        raise CannotScale("rough_scale", error=solution.error)
    return _metric(depth, depth.values * np.float64(solution.scale), depth.valid, solution.error, depth.backend)


def _solved_affine(view: FrameView, lengths: list[_Read], flat: list[Pixels]) -> tuple[DepthMap, Solution]:
    depth = view.depth
    if depth.kind is DepthKind.DISPARITY_AFFINE and [anchor.kind for anchor, _ in lengths] == [
        AnchorKind.CAMERA_HEIGHT
    ]:
        raise CannotScale("camera_height_alone")
    values = depth.values[depth.valid][:: max(1, depth.values.size // 20_000)].astype(np.float64)
    solution = solve_affine([known for _, known in lengths], depth.kind, values, flat)
    z = shape_of(depth.values, depth.kind, solution.shift) * solution.scale
    backend = depth.backend + ANCHORED
    errors = np.interp(depth.values, solution.levels, _errors_at(view, solution, backend))
    valid = depth.valid & np.isfinite(z) & (errors <= _MOST_ERROR)
    if np.count_nonzero(valid) < _LEAST_KEPT * np.count_nonzero(depth.valid):
        raise CannotScale("mostly_open", error=_MOST_ERROR)
    error = float(np.quantile(errors[valid], _COVERED))
    return _metric(depth, np.where(valid, z, np.nan), valid, error, backend), solution


def _errors_at(view: FrameView, solution: Solution, backend: str) -> np.ndarray:
    """Error of z at the levels of a solution, as a fraction.

    It combines the error of scale and shift with the affine noise beyond that of the anchored map.
    """
    levels = solution.levels
    z = shape_of(levels, view.depth.kind, solution.shift)
    per_value = z if view.depth.kind is DepthKind.DISPARITY_AFFINE else 1 / z
    far = float(np.percentile(view.depth.values[view.depth.valid], 2))
    noise = view.noise.relative * (np.abs(levels - far) + view.noise.far_share * view.spread) * per_value
    metric = _metric(view.depth, np.ones(view.depth.shape), view.depth.valid, 0.0, backend)
    taken = view.budget.noise.of(metric).relative
    beyond = np.sqrt(np.maximum(noise**2 - taken**2, 0.0))
    return np.nan_to_num(np.hypot(solution.error_at(levels), beyond), nan=np.inf)


def _metric(depth: DepthMap, z_m: np.ndarray, valid: np.ndarray, scale_error: float, backend: str) -> DepthMap:
    return replace(
        depth,
        values=z_m,
        valid=valid,
        kind=DepthKind.METRIC,
        scale_source=ScaleSource.ANCHOR,
        scale_error=scale_error,
        backend=backend,
    )


def _disagreement(lengths: list[_Read], solution: Solution, error: float) -> Message:
    factors = tuple(
        message("anchor_factor", anchor=anchor.wording, factor=factor)
        for (anchor, _), factor in zip(lengths, solution.factors, strict=True)
    )
    return message("anchors_disagree", misfit=solution.misfit, factors=factors, error=error)

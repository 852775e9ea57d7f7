"""Baselines for the verifier, which judge claims by boxes and one depth per box.

Each gives a signed score: positive if the claim holds, larger where it is clearer; None where it cannot decide. They
ignore the masks of regions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.claims.resolve import resolve, resolve_all
from pipeline.evaluate.claims.baseline_depth import Reading, box_centre, farness, frame_range
from pipeline.evaluate.claims.scores import Judgement
from pipeline.geometry.regions import boxes_gap, boxes_overlap
from pipeline.records import Box, Camera, Claim, Comparison, DepthKind, DepthMap, Scene
from pipeline.records.relations import RELATIONS, Relation
from pipeline.verify.rules.base import Settings

# Occlusion: the boxes overlap by more than this share of the smaller one, and their depths differ by more than that.
_OVERLAP, _DEPTH_STEP = 0.15, 0.20
# Contact: the gap between the boxes is smaller than this [px], and their depths differ by less than that.
_ADJOINING_PX, _TOUCHING_DEPTH = 2.0, 0.10
_TINY = 1e-9


class Baseline(Protocol):
    """Scores a claim without an estimate of its own error."""

    name: str

    def score(self, scene: Scene, claim: Claim) -> float | None:
        """Signed score: positive if the claim holds, larger where it is clearer; None where it cannot decide."""
        ...


@dataclass(frozen=True)
class BaselineScore:
    """Score of one claim by a baseline.

    Args:
        relation: Name of the claim's relation; scores are ranked within it.
        truth: Whether the claim holds.
        score: Its score; None where the baseline cannot decide.
        group: The group that is resampled as a whole: the scene.
    """

    relation: str
    truth: bool
    score: float | None
    group: str


def judgements_of(scores: Sequence[BaselineScore]) -> list[Judgement]:
    """Scores as judgements, in their order; each score that exists counts as decided.

    The rank of its magnitude within the relation gives a score its confidence, which suits the baselines best: scales
    of different relations are never compared, and no threshold has to be chosen.
    """
    by_relation: dict[str, list[int]] = {}
    for index, item in enumerate(scores):
        if item.score is not None and not math.isnan(item.score):
            by_relation.setdefault(item.relation, []).append(index)
    probabilities: list[float | None] = [None] * len(scores)
    for indices in by_relation.values():
        values = np.array([scores[index].score for index in indices], dtype=float)
        _, place, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
        for index, value, rank in zip(indices, values, ranks, strict=True):
            probabilities[index] = 0.5 + 0.5 * float(np.sign(value) * rank) / (len(indices) + 1)
    return [
        Judgement(item.relation, item.truth, probability, probability is not None, item.group)
        for item, probability in zip(scores, probabilities, strict=True)
    ]


class BoxBaseline:
    """Scores claims by boxes and one depth per box.

    Args:
        reading: How to reduce a box to one depth.
        tolerance: Accepted relative deviation of a claim's number if the claim states none; the verifier's.
    """

    def __init__(self, reading: Reading | str, tolerance: float = Settings().tolerance) -> None:
        self.reading = Reading(reading)
        self.name = self.reading.value
        self.tolerance = tolerance

    def score(self, scene: Scene, claim: Claim) -> float | None:
        """Score of a claim in the first of its frames that shows everything it names, from the camera's viewpoint."""
        relation = RELATIONS[claim.relation]
        if relation.counts:
            score = self._count(scene, claim)
        else:
            boxes = _boxes(claim, relation, scene)
            if boxes is None:
                return None
            frame, found = boxes
            depth = scene.depth[frame] if scene.depth else None
            view = _View(found, scene.frames[frame].camera, depth, self.reading, self.tolerance)
            score = _SCORES[relation.rule](claim, view, **relation.options) if relation.rule in _SCORES else None
        return None if score is None else -score if claim.negated else score

    def _count(self, scene: Scene, claim: Claim) -> float | None:
        for frame in claim.frames or range(len(scene.frames)):
            if found := resolve_all(claim.subject, scene.regions, frame):
                assert claim.value is not None
                gap = len(found) - claim.value
                if claim.comparison is Comparison.AT_LEAST:
                    return gap + 0.5
                return (-gap if claim.comparison is Comparison.AT_MOST else -abs(gap)) + 0.5
        return None


def default_baselines(tolerance: float = Settings().tolerance) -> tuple[Baseline, ...]:
    """The baselines of every report: one per way to read the depth of a box."""
    return tuple(BoxBaseline(reading, tolerance) for reading in Reading)


def _boxes(claim: Claim, relation: Relation, scene: Scene) -> tuple[int, list[Box]] | None:
    """The first frame that shows everything the claim names, with the boxes, subject first."""
    names = claim.things
    found = [resolve(name, scene.regions).by_frame for name in names]
    for frame in claim.frames or range(len(scene.frames)):
        if all(frame in by_frame for by_frame in found):
            return frame, [scene.regions[by_frame[frame]].box_px for by_frame in found]
    return None


@dataclass(frozen=True)
class _View:
    """Boxes of one frame, subject first, and the depth of each."""

    boxes: list[Box]
    camera: Camera
    depth: DepthMap | None
    reading: Reading
    tolerance: float

    def farness(self, index: int) -> float | None:
        return None if self.depth is None else farness(self.depth, self.boxes[index], self.reading)

    def z(self, index: int, *, metric: bool = False) -> float | None:
        """Depth of a box if the depth map has a shape, or is metric."""
        if self.depth is None or not self.depth.kind.has_shape or (metric and self.depth.kind is not DepthKind.METRIC):
            return None
        return self.farness(index)

    def lead(self) -> float | None:
        """How much nearer the first box is than the second, as a share of z, or of the frame's range if affine."""
        first, second = self.farness(0), self.farness(1)
        if first is None or second is None or self.depth is None:
            return None
        if self.depth.kind.has_shape:
            return math.copysign(max(first, second) / max(min(first, second), _TINY) - 1, second - first)
        extent = frame_range(self.depth)
        return (second - first) / extent if extent > 0 else None

    def point(self, index: int) -> np.ndarray | None:
        """Pinhole point of a box's centre, float64 (3,) [m]."""
        z = self.z(index, metric=True)
        if z is None:
            return None
        u, v = box_centre(self.boxes[index])
        return z * np.array(
            [(u - 0.5 - self.camera.cx) / self.camera.fx, (v - 0.5 - self.camera.cy) / self.camera.fy, 1]
        )

    def side(self, index: int, measure: str, *, metric: bool = False) -> float | None:
        """Width or height of a box at its depth."""
        z = self.z(index, metric=metric)
        left, top, right, bottom = self.boxes[index]
        if z is None:
            return None
        return (right - left) * z / self.camera.fx if measure == "width" else (bottom - top) * z / self.camera.fy

    def number(self, claim: Claim, measured: float | None) -> float | None:
        """How well a claim's number fits a measured one, in units of the accepted deviation."""
        if measured is None or claim.value is None or claim.unit is None:
            return None
        factor = 1.0 if math.isnan(claim.unit.metres) else claim.unit.metres
        value = claim.value * factor
        slack = self.tolerance * value if claim.tolerance is None else claim.tolerance * factor
        if claim.comparison is Comparison.ABOUT:
            return (slack - abs(measured - value)) / max(slack, _TINY)
        gap = measured - value if claim.comparison is Comparison.AT_LEAST else value - measured
        return (gap + (slack if claim.tolerance is not None else 0.0)) / max(self.tolerance * value, _TINY)


def overlap_share(first_px: Box, second_px: Box, of: float | None = None) -> float:
    """Common area of two boxes as a share of the smaller one, or of the area ``of`` [px^2]."""
    whole = min(_area(first_px), _area(second_px)) if of is None else of
    return boxes_overlap(first_px, second_px) / max(whole, _TINY)


def _area(box_px: Box) -> float:
    return (box_px[2] - box_px[0]) * (box_px[3] - box_px[1])


def _image_order(claim: Claim, view: _View, *, axis: str, sign: int) -> float:
    at = 0 if axis == "x" else 1
    return sign * (box_centre(view.boxes[1])[at] - box_centre(view.boxes[0])[at])


def _between(claim: Claim, view: _View) -> float:
    """The centre projects onto the line between the other two, less than half its length off it."""
    middle, start, end = (complex(*box_centre(box)) for box in view.boxes)
    line, away = end - start, middle - start
    # Real part: along the line; imaginary part: across it.
    place = away * line.conjugate() / max(abs(line) ** 2, _TINY)
    share, off = place.real, abs(place.imag)
    return min(share, 1 - share, 0.5 - off)


def _depth_order(claim: Claim, view: _View, *, sign: int) -> float | None:
    if (lead := view.lead()) is None or claim.value is None:
        return None if lead is None else sign * lead
    first, second = view.z(0, metric=True), view.z(1, metric=True)
    return _least(sign * lead, view.number(claim, None if first is None or second is None else abs(first - second)))


def _same_depth(claim: Claim, view: _View) -> float | None:
    lead = view.lead()
    if lead is None or view.z(0) is None:
        return None
    return 1 - abs(lead) / view.tolerance


def _occlusion(claim: Claim, view: _View, *, sign: int) -> float | None:
    """The boxes overlap and the one in front is clearly nearer; their overlap is the hidden share of the other."""
    lead = view.lead()
    if lead is None:
        return None
    first, second = view.boxes
    hides = min(overlap_share(first, second) / _OVERLAP, sign * lead / _DEPTH_STEP) - 1
    if claim.value is None or hides <= 0:
        return hides
    hidden = _area(second if sign > 0 else first)
    return _least(hides, view.number(claim, overlap_share(first, second, of=hidden)))


def _contact(claim: Claim, view: _View, *, axis: str | None = None) -> float | None:
    """The boxes overlap or adjoin at similar depth; for "on", the subject's lower edge lies above the object's."""
    lead = view.lead()
    if lead is None or view.z(0) is None:
        return None
    gap_px = max(0.0, boxes_gap(*view.boxes))
    meets = min(1 - gap_px / _ADJOINING_PX, 1 - abs(lead) / _TOUCHING_DEPTH)
    if axis is None:
        return meets
    below = view.boxes[1]
    return min(meets, (below[3] - view.boxes[0][3]) / max(below[3] - below[1], _TINY))


def _size_order(claim: Claim, view: _View, *, sign: int, extent: str) -> float | None:
    sides = ("height", "width") if extent == "size" else (extent,)
    ratio = 0.0
    for measure in sides:
        first, second = view.side(0, measure), view.side(1, measure)
        if first is None or second is None:
            return None
        ratio += math.log(max(first, _TINY) / max(second, _TINY)) / len(sides)
    return sign * ratio


def _size(claim: Claim, view: _View) -> float | None:
    """Height or width of the box, whichever fits better if the claim names none; a box has no depth extent."""
    if claim.measure == "depth":
        return None
    sides = (claim.measure,) if claim.measure else ("height", "width")
    fits = [view.number(claim, view.side(0, side, metric=True)) for side in sides]
    return max((fit for fit in fits if fit is not None), default=None)


def _distance_between(claim: Claim, view: _View) -> float | None:
    first, second = view.point(0), view.point(1)
    return view.number(claim, None if first is None or second is None else float(np.linalg.norm(first - second)))


def _distance_to_camera(claim: Claim, view: _View) -> float | None:
    point = view.point(0)
    return view.number(claim, None if point is None else float(np.linalg.norm(point)))


def _least(*scores: float | None) -> float | None:
    known = [score for score in scores if score is not None]
    return min(known) if len(known) == len(scores) else None


_SCORES: dict[str, Callable[..., float | None]] = {
    "image_order": _image_order,
    "between": _between,
    "depth_order": _depth_order,
    "same_depth": _same_depth,
    "occlusion": _occlusion,
    "contact": _contact,
    "size_order": _size_order,
    "size": _size,
    "distance_between": _distance_between,
    "distance_to_camera": _distance_to_camera,
}

"""Examples to fit on: cues of surfaces and of occlusion with what holds, and probabilities before calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.claims.resolve import resolve
from pipeline.datasets.base import Case
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.boxes_3d import points_in_box
from pipeline.geometry.regions import box_window
from pipeline.records import Claim, Region, Scene
from pipeline.records.relations import RELATIONS
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.contact import standing_cues, touching_cues
from pipeline.verify.rules.gaps import gap_either_way
from pipeline.verify.rules.object_view import ObjectView
from pipeline.verify.rules.occlusion import model_of, occlusion_cues
from pipeline.verify.verifier import Verifier

# A surface is the object where it shares this much with the known one (intersection over union), and so much of it is.
_LEAST_IOU, _LEAST_PRECISION = 0.15, 0.3
# Returns this far outside of a box in space still belong to its object [m].
_SLACK_M = 0.15


@dataclass(frozen=True)
class Example:
    """Cues of one box or pair, and what holds.

    Args:
        model: Name of the model that it is for.
        place: Where it was seen; places are left out together.
        cues: Of the alternatives to choose from; one entry where something holds or not.
        answer: Number of the alternative, or 1 and 0 for what holds or not.
        weight: How much it counts.
    """

    model: str
    place: str
    cues: tuple[Mapping[str, float], ...]
    answer: int
    weight: float = 1.0


def examples_of(case: Case, verifier: Verifier, weight: float = 1.0) -> list[Example]:
    """The examples of one case: of boxes whose object's pixels are known, and of claims of occlusion and contact."""
    found = (*_surfaces(case.group, case.scene, verifier), *_pairs(case.group, case.scene, verifier))
    return [replace(item, weight=weight) for item in found]


def _views(scene: Scene, regions: Sequence[Region], verifier: Verifier) -> tuple[ObjectView, ...]:
    return verifier.views(scene, tuple(regions))[1].objects


def _surfaces(place: str, scene: Scene, verifier: Verifier) -> Iterator[Example]:
    """One example per box whose object's pixels are known: by its mask, or by the returns in its box in space."""
    boxes = [replace(region, mask=None, box_3d=None) for region in scene.regions]
    whole = _views(scene, scene.regions, verifier)
    for region, item, known in zip(scene.regions, _views(scene, boxes, verifier), whole, strict=True):
        if region.is_point or region.frame >= len(scene.depth):
            continue
        pixels = _known_pixels(known)
        if pixels is None:
            continue
        try:
            masks, cues, model = item.surfaces
        except CannotMeasure:
            continue
        matches = [_match(mask, pixels) for mask in masks]
        best = max(range(len(matches)), key=lambda number: matches[number][0], default=None)
        if best is not None and matches[best][0] >= _LEAST_IOU and matches[best][1] >= _LEAST_PRECISION:
            yield Example(model, place, tuple(cues), best)


def _known_pixels(item: ObjectView) -> np.ndarray | None:
    """The object's pixels in its window, bool (h, w): those of its mask, or the returns in its box in space."""
    region, view = item.region, item.view
    window = box_window(region.box_px, view.depth.shape)
    is_scattered = view.depth.sampling.is_scattered
    if region.mask is not None:
        mask = region.mask[window.slices]
        return mask & view.depth.valid[window.slices] if is_scattered else mask
    if region.box_3d is None or not is_scattered:
        return None
    rows, columns = np.nonzero(view.depth.valid[window.slices])
    z = view.depth.values[window.slices][rows, columns]
    points = back_project_pixels(columns + window.left, rows + window.top, z, view.camera)
    inside = np.zeros(window.shape, dtype=bool)
    inside[rows, columns] = points_in_box(points, region.box_3d, _SLACK_M)
    return inside


def _match(surface: np.ndarray, known: np.ndarray) -> tuple[float, float]:
    """Intersection over union of a surface with the known pixels, and the share of it that they cover."""
    common, either, own = (int(np.count_nonzero(part)) for part in (surface & known, surface | known, surface))
    return common / max(either, 1), common / max(own, 1)


def _pairs(place: str, scene: Scene, verifier: Verifier) -> Iterator[Example]:
    """One example per claim that one object hides, touches or carries another."""
    objects = _views(scene, scene.regions, verifier)
    for claim in scene.claims:
        relation = RELATIONS[claim.relation]
        if relation.rule not in ("occlusion", "contact") or claim.value is not None or claim.truth is None:
            continue
        pair = _pair(claim, scene, objects)
        if pair is None:
            continue
        try:
            model, cues = _occlusion(*pair) if relation.rule == "occlusion" else _contact(*pair, **relation.options)
        except CannotMeasure:
            continue
        yield Example(model, place, (cues,), int(claim.truth is not claim.negated))


def _occlusion(front: ObjectView, back: ObjectView) -> tuple[str, dict[str, float]]:
    return model_of(front, back), occlusion_cues(front, back).cues


def _contact(subject: ObjectView, other: ObjectView, axis: str | None = None) -> tuple[str, dict[str, float]]:
    cues = touching_cues(subject, other, subject.meeting(other), gap_either_way(subject, other).visible)
    return ("touching", cues) if axis is None else ("standing", cues | standing_cues(subject, other))


def _pair(claim: Claim, scene: Scene, objects: Sequence[ObjectView]) -> tuple[ObjectView, ObjectView] | None:
    """What a claim is about in the first frame that shows both; of occlusion, the one that hides first."""
    first, second = (resolve(name, scene.regions).by_frame for name in (claim.subject, claim.object or ""))
    frames = [frame for frame in sorted(first) if frame in second and (not claim.frames or frame in claim.frames)]
    if not frames:
        return None
    pair = objects[first[frames[0]]], objects[second[frames[0]]]
    return pair if RELATIONS[claim.relation].options.get("sign", 1) > 0 else pair[::-1]

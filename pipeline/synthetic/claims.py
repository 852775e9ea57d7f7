"""Claims about rendered views with their ground truth, true and false ones in equal numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import cv2
import numpy as np

from pipeline.records import Claim, Unit
from pipeline.records.relations import RELATIONS, Relation, ValueUse
from pipeline.synthetic.draws import balanced, comparison, fields_of, has_value, in_unit, picked, pool_of, varied
from pipeline.synthetic.ground_truth import extents_m, hidden_share, truth_of
from pipeline.synthetic.view import RenderedObject, RenderedView

LEAST_VISIBLE_SHARE = 0.5
"""Objects with a smaller visible share are in no claim."""

_HARD_SHARE = 0.25
_TRIPLES = 40
_MEETING_PX = 3
# People do not state smaller lengths or shares [m, or share].
_LEAST_VALUE = 0.02
_LENGTHS = (Unit.METRE, Unit.METRE, Unit.CENTIMETRE, Unit.CENTIMETRE, Unit.FOOT, Unit.INCH)
_MEASURES: dict[str, tuple[str | None, ...]] = {
    "distance_between": (None, "nearest", "centre"),
    "size": (None, "height", "width", "depth"),
}


def claims_of(view: RenderedView, rng: np.random.Generator, count: int) -> tuple[Claim, ...]:
    """Claims about a view, with their ground truth.

    They come in pairs of a true and a false one, see ``balanced``. Every fourth is drawn from those closest to the
    boundary. No claim is about an object less than half visible, or about one that hides another elsewhere in the
    image.

    Args:
        view: The view; the claims name its frame.
        rng: Draws the claims.
        count: Most claims; one less where it is odd.

    Returns:
        Claims with their ``truth``.
    """
    pools = {
        name: pool_of(_candidates(relation, view, rng), lambda claim: truth_of(claim, view))
        for name, relation in RELATIONS.items()
        if not relation.implied
    }
    return balanced(pools, rng, count, _HARD_SHARE)


def _candidates(relation: Relation, view: RenderedView, rng: np.random.Generator) -> Iterator[Claim]:
    if relation.counts:
        yield from _counts(relation, view, rng)
        return
    asked = [item for item in view.objects if visible_share(item) >= LEAST_VISIBLE_SHARE]
    groups = list(permutations(asked, relation.objects + 1))
    for position in rng.permutation(len(groups))[: _TRIPLES if relation.objects == 2 else None]:
        group = groups[int(position)]
        if relation.rule == "occlusion" and not meet(*group):
            continue
        base = fields_of(relation, (item.label for item in group), view.index)
        if relation.value is not ValueUse.REQUIRED:
            yield Claim(**base)
        if has_value(relation, rng):
            measure = picked(rng, _MEASURES.get(relation.name, (None,)))
            actual = _actual(relation, view, group, measure)
            if actual < _LEAST_VALUE:
                continue
            # One that should be correct and one that should be wrong.
            for spread in (0.08, 0.8):
                yield Claim(**base, measure=measure, **_number(relation, actual, spread, rng))


def visible_share(item: RenderedObject) -> float:
    """Visible share of the pixels that an object would cover alone, within the image."""
    return float(np.count_nonzero(item.visible) / np.count_nonzero(item.amodal))


def meet(first: RenderedObject, second: RenderedObject) -> bool:
    """Whether the visible parts of the two come within three pixels of each other in the image."""
    kernel = np.ones((2 * _MEETING_PX + 1, 2 * _MEETING_PX + 1), np.uint8)
    grown = cv2.dilate(first.visible.astype(np.uint8), kernel).astype(bool)
    return bool((grown & second.visible).any())


def _counts(relation: Relation, view: RenderedView, rng: np.random.Generator) -> Iterator[Claim]:
    nouns = [item.label.split()[-1] for item in view.objects]
    for noun in dict.fromkeys(nouns):
        count = nouns.count(noun)
        for value in range(max(1, count - 1), count + 2):
            base = fields_of(relation, (noun,), view.index)
            yield Claim(**base, value=value, unit=Unit.COUNT, comparison=comparison(rng))


def _actual(relation: Relation, view: RenderedView, group: tuple[RenderedObject, ...], measure: str | None) -> float:
    """One reading of the number that a claim of this relation states: a length [m], or the hidden share."""
    subject, other = group[0], group[-1]
    if relation.rule == "occlusion":
        front, back = (subject, other) if relation.options["sign"] > 0 else (other, subject)
        return hidden_share(front, back)
    if relation.rule == "depth_order":
        return abs(float(np.median(subject.visible_z_m) - np.median(other.visible_z_m)))
    if relation.rule == "distance_to_camera":
        return float(np.median(subject.visible_range_m))
    if relation.rule == "size":
        width, height, depth = extents_m(view, subject)
        return {"width": width, "depth": depth}.get(measure or "", height)
    if measure == "centre":
        return math.dist(subject.box_3d.center_m, other.box_3d.center_m)
    return view.world.surface_distance_m(subject.piece, other.piece)


def _number(relation: Relation, actual: float, spread: float, rng: np.random.Generator) -> dict[str, Any]:
    """A number off by a random factor, as people write it: value, unit and comparison."""
    stated, compared = varied(actual, spread, rng), comparison(rng)
    if relation.rule == "occlusion":
        return {"value": round(min(1.0, stated), 2), "unit": Unit.FRACTION, "comparison": compared}
    return {**in_unit(stated, picked(rng, _LENGTHS)), "comparison": compared}

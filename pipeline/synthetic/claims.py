"""Claims about rendered views with their truth, true and false ones in equal numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any

import cv2
import numpy as np

from pipeline.records import Claim, Comparison, Origin, Unit
from pipeline.records.relations import RELATIONS, Relation, ValueUse
from pipeline.synthetic.ground_truth import Truth, extents_m, hidden_share, truth_of
from pipeline.synthetic.view import RenderedObject, RenderedView

LEAST_VISIBLE_SHARE = 0.5
"""Nobody is asked about an object of which less is visible."""

_NEGATED_SHARE = 0.1
_HARD_SHARE = 0.25
# The hard ones of a pool are this share of it, those with the smallest margins.
_HARDEST = 0.3
_WITH_VALUE_SHARE = 0.25
_TRIPLES = 40
_MEETING_PX = 3
# Nobody states a smaller length or share [m, or share].
_LEAST_VALUE = 0.02
_LENGTHS = (Unit.METRE, Unit.METRE, Unit.CENTIMETRE, Unit.CENTIMETRE, Unit.FOOT, Unit.INCH)
_MEASURES: dict[str, tuple[str | None, ...]] = {
    "distance_between": (None, "nearest", "centre"),
    "size": (None, "height", "width", "depth"),
}
_COMPARISONS = (Comparison.ABOUT, Comparison.ABOUT, Comparison.ABOUT, Comparison.AT_LEAST, Comparison.AT_MOST)
_Judged = tuple[Claim, Truth]


def claims_of(view: RenderedView, rng: np.random.Generator, count: int) -> tuple[Claim, ...]:
    """Claims about a view whose truth is known.

    Claims come in pairs of a true and a false one of the same relation, drawn from relation after relation in
    random order until there are enough; a relation that has only true or only false claims in this view has none.
    Every fourth is drawn from those closest to the boundary. Nobody is asked about an object less than half of which
    is visible, nor whether one hides another that is elsewhere in the image.

    Args:
        view: The view; the claims name its frame.
        rng: Draws the claims.
        count: Most claims; one less where it is odd.

    Returns:
        Claims with their ``truth``.
    """
    pools = {name: _pools(relation, view, rng) for name, relation in RELATIONS.items() if not relation.implied}
    claims: list[Claim] = []
    while len(claims) + 2 <= count:
        ready = [name for name, pair in pools.items() if all(pair)]
        if not ready:
            break
        for name in rng.permutation(ready)[: (count - len(claims)) // 2]:
            negated = bool(rng.random() < _NEGATED_SHARE)
            for pool in pools[name]:
                claim, truth = pool.pop(_draw(len(pool), rng))
                assert truth.holds is not None
                claims.append(replace(claim, negated=negated, truth=truth.holds is not negated))
    return tuple(claims)


def _draw(size: int, rng: np.random.Generator) -> int:
    """Index into a pool that begins with its hardest claims."""
    return int(rng.integers(max(1, math.ceil(_HARDEST * size)) if rng.random() < _HARD_SHARE else size))


def _pools(relation: Relation, view: RenderedView, rng: np.random.Generator) -> tuple[list[_Judged], list[_Judged]]:
    """Clearly true and clearly false claims of a relation, the hardest first."""
    judged = [(claim, truth_of(claim, view)) for claim in _candidates(relation, view, rng)]
    judged.sort(key=lambda item: abs(item[1].margin))
    true, false = ([item for item in judged if item[1].holds is holds] for holds in (True, False))
    return true, false


def _candidates(relation: Relation, view: RenderedView, rng: np.random.Generator) -> Iterator[Claim]:
    if relation.counts:
        yield from _counts(relation, view, rng)
        return
    asked = [item for item in view.objects if visible_share(item) >= LEAST_VISIBLE_SHARE]
    groups = list(permutations(asked, relation.objects + 1))
    for position in rng.permutation(len(groups))[: _TRIPLES if relation.objects == 2 else None]:
        group = groups[int(position)]
        if relation.rule == "occlusion" and not meet(*group):
            # Nobody asks whether one hides another that is somewhere else in the image.
            continue
        names = dict(zip(("subject", "object", "other_object"), (item.label for item in group), strict=False))
        base: dict[str, Any] = {"relation": relation.name, **names, "frames": (view.index,), "origin": Origin.GIVEN}
        if relation.value is not ValueUse.REQUIRED:
            yield Claim(**base)
        if relation.value is ValueUse.REQUIRED or (
            relation.value is ValueUse.OPTIONAL and rng.random() < _WITH_VALUE_SHARE
        ):
            measure = _picked(rng, _MEASURES.get(relation.name, (None,)))
            actual = _actual(relation, view, group, measure)
            if actual < _LEAST_VALUE:
                continue
            # One that should be right and one that should be wrong.
            for spread in (0.08, 0.8):
                yield Claim(**base, measure=measure, **_number(relation, actual, spread, rng))


def visible_share(item: RenderedObject) -> float:
    """Share of the pixels that an object would have alone, within the image, that is visible."""
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
            comparison = _picked(rng, _COMPARISONS)
            yield Claim(
                relation.name,  # type: ignore[arg-type]
                noun,
                value=value,
                unit=Unit.COUNT,
                comparison=comparison,
                frames=(view.index,),
                origin=Origin.GIVEN,
            )


def _actual(relation: Relation, view: RenderedView, group: tuple[RenderedObject, ...], measure: str | None) -> float:
    """One reading of the number that a claim of this relation states [m], or the hidden share."""
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
    """A number that is off by a random factor, as people write it: value, unit and comparison."""
    factor = math.exp(spread * rng.uniform(0.2, 1.0) * rng.choice((-1, 1)))
    comparison = _picked(rng, _COMPARISONS)
    if relation.rule == "occlusion":
        return {"value": round(min(1.0, actual * factor), 2), "unit": Unit.FRACTION, "comparison": comparison}
    unit = _picked(rng, _LENGTHS)
    value = actual * factor / unit.metres
    digits = max(0, 1 - math.floor(math.log10(value))) if value > 0 else 2
    return {"value": round(value, digits), "unit": unit, "comparison": comparison}


def _picked(rng: np.random.Generator, choices: tuple[Any, ...]) -> Any:
    return choices[int(rng.integers(len(choices)))]

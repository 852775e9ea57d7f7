"""Claims about an image of which something is known, true and false ones in equal numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval

from pipeline.datasets.annotated.ground_truth import AnnotatedImage, depth_gaps_m, truth_of
from pipeline.datasets.annotated.objects import AnnotatedObject, extents_m
from pipeline.datasets.arguments import check_relations
from pipeline.datasets.base import Case
from pipeline.records import Claim, Comparison, DepthKind, Frame, Origin, Scene, Unit
from pipeline.records.relations import RELATIONS, Need, Relation, ValueUse
from pipeline.records.settings import Natural, checked
from pipeline.synthetic.ground_truth import Truth

_NEGATED_SHARE = 0.1
_HARD_SHARE = 0.5
# The hard ones of a pool are this share of it, those with the smallest margins.
_HARDEST = 0.3
_WITH_VALUE_SHARE = 0.25
_MOST_GROUPS = 60
# Logarithms of the factors by which stated numbers are off at most: some should be right, some wrong.
_SPREADS = (0.04, 0.08, 0.5, 1.0)
# Nobody states a smaller length [m].
_LEAST_M = 0.03
_LENGTHS = (Unit.METRE, Unit.METRE, Unit.CENTIMETRE, Unit.FOOT)
_COMPARISONS = (Comparison.ABOUT, Comparison.ABOUT, Comparison.ABOUT, Comparison.AT_LEAST, Comparison.AT_MOST)
# Their truth needs more than what is visible, or than boxes say.
_NEVER = frozenset({"count", "touching", "on", "box_3d"})
_Judged = tuple[Claim, Truth]
ClaimCount = Annotated[int, Interval(ge=2)]
"""Number of claims, which come in pairs."""


@checked
@dataclass(frozen=True)
class ClaimWriter:
    """Makes cases of annotated images, with claims that are the same for the same seed.

    Args:
        claims_per_scene: Most claims per scene, true and false ones in equal numbers.
        relations: Names of relations to draw from; None takes all that the depth can carry.
        seed: Seed of what is drawn.

    Raises:
        ConfigError: If one of them is not usable.
    """

    claims_per_scene: ClaimCount
    relations: Sequence[str] | None
    seed: Natural

    def __post_init__(self) -> None:
        """Check the relations."""
        check_relations(self.relations)

    def case(
        self,
        case_id: str,
        index: int,
        frame: Frame,
        image: AnnotatedImage,
        *,
        masks: bool = False,
        boxes_3d: bool = False,
        group: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> Case:
        """A case of one frame.

        Args:
            case_id: Id of its scene.
            index: Number of the case, for the seed.
            frame: The frame with the depth that the verifier gets.
            image: What is known of it.
            masks: Whether regions come with their masks.
            boxes_3d: Whether regions come with their boxes in space.
            group: What is resampled as a whole; the case itself where empty.
            tags: Further facts to report by, beside the number of objects.
        """
        given = frame.given_depth
        kind = None if given is None or self.relations is not None else given.kind
        claims = claims_of(
            image,
            np.random.default_rng([self.seed, index]),
            self.claims_per_scene,
            relations=self.relations,
            carried=lambda claim: can_carry(claim, kind),
        )
        regions = tuple(item.region(mask=masks, box_3d=boxes_3d) for item in image.objects)
        return Case(
            Scene(case_id, (frame,), regions=regions, claims=claims),
            group=group,
            tags={"objects": str(len(regions)), **(tags or {})},
        )


def claims_of(
    image: AnnotatedImage,
    rng: np.random.Generator,
    count: int,
    *,
    relations: Sequence[str] | None = None,
    carried: Callable[[Claim], bool] | None = None,
) -> tuple[Claim, ...]:
    """Claims about an image whose truth is known.

    Claims come in pairs of a true and a false one of the same relation, drawn from relation after relation in random
    order until there are enough; a relation that has only true or only false claims in this image has none. Half
    of them are drawn from those closest to the boundary. A tenth is negated.

    Args:
        image: What is known.
        rng: Draws the claims.
        count: Most claims; one less where it is odd.
        relations: Names of the relations; None is all of which something may be known.
        carried: Which claims may be drawn at all; None is every one.

    Returns:
        Claims with their ``truth``.
    """
    names = [name for name in RELATIONS if name not in _NEVER and (relations is None or name in relations)]
    pools = {name: _pools(RELATIONS[name], image, rng, carried) for name in names}
    claims: list[Claim] = []
    while len(claims) + 2 <= count:
        ready = [name for name, pair in pools.items() if all(pair)]
        if not ready:
            break
        for position in rng.permutation(len(ready))[: (count - len(claims)) // 2]:
            negated = bool(rng.random() < _NEGATED_SHARE)
            for pool in pools[ready[int(position)]]:
                claim, truth = pool.pop(_draw(len(pool), rng))
                assert truth.holds is not None
                claims.append(replace(claim, negated=negated, truth=truth.holds is not negated))
    return tuple(claims)


def _draw(size: int, rng: np.random.Generator) -> int:
    """Index into a pool that begins with its hardest claims."""
    return int(rng.integers(max(1, math.ceil(_HARDEST * size)) if rng.random() < _HARD_SHARE else size))


def _pools(
    relation: Relation, image: AnnotatedImage, rng: np.random.Generator, carried: Callable[[Claim], bool] | None
) -> tuple[list[_Judged], list[_Judged]]:
    """Clearly true and clearly false claims of a relation, the hardest first."""
    candidates = [claim for claim in _candidates(relation, image, rng) if carried is None or carried(claim)]
    judged = [(claim, truth_of(claim, image)) for claim in candidates]
    judged.sort(key=lambda item: abs(item[1].margin))
    true, false = ([item for item in judged if item[1].holds is holds] for holds in (True, False))
    return true, false


def _candidates(relation: Relation, image: AnnotatedImage, rng: np.random.Generator) -> Iterator[Claim]:
    groups = list(permutations(image.objects, relation.objects + 1))
    for position in rng.permutation(len(groups))[:_MOST_GROUPS]:
        group = groups[int(position)]
        names = dict(zip(("subject", "object", "other_object"), (item.label for item in group), strict=False))
        base: dict[str, Any] = {"relation": relation.name, **names, "frames": (image.frame,), "origin": Origin.GIVEN}
        if relation.value is not ValueUse.REQUIRED:
            yield Claim(**base)
        if relation.value is ValueUse.REQUIRED or (
            relation.value is ValueUse.OPTIONAL and rng.random() < _WITH_VALUE_SHARE
        ):
            measures = _readings(relation, image, *group)
            if not measures:
                continue
            measure = _picked(rng, list(measures))
            if measures[measure] < _LEAST_M:
                continue
            for spread in _SPREADS:
                yield Claim(**base, measure=measure, **_number(measures[measure], spread, rng))


def _readings(relation: Relation, image: AnnotatedImage, *group: AnnotatedObject) -> dict[str | None, float]:
    """One reading of the length that a claim of this relation states [m], by what is measured; often none."""
    subject, other = group[0], group[-1]
    if relation.rule == "depth_order" and (gaps := depth_gaps_m(subject, other)):
        return {None: abs(gaps[0])}
    if relation.rule == "distance_to_camera" and subject.range_m is not None:
        return {None: subject.range_m[1]}
    if relation.rule == "size" and subject.box_3d is not None:
        width, height, depth = extents_m(subject)
        return {None: height, "height": height, "width": width, "depth": depth}
    if relation.rule == "distance_between":
        found: dict[str | None, float] = {
            name: values[-1] for name, values in image.distances_m(subject, other).items()
        }
        return {**found, None: found["nearest"]} if "centre" in found else found
    return {}


def _number(actual_m: float, spread: float, rng: np.random.Generator) -> dict[str, Any]:
    """A length that is off by a random factor, as people write it: value, unit and comparison."""
    factor = math.exp(spread * rng.uniform(0.2, 1.0) * rng.choice((-1, 1)))
    unit = _picked(rng, _LENGTHS)
    value = actual_m * factor / unit.metres
    digits = max(0, 1 - math.floor(math.log10(value)))
    return {"value": round(value, digits), "unit": unit, "comparison": _picked(rng, _COMPARISONS)}


def _picked(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def can_carry(claim: Claim, kind: DepthKind | None) -> bool:
    """Whether depth of a kind may decide a claim at all; every kind may where None is given."""
    relation = RELATIONS[claim.relation]
    needs = {relation.need, relation.value_need if claim.value is not None and not relation.counts else Need.NOTHING}
    if kind is None or kind is DepthKind.METRIC:
        return True
    return Need.METRIC not in needs and (kind.has_shape or Need.SHAPE not in needs)

"""Claims about annotated images, true and false ones in equal numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Annotated

import numpy as np
from annotated_types import Interval

from pipeline.datasets.annotated.ground_truth import AnnotatedImage, depth_gaps_m, truth_of
from pipeline.datasets.annotated.objects import AnnotatedObject
from pipeline.datasets.base import Case, ClaimDataset, Entry, reader
from pipeline.records import Claim, DepthKind, Frame, Scene, Unit
from pipeline.records.relations import RELATIONS, Need, Relation, RelationName, ValueUse
from pipeline.records.settings import Natural
from pipeline.synthetic.draws import balanced, comparison, fields_of, has_value, in_unit, picked, pool_of, varied
from pipeline.synthetic.truth import extents

# Share of the claims that are drawn from those closest to the boundary.
_HARD_SHARE = 0.5
_MOST_GROUPS = 60
# Logarithms of the largest factors by which stated numbers are off: some should be correct, some wrong.
_SPREADS = (0.04, 0.08, 0.5, 1.0)
# People do not state smaller lengths [m].
_LEAST_M = 0.03
_LENGTHS = (Unit.METRE, Unit.METRE, Unit.CENTIMETRE, Unit.FOOT)
# Neither visible surfaces nor boxes give the ground truth of these.
_NEVER = frozenset({"count", "touching", "on", "box_3d"})
ClaimCount = Annotated[int, Interval(ge=2)]
"""Number of claims, which come in pairs."""


@reader
class AnnotatedDataset(ClaimDataset[Entry]):
    """A data set of annotated images, with claims that are the same for the same seed.

    Args:
        claims_per_scene: Most claims per scene, true and false ones in equal numbers.
        relations: Names of relations to draw from; None takes all that the depth can carry.
        seed: Random seed.
    """

    has_questions = False
    claims_per_scene: ClaimCount
    relations: Sequence[RelationName] | None = None
    seed: Natural = 0

    def written(
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
            image: Its annotated objects.
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
    """Claims about an image, with their ground truth.

    They come in pairs of a true and a false one, see ``balanced``. Half of them are drawn from those closest to the
    boundary.

    Args:
        image: The image.
        rng: Draws the claims.
        count: Most claims; one less where it is odd.
        relations: Names of the relations; None takes all whose ground truth an annotation can give.
        carried: Which claims may be drawn; None allows every one.

    Returns:
        Claims with their ``truth``.
    """
    names = [name for name in RELATIONS if name not in _NEVER and (relations is None or name in relations)]
    pools = {
        name: pool_of(
            (claim for claim in _candidates(RELATIONS[name], image, rng) if carried is None or carried(claim)),
            lambda claim: truth_of(claim, image),
        )
        for name in names
    }
    return balanced(pools, rng, count, _HARD_SHARE)


def _candidates(relation: Relation, image: AnnotatedImage, rng: np.random.Generator) -> Iterator[Claim]:
    groups = list(permutations(image.objects, relation.objects + 1))
    for position in rng.permutation(len(groups))[:_MOST_GROUPS]:
        group = groups[int(position)]
        base = fields_of(relation, (item.label for item in group), image.frame)
        if relation.value is not ValueUse.REQUIRED:
            yield Claim(**base)
        if has_value(relation, rng) and (measures := _readings(relation, image, *group)):
            measure = picked(rng, list(measures))
            if measures[measure] < _LEAST_M:
                continue
            for spread in _SPREADS:
                length_m = varied(measures[measure], spread, rng)
                stated = in_unit(length_m, picked(rng, _LENGTHS))
                yield Claim(**base, measure=measure, **stated, comparison=comparison(rng))


def _readings(relation: Relation, image: AnnotatedImage, *group: AnnotatedObject) -> dict[str | None, float]:
    """One reading of the length that a claim of this relation states [m], by measure; often none."""
    subject, other = group[0], group[-1]
    if relation.rule == "depth_order" and (gaps := depth_gaps_m(subject, other)):
        return {None: abs(gaps[0])}
    if relation.rule == "distance_to_camera" and subject.range_m is not None:
        return {None: subject.range_m[1]}
    if relation.rule == "size" and subject.box_3d is not None:
        width, height, depth = extents(subject.box_3d.corners_m, subject.up)
        return {None: height, "height": height, "width": width, "depth": depth}
    if relation.rule == "distance_between":
        found: dict[str | None, float] = {
            name: values[-1] for name, values in image.distances_m(subject, other).items()
        }
        return {**found, None: found["nearest"]} if "centre" in found else found
    return {}


def can_carry(claim: Claim, kind: DepthKind | None) -> bool:
    """Whether depth of a kind can decide a claim; None allows every claim."""
    relation = RELATIONS[claim.relation]
    needs = {relation.need, relation.value_need if claim.value is not None and not relation.counts else Need.NOTHING}
    if kind is None or kind is DepthKind.METRIC:
        return True
    return Need.METRIC not in needs and (kind.has_shape or Need.SHAPE not in needs)

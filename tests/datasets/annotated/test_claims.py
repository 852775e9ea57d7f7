from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from pipeline.datasets.annotated.claims import can_carry, claims_of
from pipeline.datasets.annotated.ground_truth import AnnotatedImage, truth_of
from pipeline.datasets.annotated.objects import AnnotatedObject, object_of_box
from pipeline.records import Box3D, Claim, DepthKind

NEAR = object_of_box("near", (10, 40, 50, 80), Box3D((-1, 0, 4), (1, 2, 1)))
FAR = object_of_box("far", (70, 30, 110, 70), Box3D((1, 0, 8), (1, 1, 1)))
LONG = object_of_box("long", (40, 20, 90, 60), Box3D((0, 0, 6), (1, 1.5, 8)))
IMAGE = AnnotatedImage((NEAR, FAR, LONG), {("near", "far"): 0.4, ("far", "near"): -0.4})


def walls(first_m: float, second_m: float, whole: str = "") -> AnnotatedImage:
    """Two flat objects, a and b, at these depths."""
    plane = np.array([(x, y, 1.0) for x in np.linspace(0, 1, 11) for y in np.linspace(0, 1, 11)])
    objects = [
        AnnotatedObject(name, (0, 0, 9, 9), visible_z_m=(z, z, z), points_m=plane * (1, 1, z), is_whole=name in whole)
        for name, z in (("a", first_m), ("b", second_m))
    ]
    return AnnotatedImage(tuple(objects))


@pytest.mark.parametrize(
    "relation, subject, other, fields, holds",
    [
        ("left_of", "near", "far", {}, True),
        ("right_of", "near", "far", {}, False),
        ("above", "far", "near", {}, True),
        ("below", "far", "near", {}, False),
        ("between", "long", "near", {"other_object": "far"}, True),
        ("between", "near", "long", {"other_object": "far"}, False),
        ("closer", "near", "far", {}, True),
        ("behind", "near", "far", {}, False),
        # The long one reaches before the near one and beyond the far one.
        ("closer", "near", "long", {}, None),
        ("farther", "far", "long", {}, None),
        ("closer", "near", "far", {"value": 4, "unit": "m"}, True),
        ("closer", "near", "far", {"value": 1, "unit": "m"}, False),
        ("same_depth", "near", "far", {}, False),
        ("occludes", "near", "far", {}, True),
        ("occluded_by", "near", "far", {}, False),
        ("occluded_by", "far", "near", {}, True),
        ("occludes", "near", "long", {}, None),
        ("taller", "near", "far", {}, True),
        ("taller", "far", "long", {}, False),
        # As wide across the view, but not along it.
        ("wider", "long", "near", {}, None),
        ("larger", "near", "far", {}, True),
        # Larger in volume and length, smaller as seen.
        ("larger", "long", "near", {}, None),
        ("distance_to_camera", "near", None, {"value": 3.8, "unit": "m"}, True),
        ("distance_to_camera", "near", None, {"value": 9, "unit": "m"}, False),
        ("distance_to_camera", "far", None, {"value": 5, "unit": "m", "comparison": "at_least"}, True),
        ("distance_between", "near", "far", {"value": 4.47, "unit": "m", "measure": "centre"}, True),
        ("distance_between", "near", "far", {"value": 316, "unit": "cm", "measure": "nearest"}, True),
        ("distance_between", "near", "far", {"value": 3.8, "unit": "m"}, True),
        ("distance_between", "near", "far", {"value": 10, "unit": "m"}, False),
        ("size", "near", None, {"value": 2, "unit": "m", "measure": "height"}, True),
        ("size", "near", None, {"value": 2, "unit": "m", "comparison": "at_most", "measure": "height"}, None),
        # Its width as people may mean it is 1 m or 8 m.
        ("size", "long", None, {"value": 1, "unit": "m", "measure": "width"}, True),
        ("size", "long", None, {"value": 8, "unit": "m", "measure": "width"}, None),
        ("size", "long", None, {"value": 20, "unit": "m", "measure": "width"}, False),
        ("touching", "near", "far", {}, None),
    ],
)
def test_boxes_in_space_decide_what_is_clear(
    relation: str, subject: str, other: str | None, fields: dict[str, Any], holds: bool | None
) -> None:
    claim = Claim(relation, subject, other, **fields)  # type: ignore[arg-type]
    assert truth_of(claim, IMAGE).holds is holds


@pytest.mark.parametrize("gap_m, holds", [(0.5, True), (0.02, None), (-0.02, None), (-0.5, False)])
def test_an_order_within_the_error_is_neither_true_nor_false(gap_m: float, holds: bool | None) -> None:
    assert truth_of(Claim("closer", "a", "b"), walls(2.0, 2 + gap_m)).holds is holds  # type: ignore[arg-type]


def test_surfaces_whose_readings_disagree_have_no_order() -> None:
    # The median of the table lies behind, its edge in front.
    objects = (
        AnnotatedObject("cup", (0, 0, 9, 9), visible_z_m=(2.0, 1.9, 2.1)),
        AnnotatedObject("table", (0, 0, 9, 9), visible_z_m=(2.5, 1.2, 3.5)),
    )
    assert truth_of(Claim("closer", "cup", "table"), AnnotatedImage(objects)).holds is None  # type: ignore[arg-type]


def test_a_centre_distance_needs_the_whole_of_both() -> None:
    for whole, measure, holds in (("a", "centre", None), ("ab", "centre", True), ("a", "nearest", True)):
        claim = Claim("distance_between", "a", "b", value=2, unit="m", measure=measure)  # type: ignore[arg-type]
        assert truth_of(claim, walls(2.0, 4.0, whole)).holds is holds


@pytest.mark.parametrize(
    "value, comparison, holds",
    [
        (2, "about", True),
        # The back of the nearer one may come closer to the other.
        (1, "about", None),
        (1, "at_least", None),
        (1, "at_most", None),
        (4, "about", False),
        (4, "at_least", False),
        (4, "at_most", True),
    ],
)
def test_visible_surfaces_bound_a_distance_from_above_only(value: float, comparison: str, holds: bool | None) -> None:
    claim = Claim("distance_between", "a", "b", value=value, unit="m", comparison=comparison, measure="nearest")  # type: ignore[arg-type]
    assert truth_of(claim, walls(2.0, 4.0)).holds is holds


def test_claims_are_balanced_judged_and_repeatable() -> None:
    claims = claims_of(IMAGE, np.random.default_rng(3), 30)
    assert claims == claims_of(IMAGE, np.random.default_rng(3), 30)
    assert claims != claims_of(IMAGE, np.random.default_rng(4), 30)
    assert len(claims) == 30 and len(set(claims)) == 30
    assert sum(bool(claim.truth) for claim in claims) == 15
    pairs = Counter((claim.relation, claim.truth) for claim in claims)
    assert all(pairs[relation, True] == pairs[relation, False] for relation, _ in pairs)
    for claim in claims:
        holds = truth_of(claim, IMAGE).holds
        assert holds is not None and claim.truth is (holds is not claim.negated)


def test_only_wanted_relations_are_drawn() -> None:
    claims = claims_of(IMAGE, np.random.default_rng(0), 20, relations=("left_of", "closer"))
    assert {str(claim.relation) for claim in claims} == {"left_of", "closer"}


@pytest.mark.parametrize(
    "kind, absent",
    [
        ("metric", set()),
        ("scale_invariant", {"distance_between", "distance_to_camera", "size"}),
        ("disparity_affine", {"distance_between", "distance_to_camera", "size", "taller", "same_depth"}),
    ],
)
def test_claims_that_a_depth_cannot_carry_are_left_out(kind: str, absent: set[str]) -> None:
    drawn = claims_of(IMAGE, np.random.default_rng(1), 200, carried=lambda claim: can_carry(claim, DepthKind(kind)))
    named = {str(claim.relation) for claim in drawn}
    assert named.isdisjoint(absent) and {"closer", "left_of", "occludes"} <= named
    if kind != "metric":
        assert all(claim.value is None for claim in drawn)
    else:
        assert {"distance_between", "distance_to_camera"} <= named

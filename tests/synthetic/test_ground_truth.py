"""The truth of every relation in a world made by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from synthetic.worlds import PIECES, piece, view

from pipeline.records import Claim
from pipeline.records.errors import InputError
from pipeline.records.relations import RELATIONS
from pipeline.synthetic.ground_truth import extents_m, truth_of
from pipeline.synthetic.view import RenderedView

RED, BLUE, BALL, CONE, YELLOW, BLACK = (item.label for item in PIECES)


def length(value: float, **rest: Any) -> dict[str, Any]:
    return {"value": value, "unit": "m", **rest}


# Relation, what it relates, further fields, truth, margin where it follows from the numbers of the world.
CASES: list[tuple[str, tuple[str, ...], dict[str, Any], bool | None, float | None]] = [
    ("left_of", (RED, BLUE), {}, True, None),
    ("left_of", (BLUE, RED), {}, False, None),
    ("left_of", (RED, BLUE), {"perspective": BLUE}, None, None),
    ("right_of", (BLUE, RED), {}, True, None),
    ("right_of", (RED, BLUE), {}, False, None),
    ("above", (BALL, RED), {}, True, None),
    ("above", (RED, BALL), {}, False, None),
    ("below", (RED, BALL), {}, True, None),
    ("below", (BALL, RED), {}, False, None),
    ("closer", (YELLOW, CONE), {}, True, None),
    ("closer", (CONE, YELLOW), {}, False, None),
    ("closer", (RED, BLUE), {}, None, 0.0),
    ("closer", (RED, YELLOW), length(0.35), True, None),
    ("closer", (RED, YELLOW), length(0.7), False, None),
    ("farther", (CONE, YELLOW), {}, True, None),
    ("farther", (YELLOW, CONE), {}, False, None),
    ("in_front_of", (RED, CONE), {}, True, None),
    ("in_front_of", (CONE, RED), {}, False, None),
    ("in_front_of", (RED, CONE), {"negated": True}, False, None),
    ("behind", (CONE, RED), {}, True, None),
    ("behind", (RED, CONE), {}, False, None),
    ("same_depth", (RED, BLUE), {}, True, 0.15),
    ("same_depth", (RED, CONE), {}, False, None),
    ("between", (YELLOW, RED, BLUE), {}, True, None),
    ("between", (BLUE, RED, BLACK), {}, True, None),
    ("between", (BLACK, RED, BLUE), {}, False, None),
    ("occludes", (YELLOW, CONE), {}, True, None),
    ("occludes", (CONE, YELLOW), {}, False, None),
    ("occludes", (RED, BLUE), {}, False, 0.0),
    ("occludes", (YELLOW, CONE), {"value": 0.9, "unit": "fraction"}, False, None),
    ("occluded_by", (CONE, YELLOW), {}, True, None),
    ("occluded_by", (YELLOW, CONE), {}, False, None),
    ("touching", (BLACK, BLUE), {}, True, 0.003),
    ("touching", (BALL, RED), {}, True, 0.003),
    ("touching", (RED, BLUE), {}, False, 0.003 - 0.8),
    ("on", (BALL, RED), {}, True, 0.8),
    ("on", (RED, BALL), {}, False, -0.2),
    ("on", (BLACK, BLUE), {}, False, None),
    ("larger", (BLUE, RED), {}, True, None),
    ("larger", (RED, BLUE), {}, False, None),
    ("larger", (RED, CONE), {}, False, None),
    ("smaller", (BALL, BLUE), {}, True, None),
    ("smaller", (BLUE, BALL), {}, False, None),
    ("taller", (BLUE, RED), {}, True, 0.6931),
    ("taller", (RED, BLACK), {}, False, -0.2231),
    ("wider", (RED, BLACK), {}, True, 0.6931),
    ("wider", (BALL, RED), {}, False, -0.6931),
    ("wider", (RED, BLUE), {}, None, 0.0),
    ("distance_between", (RED, BLUE), length(0.8, measure="nearest"), True, 0.12),
    ("distance_between", (RED, BLUE), length(1.2166, measure="nearest"), False, None),
    ("distance_between", (RED, BLUE), length(1.2166, measure="centre"), True, 0.1825),
    ("distance_between", (RED, BLUE), length(0.8, measure="centre"), False, None),
    ("distance_between", (RED, BLUE), length(1.0), True, 0.15),
    ("distance_between", (RED, BLUE), length(0.9, measure="nearest", comparison="at_most"), True, 0.1),
    ("distance_between", (RED, BLUE), length(0.9, measure="nearest", comparison="at_least"), False, -0.1),
    ("distance_between", (RED, BLUE), length(0.9, measure="nearest", tolerance=0.05), False, -0.05),
    ("distance_between", (RED, BLUE), length(0.8, measure="nearest", comparison="at_least"), None, 0.0),
    ("distance_to_camera", (RED,), length(2.83), True, None),
    ("distance_to_camera", (RED,), length(3.8), False, None),
    ("size", (BLUE,), length(0.8, measure="height"), True, 0.12),
    ("size", (BLUE,), length(0.4, measure="height"), False, None),
    ("size", (BLUE,), length(0.4, measure="width"), True, 0.06),
    ("size", (BLUE,), length(0.4, measure="depth"), True, 0.06),
    ("size", (BLUE,), length(0.6), True, 0.09),
    ("size", (BLUE,), {"value": 200, "unit": "cm"}, False, None),
    ("count", ("box",), {"value": 3, "unit": "count"}, True, 0),
    ("count", ("box",), {"value": 2, "unit": "count"}, False, -1),
    ("count", ("box",), {"value": 2, "unit": "count", "comparison": "at_least"}, True, 1),
    ("count", (RED,), {"value": 1, "unit": "count"}, True, 0),
    ("box_3d", (RED,), {}, True, math.log(1.15)),
    ("box_3d", (RED,), {"negated": True}, False, -math.log(1.15)),
]


@pytest.fixture(scope="module")
def made() -> RenderedView:
    return view()


def claim(relation: str, names: tuple[str, ...], fields: dict[str, Any]) -> Claim:
    return Claim(relation, **dict(zip(("subject", "object", "other_object"), names, strict=False)), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("relation, names, fields, holds, margin", CASES)
def test_truth(
    made: RenderedView,
    relation: str,
    names: tuple[str, ...],
    fields: dict[str, Any],
    holds: bool | None,
    margin: float | None,
) -> None:
    truth = truth_of(claim(relation, names, fields), made)
    assert truth.holds is holds
    if margin is not None:
        assert truth.margin == pytest.approx(margin, abs=2e-3)
    if holds is not None and margin is None:
        assert (truth.margin > 0) is holds


def test_every_relation_has_a_true_and_a_false_case() -> None:
    assert {(relation, holds) for relation, _, _, holds, _ in CASES if holds is not None} == {
        (relation, holds) for relation in RELATIONS for holds in (True, False)
    }


def test_of_a_tower_only_neighbours_are_on_each_other_and_none_is_left_of_another() -> None:
    tower = view(
        (
            piece("red box", (0.0, 0.0, 0.0), (0.4, 0.4, 0.3)),
            piece("blue box", (0.0, 0.0, 0.3), (0.3, 0.3, 0.2)),
            piece("white cone", (0.0, 0.0, 0.5), (0.2, 0.2, 0.2)),
        )
    )
    assert truth_of(claim("left_of", ("white cone", "red box"), {}), tower).holds is None
    assert truth_of(claim("on", ("white cone", "blue box"), {}), tower).holds is True
    assert truth_of(claim("on", ("white cone", "red box"), {}), tower).holds is None
    assert truth_of(claim("on", ("red box", "white cone"), {}), tower).holds is False


def test_the_hidden_share_is_a_claim_s_value() -> None:
    # Two equal cards; the near one covers half of the far one, seen from its height.
    cards = view(
        (
            piece("red box", (0.2, 0.0, 0.25), (0.4, 0.001, 0.5)),
            piece("blue box", (0.0, -0.002, 0.25), (0.4, 0.001, 0.5)),
        )
    )
    half = {"value": 0.5, "unit": "fraction"}
    assert truth_of(claim("occludes", ("blue box", "red box"), half), cards).holds is True
    assert truth_of(claim("occluded_by", ("red box", "blue box"), {**half, "value": 0.2}), cards).holds is False


def test_extents_do_not_depend_on_what_is_visible(made: RenderedView) -> None:
    cone = next(item for item in made.objects if item.label == CONE)
    assert extents_m(made, cone) == pytest.approx((0.5, 1.0, 0.5), rel=2e-3)


def test_few_visible_pixels_leave_the_count_open() -> None:
    far = view((piece("red box", (0.3, 0.0, 0.0), (0.4, 0.4, 0.4)), piece("blue box", (-0.5, 5.0, 0), (0.1, 0.1, 0.1))))
    assert truth_of(claim("count", ("box",), {"value": 1, "unit": "count"}), far).holds is None


def test_an_unknown_name_is_an_error(made: RenderedView) -> None:
    with pytest.raises(InputError, match="pink box"):
        truth_of(claim("left_of", ("pink box", RED), {}), made)

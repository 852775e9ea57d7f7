"""The order of sizes of solids whose size is known."""

from __future__ import annotations

import pytest
from synthetic.worlds import piece
from verify.rules.frames import (
    BOARD,
    POLE,
    SIZED,
    SIZES_M,
    exact_depth,
    half_hidden_pole,
    judged,
    leans,
    negated,
    rescaled,
    seen,
)

from pipeline.records import Claim, Status
from pipeline.synthetic.depth_errors import sensor_depth
from pipeline.synthetic.view import RenderedView

S, R, U = Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED
RED, BALL, TUBE = SIZES_M


@pytest.fixture(scope="module")
def view() -> RenderedView:
    return seen(*SIZED, height_m=1.0)


@pytest.fixture(scope="module")
def hiding() -> RenderedView:
    return half_hidden_pole()


ORDERS = [
    (Claim("taller", TUBE, BALL), S),
    (Claim("taller", BALL, TUBE), R),
    (Claim("wider", RED, TUBE), S),
    (Claim("wider", TUBE, RED), R),
    (Claim("larger", RED, BALL), S),
    (Claim("smaller", BALL, RED), S),
    (Claim("larger", BALL, RED), R),
]


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("claim, status", ORDERS, ids=lambda part: getattr(part, "in_words", str)())
def test_order_of_sizes(view: RenderedView, claim: Claim, status: Status, masks: bool) -> None:
    z = exact_depth(view).values
    for depth in (None, rescaled(view, 0.01), rescaled(view, 100.0), sensor_depth(z, view.frame.camera, 0)):
        (verdict,) = judged(view, [claim], depth, masks=masks)
        assert verdict.status is status if masks else leans(verdict, status), verdict.reason
        (opposite,) = judged(view, [negated(claim)], depth, masks=masks)
        assert opposite.status is {S: R, R: S, U: U}[verdict.status]


@pytest.mark.parametrize("relation, mirrored", [("taller", "taller"), ("wider", "wider"), ("larger", "smaller")])
def test_swapping_the_two_mirrors_the_order(view: RenderedView, relation: str, mirrored: str) -> None:
    for first, second in ((RED, BALL), (BALL, TUBE), (TUBE, RED)):
        forward, backward = judged(view, [Claim(relation, first, second), Claim(relation, second, first)])
        assert forward.probability + backward.probability == pytest.approx(1, abs=1e-6)  # type: ignore[operator]
        same = judged(view, [Claim(mirrored, second, first)])[0]
        expected = backward if mirrored == relation else forward
        assert same.probability == pytest.approx(expected.probability, abs=1e-6)


def test_what_may_go_on_unseen_is_not_called_smaller(hiding: RenderedView) -> None:
    taller, not_taller = judged(hiding, [Claim("taller", POLE, BOARD), Claim("taller", BOARD, POLE)])
    assert taller.status is not R
    assert not_taller.status is not S
    assert "whole objects" in (taller.needs or "") or taller.status is S


def test_two_of_one_size_are_not_ordered() -> None:
    twins = seen(
        piece("red box", (-0.4, 0.0, 0.0), (0.3, 0.3, 0.3)), piece("blue box", (0.4, 0.0, 0.0), (0.3, 0.3, 0.3))
    )
    for relation in ("taller", "wider", "larger", "smaller"):
        (verdict,) = judged(twins, [Claim(relation, "red box", "blue box")])
        assert verdict.status is U
        assert verdict.probability == pytest.approx(0.5, abs=0.25)

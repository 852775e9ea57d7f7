"""The order of sizes of objects of known size."""

from __future__ import annotations

import pytest
from verify.rules.frames import BOARD, POLE, SIZES_M, R, S, U, judged, leans, rescaled, sensed, two_boxes

from pipeline.records import Claim, Status
from pipeline.synthetic.view import RenderedView

RED, BALL, TUBE = SIZES_M


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
def test_order_of_sizes(sized: RenderedView, claim: Claim, status: Status, masks: bool) -> None:
    for depth in (None, rescaled(sized, 0.01), rescaled(sized, 100.0), sensed(sized)):
        (verdict,) = judged(sized, [claim], depth, masks=masks)
        assert verdict.status is status if masks else leans(verdict, status), verdict.reason


def test_what_may_continue_unseen_is_not_called_smaller(pole: RenderedView) -> None:
    taller, not_taller = judged(pole, [Claim("taller", POLE, BOARD), Claim("taller", BOARD, POLE)])
    assert taller.status is not R
    assert not_taller.status is not S
    assert "whole objects" in (taller.needs or "") or taller.status is S


def test_two_of_one_size_are_not_ordered() -> None:
    claims = [Claim(relation, "red box", "blue box") for relation in ("taller", "wider", "larger", "smaller")]
    for verdict in judged(two_boxes(0.5), claims):
        assert verdict.status is U
        assert verdict.probability == pytest.approx(0.5, abs=0.25)

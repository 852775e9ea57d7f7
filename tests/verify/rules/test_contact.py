"""Touching and on, against rendered worlds where it is known what stands on what."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.worlds import piece
from verify.rules.frames import STACK, disparity, exact_depth, index, judged, leans, negated, rescaled, seen

from pipeline.records import Claim, DepthMap, Status
from pipeline.synthetic.depth_errors import sensor_depth
from pipeline.synthetic.view import RenderedView

S, R, U = Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED
UPPER, LOWER = "blue box", "red box"


@pytest.fixture(scope="module")
def stack() -> RenderedView:
    return seen(*STACK, height_m=1.1)


def two_boxes(gap_m: float, *, turned_m: float = 0.0) -> RenderedView:
    """Two boxes side by side with a gap between their sides; the second may stand so much farther away."""
    return seen(
        piece(LOWER, (-0.15 - gap_m / 2, 0.0, 0.0), (0.3, 0.3, 0.3)),
        piece(UPPER, (0.15 + gap_m / 2, turned_m, 0.0), (0.3, 0.3, 0.3)),
        height_m=0.9,
    )


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("scale", [None, 0.05, 20.0])
def test_stacked_boxes_touch_and_the_upper_is_on_the_lower(
    stack: RenderedView, scale: float | None, masks: bool
) -> None:
    depth = None if scale is None else rescaled(stack, scale)
    claims = [Claim("touching", UPPER, LOWER), Claim("on", UPPER, LOWER), Claim("on", LOWER, UPPER)]
    for verdict, status in zip(judged(stack, claims, depth, masks=masks), (S, S, R), strict=True):
        assert verdict.status is status if masks else leans(verdict, status), verdict.reason


def test_a_sensor_sees_a_stack_too(stack: RenderedView) -> None:
    depth = sensor_depth(exact_depth(stack).values, stack.frame.camera, 0)
    upper, lower = judged(stack, [Claim("on", UPPER, LOWER), Claim("on", LOWER, UPPER)], depth)
    assert (upper.status, lower.status) == (S, R)


def test_touching_has_no_direction(stack: RenderedView) -> None:
    first, second = judged(stack, [Claim("touching", UPPER, LOWER), Claim("touching", LOWER, UPPER)])
    assert first.probability == second.probability


@pytest.mark.parametrize("gap_m", [0.15, 0.3, 0.6])
@pytest.mark.parametrize("masks", [True, False])
def test_a_gap_of_half_a_box_is_no_contact(gap_m: float, masks: bool) -> None:
    view = two_boxes(gap_m)
    for verdict in judged(view, [Claim("touching", LOWER, UPPER), Claim("on", LOWER, UPPER)], masks=masks):
        assert verdict.status is R if masks else leans(verdict, R), verdict.reason


@pytest.mark.parametrize("label", [UPPER, LOWER])
def test_what_hovers_touches_nothing(label: str) -> None:
    hovering = (STACK[0], piece(UPPER, (0.0, -0.05, 0.6), (0.25, 0.25, 0.25)))
    other = LOWER if label == UPPER else UPPER
    view = seen(*hovering, height_m=1.1)
    touching, on = judged(view, [Claim("touching", label, other), Claim("on", label, other)])
    assert touching.status is not S
    assert on.status is not S


def test_what_stands_behind_another_and_is_hidden_in_part_is_not_on_it() -> None:
    view = two_boxes(-0.2, turned_m=0.6)
    for verdict in judged(view, [Claim("on", LOWER, UPPER), Claim("on", UPPER, LOWER)]):
        assert verdict.status is not S, verdict.reason


def test_boxes_side_by_side_that_touch_are_not_refuted() -> None:
    view = two_boxes(0.0)
    touching, on = judged(view, [Claim("touching", LOWER, UPPER), Claim("on", LOWER, UPPER)])
    assert touching.status is not R
    assert on.status is not S


def test_the_opposite_has_the_opposite_probability(stack: RenderedView) -> None:
    for claim in (Claim("touching", UPPER, LOWER), Claim("on", UPPER, LOWER), Claim("on", LOWER, UPPER)):
        first, second = judged(stack, [claim, negated(claim)])
        assert first.probability + second.probability == pytest.approx(1)  # type: ignore[operator]


def test_affine_depth_knows_no_contact(stack: RenderedView) -> None:
    for verdict in judged(stack, [Claim("touching", UPPER, LOWER), Claim("on", UPPER, LOWER)], disparity(stack)):
        assert verdict.status is U
        assert verdict.needs_code == "needs_shape"


def test_without_gravity_nothing_is_said_to_be_on_anything(stack: RenderedView) -> None:
    values = np.where(stack.ids >= 0, exact_depth(stack).values, np.nan)
    # Only the upper box and the lower one's front are left, which do not tell which way is up.
    values[stack.ids == index(stack, LOWER)] = np.nan
    depth = DepthMap.from_values(values, "metric", "sensor", backend="rendered")
    assert judged(stack, [Claim("on", UPPER, LOWER)], depth)[0].status is U

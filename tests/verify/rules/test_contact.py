"""Touching and on, in rendered worlds whose contacts are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic.worlds import piece
from verifiers import uncalibrated
from verify.rules.frames import STACK, index, judged, leans, rescaled, seen, sensed, two_boxes, without_floor

from pipeline.records import Camera, Claim, DepthMap, Frame, Region, Scene, Status
from pipeline.synthetic.view import RenderedView

S, R, U = Status.SUPPORTED, Status.REFUTED, Status.UNDECIDED
UPPER, LOWER = "blue box", "red box"


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
    upper, lower = judged(stack, [Claim("on", UPPER, LOWER), Claim("on", LOWER, UPPER)], sensed(stack))
    assert (upper.status, lower.status) == (S, R)


@pytest.mark.parametrize("gap_m", [0.15, 0.3, 0.6])
@pytest.mark.parametrize("masks", [True, False])
def test_boxes_with_a_gap_of_half_a_box_do_not_touch(gap_m: float, masks: bool) -> None:
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
    view = two_boxes(-0.2, farther_m=0.6)
    for verdict in judged(view, [Claim("on", LOWER, UPPER), Claim("on", UPPER, LOWER)]):
        assert verdict.status is not S, verdict.reason


def test_boxes_side_by_side_that_touch_are_not_refuted() -> None:
    view = two_boxes(0.0)
    touching, on = judged(view, [Claim("touching", LOWER, UPPER), Claim("on", LOWER, UPPER)])
    assert touching.status is not R
    assert on.status is not S


def test_without_gravity_nothing_is_said_to_be_on_anything(stack: RenderedView) -> None:
    depth = without_floor(stack)
    depth = replace(depth, valid=depth.valid & (stack.ids != index(stack, LOWER)))
    assert judged(stack, [Claim("on", UPPER, LOWER)], depth)[0].status is U


def test_two_surfaces_of_one_depth_touch_alike_in_both_directions_and_any_order_of_regions() -> None:
    depth = DepthMap.from_values(np.full((60, 80), 2.0), "metric", "sensor")
    frame = Frame(np.zeros((60, 80, 3), np.uint8), Camera.from_fov(80, 60, 60), given_depth=depth)
    first, second = Region("a", (23, 23, 34, 30)), Region("b", (37, 5, 60, 56))
    claims = [Claim("touching", "a", "b"), Claim("touching", "b", "a")]
    found = {
        round(verdict.probability or 0, 9)
        for regions in ((first, second), (second, first))
        for verdict in uncalibrated().judge(Scene("s", (frame,), depth=(depth,)), regions, claims)
    }
    assert len(found) == 1

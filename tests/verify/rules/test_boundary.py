"""Whether a frame shows all of an object."""

from __future__ import annotations

import pytest
from synthetic.worlds import piece
from verify.rules.frames import (
    BLUE,
    BOARD,
    HIDING,
    POLE,
    RED,
    disparity,
    exact_depth,
    half_hidden_pole,
    index,
    objects,
    rescaled,
    seen,
)

from pipeline.records import DepthMap
from pipeline.synthetic.depth_errors import sensor_depth
from pipeline.synthetic.view import RenderedView


def depths(view: RenderedView) -> tuple[DepthMap | None, ...]:
    """Exact depth and the same in other units, and as disparity of any scale and shift."""
    return (
        None,
        rescaled(view, 0.001),
        rescaled(view, 1000.0),
        *(disparity(view, scale, shift) for scale, shift in ((1.0, 0.0), (0.001, 0.0), (0.01, 5.0), (1e4, -3e3))),
    )


@pytest.mark.parametrize("masks", [True, False])
def test_what_is_hidden_in_part_is_not_whole_on_any_depth(masks: bool) -> None:
    hiding, pole = seen(*HIDING, height_m=0.8), half_hidden_pole()
    for view, hidden, in_front in ((hiding, BLUE, RED), (pole, POLE, BOARD)):
        for depth in depths(view):
            frame = objects(view, depth, masks=masks)
            assert not frame[index(view, hidden)].is_whole
            assert frame[index(view, in_front)].is_whole


def test_holes_of_a_sensor_beside_a_step_hide_nothing() -> None:
    view = seen(*HIDING, height_m=0.8)
    frame = objects(view, sensor_depth(exact_depth(view).values, view.frame.camera, 0))
    assert [frame[index(view, label)].is_whole for label in (RED, BLUE)] == [True, False]


@pytest.mark.parametrize("x_m, whole", [(0.0, True), (1.15, False), (-1.15, False)])
def test_what_the_border_cuts_off_is_not_whole(x_m: float, whole: bool) -> None:
    assert objects(seen(piece(RED, (x_m, 0.0, 0.0), (0.4, 0.3, 0.5))))[0].is_whole is whole


def test_what_stands_on_another_is_whole() -> None:
    stack = seen(
        piece(RED, (0.0, 0.0, 0.0), (0.6, 0.6, 0.3)), piece(BLUE, (0.0, -0.05, 0.3), (0.25, 0.25, 0.25)), height_m=1.1
    )
    for depth in depths(stack):
        assert objects(stack, depth)[index(stack, BLUE)].is_whole

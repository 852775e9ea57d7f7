"""Whether a frame shows all of an object."""

from __future__ import annotations

import pytest
from verify.rules.frames import BLUE, BOARD, POLE, RED, disparity, index, objects, rescaled, sensed

from pipeline.records import DepthMap
from pipeline.synthetic.view import RenderedView


def depths(view: RenderedView) -> tuple[DepthMap | None, ...]:
    """Exact depth, the same in other units, and as disparity of several scales and shifts."""
    return (
        None,
        rescaled(view, 0.001),
        rescaled(view, 1000.0),
        *(disparity(view, scale, shift) for scale, shift in ((1.0, 0.0), (0.001, 0.0), (0.01, 5.0), (1e4, -3e3))),
    )


@pytest.mark.parametrize("masks", [True, False])
def test_what_is_hidden_in_part_is_not_whole_on_any_depth(
    hiding: RenderedView, pole: RenderedView, masks: bool
) -> None:
    for view, hidden, in_front in ((hiding, BLUE, RED), (pole, POLE, BOARD)):
        for depth in depths(view):
            frame = objects(view, depth, masks=masks)
            assert not frame[index(view, hidden)].is_whole
            assert frame[index(view, in_front)].is_whole


def test_holes_of_a_sensor_beside_a_step_hide_nothing(hiding: RenderedView) -> None:
    frame = objects(hiding, sensed(hiding))
    assert [frame[index(hiding, label)].is_whole for label in (RED, BLUE)] == [True, False]


def test_what_stands_on_another_is_whole(stack: RenderedView) -> None:
    for depth in depths(stack):
        assert objects(stack, depth)[index(stack, BLUE)].is_whole

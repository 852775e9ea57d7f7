"""Extents, middles and supports of objects of known size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from synthetic.worlds import piece
from verify.rules.frames import exact_depth, index, objects, rescaled, seen, sensed, two_boxes, without_floor

from pipeline.synthetic.view import RenderedView
from pipeline.verify.rules.extents import box_gap
from pipeline.verify.rules.support import stacked

BOX_M = (0.4, 0.3, 0.5)
BOX = piece("red box", (0.0, 0.0, 0.0), BOX_M)
BALL = piece("green ball", (0.0, 0.0, 0.0), (0.4, 0.4, 0.4))


@pytest.mark.parametrize("height_m", [0.5, 1.2, 1.8])
def test_axes_point_right_up_and_away(height_m: float) -> None:
    view = seen(BOX, height_m=height_m)
    axes, is_upright = objects(view)[0].view.axes
    assert is_upright
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    assert axes[0, 0] > 0.99 and axes[2, 2] > 0.3
    np.testing.assert_allclose(axes[:, 1], view.up, atol=0.02)


def test_without_gravity_axes_are_those_of_the_image() -> None:
    ball = seen(BALL)
    axes, is_upright = objects(ball, without_floor(ball))[0].view.axes
    assert not is_upright
    np.testing.assert_allclose(axes, [[1, 0, 0], [0, -1, 0], [0, 0, 1]], atol=1e-12)


@pytest.mark.parametrize("height_m", [0.3, 0.8, 1.3, 1.8])
@pytest.mark.parametrize("masks", [True, False])
def test_the_height_of_a_box_is_along_gravity_however_the_camera_is_pitched(height_m: float, masks: bool) -> None:
    found = objects(seen(BOX, height_m=height_m), masks=masks)[0].extents
    assert found.is_upright
    assert found.up.length == pytest.approx(BOX_M[2], rel=0.05)
    assert not found.up.is_open
    assert found.across.length == pytest.approx(BOX_M[0], rel=0.08)


@pytest.mark.parametrize("height_m", [1.0, 1.3, 1.8])
def test_a_box_seen_from_above_shows_its_depth(height_m: float) -> None:
    found = objects(seen(BOX, height_m=height_m))[0].extents
    assert found.along.length == pytest.approx(BOX_M[1], rel=0.08)
    assert not found.along.is_open


def test_the_back_of_what_is_seen_from_the_front_is_open() -> None:
    found = objects(seen(BOX, height_m=0.45))[0].extents
    assert found.along.high_open and not found.along.low_open


@pytest.mark.parametrize("height_m", [0.6, 1.0, 1.5])
def test_the_height_of_a_ball_reaches_down_to_what_it_stands_on(height_m: float) -> None:
    found = objects(seen(BALL, height_m=height_m))[0].extents
    assert found.up.length == pytest.approx(0.4, rel=0.06)
    assert found.across.length == pytest.approx(0.4, rel=0.06)


def test_sensor_noise_changes_extents_little() -> None:
    view = seen(BOX)
    found = objects(view, sensed(view))[0].extents
    assert found.up.length == pytest.approx(BOX_M[2], rel=0.06)
    assert found.across.length == pytest.approx(BOX_M[0], rel=0.08)


@pytest.mark.parametrize("scale", [0.01, 3.0, 500.0])
def test_extents_grow_with_the_depth_s_unit(scale: float) -> None:
    view = seen(BOX, piece("blue box", (0.5, 0.2, 0.0), (0.3, 0.3, 0.2)))
    plain, scaled = (objects(view, depth)[0].extents for depth in (exact_depth(view), rescaled(view, scale)))
    for first, second in ((plain.across, scaled.across), (plain.up, scaled.up), (plain.along, scaled.along)):
        assert second.length == pytest.approx(scale * first.length, rel=0.01)
        assert (second.low_open, second.high_open) == (first.low_open, first.high_open)


@pytest.mark.parametrize(
    "position_m, is_cut", [((0.0, 0.0, 0.0), False), ((1.15, 0.0, 0.0), True), ((-1.15, 0.0, 0.0), True)]
)
def test_what_the_border_cuts_off_is_open(position_m: tuple[float, float, float], is_cut: bool) -> None:
    item = objects(seen(piece("red box", position_m, BOX_M)))[0]
    assert item.is_cut_off is is_cut is not item.is_whole
    assert item.extents.across.is_open is is_cut


@pytest.mark.parametrize("side, low_open, high_open", [(-1, True, False), (1, False, True)])
def test_what_another_hides_is_open_on_that_side_alone(side: int, low_open: bool, high_open: bool) -> None:
    board = piece("blue box", (side * 0.3, -0.5, 0.0), (0.4, 0.05, 0.6))
    view = seen(BOX, board, height_m=0.6)
    red, blue = (objects(view)[index(view, label)].extents.across for label in ("red box", "blue box"))
    assert (red.low_open, red.high_open) == (low_open, high_open)
    assert not blue.is_open


@pytest.mark.parametrize("height_m, error_m", [(0.45, 0.08), (1.0, 0.05), (1.6, 0.05)])
def test_the_middle_of_a_box_is_that_of_the_whole_box(height_m: float, error_m: float) -> None:
    view = seen(BOX, height_m=height_m)
    found = objects(view)[0].centre
    miss_m = found.position - np.array(view.objects[0].box_3d.center_m)
    assert np.linalg.norm(miss_m) < error_m
    assert (np.abs(found.axes.T @ miss_m) < 3 * found.sigmas + 0.01).all(), "within the error that it states"
    assert found.size == pytest.approx(float(np.linalg.norm(BOX_M)), rel=0.15)


def test_the_middle_of_a_front_lies_behind_it() -> None:
    view = seen(BOX, height_m=0.45)
    (item,) = objects(view)
    assert item.centre.position[2] > item.z + 0.05


# Behind each other: 0.4 m between their sides, and 0.5 m from the one's hidden back to the other's front.
@pytest.mark.parametrize(
    "view, gap_m, error_m",
    [
        *((two_boxes(gap_m), gap_m, 0.03) for gap_m in (0.1, 0.4, 0.8)),
        *((two_boxes(0.4, farther_m=0.8, height_m=height_m), math.hypot(0.4, 0.5), 0.08) for height_m in (0.5, 0.7)),
    ],
)
def test_the_gap_of_two_boxes_is_that_between_their_sides_hidden_backs_included(
    view: RenderedView, gap_m: float, error_m: float
) -> None:
    assert box_gap(*objects(view)) == pytest.approx(gap_m, abs=error_m)


def test_the_support_of_a_box_is_the_floor_and_of_the_upper_box_the_lower() -> None:
    lower, upper = (
        piece("red box", (0.0, 0.0, 0.0), (0.5, 0.8, 0.5)),
        piece("green box", (0, 0.1, 0.5), (0.2, 0.2, 0.2)),
    )
    view = seen(lower, upper, height_m=1.4)
    frame = objects(view)
    for label, height_m in (("red box", 0.0), ("green box", 0.5)):
        found = frame[index(view, label)].support
        assert found is not None
        # The camera is 1.4 m above the floor.
        assert found.height == pytest.approx(height_m - 1.4, abs=0.02)
        assert found.share > 0.5


def test_without_gravity_there_is_no_support() -> None:
    ball = seen(BALL)
    assert objects(ball, without_floor(ball))[0].support is None


def test_the_upper_of_two_stacked_boxes_is_found() -> None:
    upper = piece("green box", (0.0, 0.0, 0.5), (0.3, 0.2, 0.3))
    beside = piece("blue box", (0.7, 0.0, 0.0), (0.3, 0.3, 0.3))
    view = seen(BOX, upper, beside, height_m=1.2)
    frame = objects(view)
    red, green, blue = (frame[index(view, label)] for label in ("red box", "green box", "blue box"))
    assert (stacked(green, red), stacked(red, green)) == (1, -1)
    assert (stacked(red, blue), stacked(blue, red)) == (0, 0)

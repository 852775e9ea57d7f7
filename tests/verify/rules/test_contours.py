"""Where objects meet in the image."""

from __future__ import annotations

import numpy as np
from verify.rules.frames import BLUE, GREEN, RED, disparity, index, objects

from pipeline.synthetic.view import RenderedView


def test_a_meeting_is_the_same_from_both_sides(hiding: RenderedView) -> None:
    frame = objects(hiding)
    red, blue, green = (frame[index(hiding, label)] for label in (RED, BLUE, GREEN))
    first, second = red.meeting(blue), blue.meeting(red)
    assert first is not None and second is not None
    np.testing.assert_allclose(first.contour.steps, -second.contour.steps)
    np.testing.assert_array_equal(first.first, second.second)
    assert first.ownership().first == second.ownership().second > 0.5
    assert red.meeting(green) is None and green.meeting(red) is None


def test_surfaces_along_a_contour_are_level_or_not(stack: RenderedView) -> None:
    frame = objects(stack)
    found = frame[index(stack, BLUE)].meeting(frame[index(stack, RED)])
    assert found is not None and found.first_level is not None and found.second_level is not None
    pixels = found.contour.pixels
    foot = pixels[:, 1] >= np.quantile(pixels[:, 1], 0.8)
    # The upper box's front is upright, and it stands on the lower one's top.
    assert found.second_level[foot].mean() > 0.8
    assert found.first_level[foot].mean() < 0.2
    assert found.ownership().standing > 0.05


def test_without_shape_it_is_unknown_what_is_level(stack: RenderedView) -> None:
    first, second = objects(stack, disparity(stack))
    found = first.meeting(second)
    assert found is not None
    assert found.first_level is None and found.second_level is None

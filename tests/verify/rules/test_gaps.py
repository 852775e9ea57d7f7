"""Bounds of the gap between two objects."""

from __future__ import annotations

import numpy as np
import pytest
import scenes
from verify.rules.frames import objects, rescaled, two_boxes

from pipeline.records import DepthKind, Region
from pipeline.verify.rules.base import CannotMeasure
from pipeline.verify.rules.gaps import gap_between
from pipeline.verify.rules.object_view import object_views
from pipeline.verify.rules.view import FrameView


@pytest.mark.parametrize("gap_m", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("masks", [True, False])
def test_the_visible_gap_is_that_between_the_sides(gap_m: float, masks: bool) -> None:
    found = gap_between(*objects(two_boxes(gap_m), masks=masks))
    assert found.visible == pytest.approx(gap_m, abs=0.03)
    assert np.linalg.norm(found.first - found.second) == pytest.approx(found.visible)


@pytest.mark.parametrize("gap_m", [0.1, 0.4])
@pytest.mark.parametrize("farther_m", [0.0, 0.4, 0.8, 1.5])
def test_the_true_gap_lies_between_the_bounds(gap_m: float, farther_m: float) -> None:
    view = two_boxes(gap_m, farther_m=farther_m)
    found = gap_between(*objects(view))
    assert found.least - 0.02 <= view.world.surface_distance_m(0, 1) <= found.visible + 0.02


def test_the_gap_does_not_depend_on_who_is_named_first() -> None:
    red, blue = objects(two_boxes(0.3, farther_m=0.3))
    first, second = gap_between(red, blue), gap_between(blue, red)
    assert first.visible == pytest.approx(second.visible, rel=0.05)
    assert first.least == pytest.approx(second.least, rel=0.05)


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_gaps_grow_with_the_depth_s_unit(scale: float) -> None:
    view = two_boxes(0.3, farther_m=0.3)
    plain, scaled = gap_between(*objects(view)), gap_between(*objects(view, rescaled(view, scale)))
    assert scaled.visible == pytest.approx(scale * plain.visible, rel=1e-3)
    assert scaled.least == pytest.approx(scale * plain.least, rel=1e-3)


def test_masks_that_share_pixels_do_not_tell_two_objects_apart() -> None:
    frame = scenes.scene().frames[0]
    boxes = {"a": (125, 20, 140, 60), "b": (130, 20, 145, 60)}
    regions = tuple(Region(name, (125, 20, 145, 60), mask=scenes.inside(box)) for name, box in boxes.items())
    view = FrameView(frame, scenes.as_kind(scenes.depth_m(), DepthKind.METRIC))
    with pytest.raises(CannotMeasure, match="does not separate 'a' from 'b'") as caught:
        gap_between(*object_views((view,), regions))
    assert caught.value.needs.code == "needs_masks"

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.objects import (
    coordinate_spread,
    erode,
    foreground,
    object_pixels,
    order_coordinate,
    without_strays,
)
from pipeline.geometry.regions import Window, box_window, boxes_gap, boxes_iou, mask_box
from pipeline.records import DepthKind


@pytest.mark.parametrize(
    ("box", "radius", "expected"),
    [
        ((0, 0, 4, 3), 0, (0, 3, 0, 4)),
        ((0.4, 0.6, 2.5, 2.4), 0, (1, 2, 0, 2)),
        ((-5, -5, 100, 100), 0, (0, 6, 0, 8)),
        ((20, 20, 30, 30), 0, (6, 6, 8, 8)),
        ((3.5, 2.5, 3.5, 2.5), 1, (1, 3, 2, 4)),
        ((3.5, 2.5, 3.5, 2.5), 1.5, (1, 4, 2, 5)),
    ],
)
def test_a_window_holds_the_pixels_whose_centres_lie_in_the_box(box: tuple, radius: float, expected: tuple) -> None:
    assert tuple(box_window(box, (6, 8), radius)) == expected


@pytest.mark.parametrize(
    ("first", "second", "gap", "iou"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), -2, 1.0),
        ((0, 0, 2, 2), (1, 0, 3, 2), -1, 1 / 3),
        ((0, 0, 2, 2), (5, 0, 6, 2), 3, 0.0),
        ((0, 0, 2, 2), (3, 7, 4, 9), 5, 0.0),
        ((1, 1, 1, 1), (1, 1, 1, 1), 0, 0.0),
    ],
)
def test_gap_and_overlap_of_boxes(first: tuple, second: tuple, gap: float, iou: float) -> None:
    assert boxes_gap(first, second) == gap == boxes_gap(second, first)
    assert boxes_iou(first, second) == pytest.approx(iou)


def test_the_box_of_a_mask() -> None:
    mask = np.zeros((5, 7), bool)
    assert mask_box(mask) is None
    mask[1:3, 2:6] = True
    assert mask_box(mask) == (2, 1, 6, 3)


EVERYTHING = np.ones((40, 40), bool)


def _scene(object_z: float, background_z: float) -> np.ndarray:
    """A disc before a background."""
    rows, columns = np.mgrid[:40, :40]
    return np.where((rows - 20) ** 2 + (columns - 20) ** 2 < 19**2, object_z, background_z)


@pytest.mark.parametrize("occluded_px", [0, 8])
def test_the_background_in_the_corners_and_an_occluder_at_the_side_are_removed(occluded_px: int) -> None:
    coordinate = _scene(1.0, 3.0)
    coordinate[:, :occluded_px] = 0.5
    np.testing.assert_array_equal(foreground(coordinate, EVERYTHING, 0.3), coordinate == 1.0)


def test_pixels_that_no_other_box_claims_choose_the_mode() -> None:
    coordinate = np.full((40, 40), 2.0)
    coordinate[8:40, 8:40] = 1.0  # a nearer thing covers most of the box
    exclusive = np.zeros((40, 40), bool)
    exclusive[:14], exclusive[:, :14] = True, True
    exclusive[8:40, 8:40] = False
    np.testing.assert_array_equal(foreground(coordinate, EVERYTHING, 0.3, exclusive), coordinate == 2.0)


def test_a_slanted_surface_stays_whole() -> None:
    coordinate = np.linspace(1, 2, 40)[:, None].repeat(40, axis=1)
    assert foreground(coordinate, EVERYTHING, 0.3).mean() > 0.97


@given(st.floats(0.01, 100), st.floats(-100, 100))
def test_the_foreground_does_not_depend_on_scale_and_shift(scale: float, shift: float) -> None:
    coordinate = _scene(1.0, 3.0)
    expected = foreground(coordinate, EVERYTHING, 0.3)
    np.testing.assert_array_equal(foreground(scale * coordinate + shift, EVERYTHING, 0.3), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 3), (2, 40)])
def test_small_masks_survive_erosion(shape: tuple[int, int]) -> None:
    mask = np.ones(shape, bool)
    assert erode(mask, 3).any()


def test_erosion_removes_the_edge() -> None:
    core = erode(np.ones((20, 20), bool), 2)
    expected = np.zeros((20, 20), bool)
    expected[2:-2, 2:-2] = True
    np.testing.assert_array_equal(core, expected)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_the_order_coordinate_grows_with_distance_and_has_a_unit(kind: DepthKind) -> None:
    near, far = (2.0, 1.0) if kind.larger_is_nearer else (1.0, 2.0)
    coordinate = order_coordinate(np.array([near, far], np.float32), kind)
    assert coordinate[0] < coordinate[1]
    # A constant map has no range, and a logarithm needs none.
    for valid in (EVERYTHING, ~EVERYTHING):
        assert coordinate_spread(np.full((40, 40), 2.0), valid, kind) == (1.0 if kind.has_shape else 0.0)


def test_an_object_without_valid_pixels_is_none() -> None:
    empty = np.zeros((5, 5), bool)
    window = Window(0, 5, 0, 5)
    assert object_pixels(np.ones((5, 5)), empty, window, None, edge_px=2, min_share=0.3, stray=0.0) is None
    assert object_pixels(np.ones((5, 5)), ~empty, window, empty, edge_px=2, min_share=0.3, stray=0.0) is None


@pytest.mark.parametrize("stray", [1.4, 0.2, 4.0])
def test_depths_far_beyond_the_rest_are_no_part_of_an_object(stray: float) -> None:
    coordinate = np.full((40, 60), 0.5) + 0.002 * np.arange(60)
    coordinate[10:16, 20:27] = stray
    kept = without_strays(coordinate, np.ones((40, 60), bool), 0.03)
    np.testing.assert_array_equal(kept, coordinate != stray)


def test_what_reaches_far_as_a_whole_is_kept_whole() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:35, 10:50] = True
    reaching = np.linspace(0.5, 3.0, 40)[:, None].repeat(60, axis=1)
    np.testing.assert_array_equal(without_strays(reaching, mask, 0.0), mask)
    np.testing.assert_array_equal(without_strays(np.ones((40, 60)), mask, 0.0), mask)


@given(st.floats(0.01, 100), st.floats(-100, 100))
def test_strays_do_not_depend_on_scale_and_shift(scale: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    coordinate = np.where(rng.random((40, 40)) < 0.05, 9.0, rng.uniform(1, 2, (40, 40)))
    plain = without_strays(coordinate, EVERYTHING, 0.05)
    assert 0.9 < plain.mean() < 0.99
    np.testing.assert_array_equal(without_strays(scale * (coordinate + shift), EVERYTHING, 0.05 * scale), plain)


@pytest.mark.parametrize("count", [0, 1])
def test_masks_of_a_pixel_or_none_have_no_strays(count: int) -> None:
    mask = np.zeros((5, 5), bool)
    mask.flat[:count] = True
    np.testing.assert_array_equal(without_strays(np.ones((5, 5)), mask, 0.1), mask)


def test_strays_lie_beyond_one_and_a_half_ranges_of_the_middle_four_fifths() -> None:
    # The middle 80 % of 0 to 1 reach from 0.1 to 0.9, so up to 0.9 + 1.5 * 0.8 = 2.1 belongs to the object.
    values = np.append(np.linspace(0, 1, 2001), (2.05, 2.15, -1.05, -1.15)).astype(np.float32)[None]
    kept = without_strays(values, np.ones(values.shape, bool), 0.0)
    assert kept[0, -4:].tolist() == [True, False, True, False] and kept[0, :-4].all()

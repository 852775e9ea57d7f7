"""Steps in depth along shared contours of planes whose position is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.geometry.objects import ObjectPixels, object_pixels, order_coordinate
from pipeline.geometry.occlusion import (
    Contour,
    _continued,
    clear_step,
    hidden_share_bounds,
    nearer_around,
    nearer_beside,
    nearness,
    ownership,
    separate,
    shared_contour,
)
from pipeline.geometry.regions import Window
from pipeline.records import DepthKind

SHAPE = (80, 100)
SHAPE_KIND, DISPARITY = DepthKind.SCALE_INVARIANT, DepthKind.DISPARITY_AFFINE
# A square before a larger one, both facing the camera.
FRONT, BACK = (slice(30, 60), slice(40, 70)), (slice(10, 70), slice(20, 60))
FRONT_M, BACK_M = 1.5, 2.0


def squares() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z, and the visible pixels of the front and the back square."""
    z = np.full(SHAPE, 4.0)
    z[BACK], z[FRONT] = BACK_M, FRONT_M
    return z, z == FRONT_M, z == BACK_M


def contour_of(
    z: np.ndarray, first: np.ndarray, second: np.ndarray, kind: DepthKind = SHAPE_KIND, **rest: float
) -> Contour:
    values = rest.get("scale", 1.0) / z + rest.get("shift", 0.0) if kind is DISPARITY else z
    return shared_contour(order_coordinate(values, kind), first, second, kind, edge_px=1, gap_px=0)


@pytest.mark.parametrize("kind", list(DepthKind))
def test_nearness_grows_towards_the_camera(kind: DepthKind) -> None:
    z = np.array([1.0, 2.0, 5.0])
    near = nearness(order_coordinate(1 / z if kind.larger_is_nearer else z, kind), kind)
    assert near.dtype == np.float64 and (np.diff(near) < 0).all()


@pytest.mark.parametrize("kind", [SHAPE_KIND, DepthKind.METRIC, DISPARITY])
def test_nearness_is_linear_on_a_plane(kind: DepthKind) -> None:
    rows, columns = np.indices((20, 30))
    z = 1 / (0.4 + 0.003 * columns - 0.004 * rows)
    near = nearness(order_coordinate((1 / z if kind is DISPARITY else z).astype(np.float32), kind), kind)
    for axis in (0, 1):
        assert np.abs(np.diff(near, n=2, axis=axis)).max() < 1e-6


@given(
    st.floats(0.2, 2), st.floats(-0.004, 0.004), st.floats(-0.004, 0.004), st.integers(0, 99)
)  # fmt: skip
def test_continued_planes_are_exact(at: float, slope_x: float, slope_y: float, seed: int) -> None:
    grid_y, grid_x = np.indices((40, 50), dtype=float)
    plane = at + slope_x * (grid_x - 25) + slope_y * (grid_y - 20)
    rng = np.random.default_rng(seed)
    inner = (grid_x < 22) & (rng.random((40, 50)) < 0.8)
    # What lies beyond must not be read.
    near = np.where(inner, plane, 50.0)
    rows, columns = np.array([8, 20, 31]), np.array([24, 23, 22])
    value, along_x, along_y, gain = _continued(near, inner, rows, columns, 6)
    assert np.isfinite(gain).all()
    np.testing.assert_allclose(value, plane[rows, columns], atol=2e-4)
    np.testing.assert_allclose(along_x, slope_x, atol=1e-4)
    np.testing.assert_allclose(along_y, slope_y, atol=1e-4)


def test_the_gain_is_the_variance_of_a_continued_value() -> None:
    inner = np.indices((30, 40))[1] < 18
    rows, columns = np.array([10, 15]), np.array([20, 19])
    rng = np.random.default_rng(0)
    draws = np.array([_continued(1 + rng.normal(0, 0.01, (30, 40)), inner, rows, columns, 5)[0] for _ in range(1500)])
    gain = _continued(np.ones((30, 40)), inner, rows, columns, 5)[3]
    np.testing.assert_allclose(draws.var(axis=0), gain * 0.01**2, rtol=0.12)


def test_too_few_pixels_are_not_continued() -> None:
    inner = np.zeros((30, 30), bool)
    inner[10:12, 10:13] = True
    value, *_ = _continued(np.ones((30, 30)), inner, np.array([11, 25]), np.array([14, 25]), 5)
    assert np.isnan(value).all()


def test_the_step_between_two_squares_is_their_relative_distance() -> None:
    z, front, back = squares()
    found = contour_of(z, front, back)
    np.testing.assert_allclose(found.steps, math.log(BACK_M / FRONT_M), atol=1e-4)
    assert found.bends.max() < 1e-3, "neither is inclined"
    # The front's upper, left and lower side meet the back.
    assert found.length_px == pytest.approx(20 + 30 + 20, abs=6)
    assert ownership(found, 0.001).first == 1.0


def test_swapping_the_two_turns_the_contour_around() -> None:
    z, front, back = squares()
    forward, backward = contour_of(z, front, back), contour_of(z, back, front)
    for found in (backward, forward.swapped()):
        np.testing.assert_allclose(found.steps, -forward.steps, atol=1e-6)
        np.testing.assert_allclose(found.rises, -forward.rises, atol=1e-6)
        np.testing.assert_allclose(found.first_planes, forward.second_planes, atol=1e-6)
        assert (ownership(found, 0.001).first, ownership(found, 0.001).second) == (0.0, 1.0)
    again = forward.swapped().swapped()
    np.testing.assert_array_equal(again.steps, forward.steps)


@settings(max_examples=50)
@given(st.floats(0.01, 100), st.floats(-20, 20))
def test_ownership_does_not_depend_on_scale_and_shift_of_disparity(scale: float, shift: float) -> None:
    z, front, back = squares()
    plain = contour_of(z, front, back, DISPARITY)
    changed = contour_of(z, front, back, DISPARITY, scale=scale, shift=scale * shift)
    np.testing.assert_allclose(changed.steps, scale * plain.steps, rtol=1e-3)
    assert ownership(changed, 0.001 * scale) == ownership(plain, 0.001)


@pytest.mark.parametrize("gap_px, meets", [(0, False), (3, True)])
def test_masks_that_do_not_touch_share_no_contour(gap_px: int, meets: bool) -> None:
    z, front, back = squares()
    back[:, 35:] = False
    coordinate = order_coordinate(z, SHAPE_KIND)
    back[:, 35:38] = True
    found = shared_contour(coordinate, front, back, SHAPE_KIND, edge_px=1, gap_px=gap_px)
    assert bool(found.steps.size) is meets
    if not meets:
        none = ownership(found, 0.001)
        assert (none.first, none.second, none.standing, none.carrying) == (0, 0, 0, 0)


def standing_box(*, foot_row: int = 55) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z of an upright board on a floor that is seen at an angle, and the pixels of board and floor."""
    rows = np.indices(SHAPE)[0].astype(float)
    floor_z = 100 * 0.5 / np.maximum(rows - 10, 1e-9)
    z = np.where(rows > 20, floor_z, 10.0)
    board = np.zeros(SHAPE, bool)
    board[foot_row - 25 : foot_row, 40:60] = True
    z[board] = 100 * 0.5 / (foot_row - 10)
    return z, board, (rows > 20) & ~board


def at_foot(found: Contour, foot_row: int) -> np.ndarray:
    return (found.pixels[:, 1] >= foot_row - 2) & (np.abs(found.pixels[:, 0] - 49.5) < 7)


@pytest.mark.parametrize("foot_row", [45, 55, 65])
@pytest.mark.parametrize("kind", [SHAPE_KIND, DISPARITY])
def test_a_foot_on_a_floor_seen_at_an_angle_shows_no_step(foot_row: int, kind: DepthKind) -> None:
    z, board, floor = standing_box(foot_row=foot_row)
    found = contour_of(z, board, floor, kind)
    foot = at_foot(found, foot_row)
    assert foot.any()
    assert (np.abs(found.steps[foot]) <= found.bends[foot] + 1e-6).all()
    assert (found.folds[foot] > 0).all(), "the two form a hollow there"
    owned = ownership(found, 0.0005, second_level=np.ones(len(found.steps), bool))
    assert owned.second == 0.0, "the floor hides nothing"
    assert owned.first > 0.4, "the board hides the floor behind its sides and its top"
    assert owned.standing > 0.05 and owned.carrying == 0.0


def test_without_a_level_surface_nothing_stands() -> None:
    z, board, floor = standing_box()
    found = contour_of(z, board, floor)
    count = len(found.steps)
    level, unknown, upright = (
        ownership(found, 0.0005, second_level=value) for value in (np.ones(count, bool), None, np.zeros(count, bool))
    )
    assert level.standing > unknown.standing > upright.standing == 0.0


def test_a_crease_of_one_surface_is_no_occlusion() -> None:
    # Two faces of a box that meet in an upright edge which points at the camera.
    columns = np.indices(SHAPE)[1].astype(float)
    z = 1 / (0.5 - 0.002 * np.abs(columns - 49.5))
    left, right = columns < 50, columns >= 50
    owned = ownership(contour_of(z, left, right), 0.0005)
    assert owned.first == owned.second == 0.0
    assert owned.standing == owned.carrying == 0.0


@pytest.mark.parametrize(
    ("noise", "drift", "owned"), [(0.001, 0.0, 1.0), (0.5, 0.0, 0.0), (0.001, 0.01, 1.0), (0.001, 0.3, 0.0)]
)
def test_a_step_within_noise_or_drift_has_no_owner(noise: float, drift: float, owned: float) -> None:
    assert ownership(contour_of(*squares()), noise, drift=drift).first == owned


def cut_out(z: np.ndarray, window: Window) -> ObjectPixels:
    """All pixels of a window as an object."""
    crop, everything = order_coordinate(z[window.slices].astype(np.float32), SHAPE_KIND), np.ones(window.shape, bool)
    found = object_pixels(crop, everything, window, everything, edge_px=1, min_share=0.3, stray=0.03)
    assert found is not None
    return found


def test_pixels_of_two_masks_go_to_the_object_whose_depth_they_have() -> None:
    z, front, back = squares()
    back[:, 45:] = False
    first, second = (cut_out(z, Window(*rows_columns)) for rows_columns in ((30, 60, 40, 70), (10, 70, 20, 45)))
    for one, other, masks in ((first, second, (front, back)), (second, first, (back, front))):
        coordinate, own, others = separate(one, other)
        window = first.window.union(second.window)
        np.testing.assert_array_equal(own, masks[0][window.slices])
        np.testing.assert_array_equal(others, masks[1][window.slices])
        assert np.exp(coordinate[front[window.slices]]).mean() == pytest.approx(FRONT_M, rel=1e-3)


@pytest.mark.parametrize(
    "front, back, least, most",
    [
        # A bar across the middle of a square hides it within its hull; its ends may hide more or nothing.
        ((slice(40, 50), slice(10, 90)), (slice(20, 70), slice(30, 70)), 0.2, None),
        # A square at a side hides at most its own area.
        ((slice(20, 70), slice(50, 90)), (slice(20, 70), slice(30, 50)), 0.0, 2000 / 3000),
    ],
)
def test_bounds_of_the_hidden_share(
    front: tuple[slice, slice], back: tuple[slice, slice], least: float, most: float | None
) -> None:
    before, behind = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    before[front], behind[back] = True, True
    low, high = hidden_share_bounds(before, behind & ~before)
    assert low == pytest.approx(least, abs=0.02)
    assert 0 <= low <= high <= 1
    if most is not None:
        assert high == pytest.approx(most, abs=0.01)


def test_all_of_an_invisible_object_may_be_hidden() -> None:
    assert hidden_share_bounds(np.ones(SHAPE, bool), np.zeros(SHAPE, bool)) == (0.0, 1.0)


@given(st.integers(22, 60), st.integers(12, 66))
def test_the_true_hidden_share_lies_within_the_bounds(left: int, top: int) -> None:
    whole, card = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    whole[BACK] = True
    card[top : top + 15, left : left + 20] = True
    visible = whole & ~card
    low, high = hidden_share_bounds(card, visible)
    assert low - 0.02 <= (whole & card).sum() / whole.sum() <= high + 1e-9


def test_what_is_nearer_around_a_contour_is_read_off_the_surfaces() -> None:
    z, front, back = squares()
    coordinate, line = order_coordinate(z, SHAPE_KIND), contour_of(z, front, back).pixels
    assert nearer_around(coordinate, front, back, line) == 1.0
    assert nearer_around(coordinate, back, front, line) == 0.0
    # Noise that is larger than the step says nothing.
    noisy = np.random.default_rng(0).normal(0, 1, SHAPE)
    assert nearer_around(noisy, front, back, line) == pytest.approx(0.5, abs=0.15)
    few = np.zeros(SHAPE, bool)
    few[30:33, 60:63] = True
    assert nearer_around(coordinate, few, back, line) == 0.5, "too few pixels"


def test_what_is_nearer_beside_the_other_is_read_off_bands_of_both() -> None:
    z, front, back = squares()
    coordinate = order_coordinate(z, SHAPE_KIND)
    assert nearer_beside(coordinate, front, back, 6, 2) == 1.0
    assert nearer_beside(coordinate, back, front, 6, 2) == -1.0
    assert nearer_beside(np.ones(SHAPE), front, back, 6, 2) == 0.0


# Bands of 5 px on both sides of a gap of 10 px; the first object goes on away from the second.
FIRST_BESIDE, SECOND_BESIDE = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
FIRST_BESIDE[20:60, 10:40], SECOND_BESIDE[20:60, 50:80] = True, True


def beside(near: np.ndarray | float, **rest: int) -> float:
    """How much more often the first is nearer, where the second has depth 2."""
    coordinate = np.where(FIRST_BESIDE, near, 2.0)
    return nearer_beside(coordinate, FIRST_BESIDE, SECOND_BESIDE, rest.get("width_px", 15), rest.get("edge_px", 0))


@pytest.mark.parametrize(("width_px", "expected"), [(10, 0.0), (11, 1.0), (40, 1.0)])
def test_objects_farther_apart_than_the_bands_are_not_compared(width_px: int, expected: float) -> None:
    assert beside(1.0, width_px=width_px) == expected


@pytest.mark.parametrize(("rows", "expected"), [(40, 1.0), (30, 0.5), (20, 0.0), (10, -0.5), (0, -1.0)])
def test_a_band_that_is_nearer_in_part_counts_in_part(rows: int, expected: float) -> None:
    assert beside(np.where(np.indices(SHAPE)[0] < 20 + rows, 1.0, 3.0)) == pytest.approx(expected, abs=0.09)


def test_depth_far_from_the_other_does_not_count() -> None:
    assert beside(np.where(np.indices(SHAPE)[1] < 35, 3.0, 1.0)) == 1.0


@pytest.mark.parametrize(("edge_px", "expected"), [(0, 0.2), (2, 1.0)])
def test_edges_that_depth_mixes_are_left_out(edge_px: int, expected: float) -> None:
    # Two of five columns.
    mixed = np.where(np.indices(SHAPE)[1] >= 38, 3.0, 1.0)
    assert beside(mixed, edge_px=edge_px) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("count", "expected"), [(7, 0.0), (8, 1.0)])
def test_a_band_of_few_pixels_says_nothing_and_its_edge_stays(count: int, expected: float) -> None:
    few = np.zeros(SHAPE, bool)
    few[30, 49 - count : 49] = True
    coordinate = np.where(few, 1.0, 2.0)
    assert nearer_beside(coordinate, few, SECOND_BESIDE, 12, 2) == expected
    assert nearer_beside(coordinate, SECOND_BESIDE, few, 12, 2) == -expected


@pytest.mark.parametrize(
    ("noise", "drift", "gain", "bend", "least"),
    [
        (0.1, 0.0, 1.0, 0.0, 0.3),
        (0.1, 0.0, 4.0, 0.0, 0.6),
        (0.0, 0.2, 4.0, 0.0, 0.6),
        (0.1, 0.2, 2.25, 0.5, 3 * 0.25 + 0.5),
        (0.0, 0.0, 1.0, 0.0, 1e-12),
    ],
)
def test_a_clear_step_is_three_deviations_and_what_a_bend_may_add(
    noise: float, drift: float, gain: float, bend: float, least: float
) -> None:
    found = contour_of(*squares())
    count = len(found.steps)
    made = replace(found, gains=np.full(count, gain), bends=np.full(count, bend))
    np.testing.assert_allclose(clear_step(made, noise, drift), np.full(count, least))
    for share in (0.99, 1.01):
        stepped = replace(made, steps=np.full(count, share * least))
        assert ownership(stepped, noise, drift=drift).first == float(share > 1)

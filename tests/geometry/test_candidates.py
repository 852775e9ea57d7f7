"""Surfaces in a box, and the cues that tell which one is its object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.candidates import Patch, surface_cues, surfaces

# A box of 20 x 28 px with a ring of 5 px on every side: all of it is read.
SHAPE, BOX = (30, 38), (slice(5, 25), slice(5, 33))
BOX_PX, RING_PX = 20 * 28, 30 * 38 - 20 * 28
NEAR, FAR = 0.2, 0.9


def part(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top:bottom, left:right] = True
    return mask


INSIDE = part(5, 25, 5, 33)
LEFT, RIGHT = part(5, 25, 5, 19), part(5, 25, 19, 33)


def patch(near: np.ndarray, valid: np.ndarray | None = None, spread: float = 1.0) -> Patch:
    """Depth that is near on a mask, and far elsewhere."""
    coordinate = np.where(near, NEAR, FAR).astype(np.float32)
    return Patch(coordinate, np.ones(SHAPE, bool) if valid is None else valid, BOX, spread)


def test_dense_depth_is_split_into_its_surfaces_within_the_box_the_nearest_first() -> None:
    found = surfaces(patch(part(0, 30, 0, 19)), None)
    np.testing.assert_array_equal(found, [LEFT, RIGHT])


def test_what_was_chosen_is_a_surface_of_its_own_and_the_first() -> None:
    chosen = part(5, 25, 15, 23)
    first, *rest = surfaces(patch(LEFT), chosen[BOX])
    np.testing.assert_array_equal(first, chosen)
    np.testing.assert_array_equal(rest, [LEFT & ~chosen, RIGHT & ~chosen])


def test_pixels_without_depth_are_of_no_surface() -> None:
    valid = ~part(0, 12, 0, 38)
    np.testing.assert_array_equal(surfaces(patch(LEFT, valid), None), [LEFT & valid, RIGHT & valid])
    assert surfaces(patch(LEFT, np.zeros(SHAPE, bool)), None) == []


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (2, 2)])
def test_a_surface_below_a_twentieth_of_the_box_is_left_out(rows: int, count: int) -> None:
    # 20 and 40 of 560 pixels.
    assert len(surfaces(patch(part(5, 5 + rows, 5, 25)), None)) == count


def returns(*, down_px: int = 4, across_px: int = 2) -> np.ndarray:
    """One pixel per return of a scanner."""
    valid = np.zeros(SHAPE, bool)
    valid[1::down_px, 1::across_px] = True
    return valid


def scattered(coordinate: np.ndarray, valid: np.ndarray | None = None, spread: float = 1.0) -> Patch:
    valid = returns() if valid is None else valid
    return Patch(np.where(valid, coordinate, 0).astype(np.float32), valid, BOX, spread, (2.0, 4.0))


@pytest.mark.parametrize("chosen", [None, LEFT[BOX]])
def test_returns_of_similar_depth_that_follow_each_other_are_a_surface_that_goes_on_beside_the_box(
    chosen: np.ndarray | None,
) -> None:
    left = part(0, 30, 0, 20)
    found = surfaces(scattered(np.where(left, NEAR, FAR)), chosen)
    expected = [returns() & left, returns() & ~left]
    assert {mask.tobytes() for mask in found} == {mask.tobytes() for mask in expected}


@pytest.mark.parametrize(
    ("step", "spread", "count"), [(0.029, 1.0, 1), (0.031, 1.0, 2), (0.05, 2.0, 1), (0.07, 2.0, 2)]
)
def test_neighbouring_returns_are_of_one_surface_up_to_a_share_of_z(step: float, spread: float, count: int) -> None:
    levels = np.where(part(0, 30, 0, 20), 1.0, 1.0 + step)
    assert len(surfaces(scattered(levels, spread=spread), None)) == count


def test_a_slope_is_one_surface_however_deep_it_is() -> None:
    assert len(surfaces(scattered(0.01 * np.indices(SHAPE)[1]), None)) == 1


@pytest.mark.parametrize(("gap_px", "count"), [(2, 1), (4, 2)])
@pytest.mark.parametrize("axis", [0, 1])
def test_returns_more_than_two_and_a_half_spacings_apart_are_of_two_surfaces(
    axis: int, gap_px: int, count: int
) -> None:
    # A gap of 2 px takes one column of returns, and of 4 px two; the lines are twice as far apart.
    middle = (10, 20)[axis]
    gap = gap_px if axis else 2 * gap_px
    places = np.indices(SHAPE)[axis]
    valid = returns() & ~((places >= middle) & (places < middle + gap))
    assert len(surfaces(scattered(np.ones(SHAPE), valid), None)) == count


def test_a_single_return_and_returns_beside_the_box_are_no_surface() -> None:
    one = part(13, 14, 19, 20)
    found = surfaces(scattered(np.where(one, NEAR, FAR)), None)
    np.testing.assert_array_equal(found, [returns() & ~one])
    few = returns() & part(13, 14, 15, 25)
    assert np.count_nonzero(few) == 5
    (found,) = surfaces(scattered(np.where(one, NEAR, FAR), few), None)
    np.testing.assert_array_equal(found, few & ~one)
    beside = scattered(np.ones(SHAPE), returns() & ~INSIDE)
    assert surfaces(beside, None) == []


def cues_of(
    made: Patch,
    surface: np.ndarray,
    rivals: np.ndarray | None = None,
    owned: Sequence[tuple[np.ndarray, float]] = (),
    *,
    chosen: bool = False,
) -> dict[str, float]:
    return surface_cues(made, surface, rivals, owned, chosen=chosen)


@pytest.mark.parametrize(
    ("surface", "share"),
    [
        (INSIDE, 1.0),
        (LEFT, 0.5),
        # The middle counts more than the corners.
        (part(10, 20, 12, 26), 0.5),
        (part(5, 10, 5, 12) | part(20, 25, 26, 33), 0.06),
    ],
)
def test_the_share_of_a_surface_is_weighted_to_the_middle(surface: np.ndarray, share: float) -> None:
    assert math.exp(cues_of(patch(surface), surface)["share"]) - 0.02 == pytest.approx(share, abs=0.05)


def test_the_share_is_that_of_known_depth_and_its_logarithm_is_finite() -> None:
    assert cues_of(patch(LEFT, LEFT), LEFT)["share"] == pytest.approx(math.log(1.02))
    crumb = part(5, 6, 5, 6)
    assert math.log(0.02) < cues_of(patch(crumb), crumb)["share"] < math.log(0.03)


@pytest.mark.parametrize(
    ("surface", "cover"),
    [
        (INSIDE, 1.0),
        (LEFT, 0.5),
        (part(5, 15, 5, 19), 0.25),
        (part(5, 10, 5, 10), 5 * 5 / BOX_PX),
        # Its extents count, not its area.
        (part(5, 25, 5, 7) | part(5, 25, 31, 33), 1.0),
        # Two of a hundred pixels do not make it wider.
        (part(5, 25, 5, 15) | part(5, 6, 28, 30), 10 / 28),
    ],
)
def test_the_cover_of_a_surface_is_that_of_its_extents(surface: np.ndarray, cover: float) -> None:
    assert cues_of(patch(surface), surface)["cover"] == pytest.approx(cover, abs=1e-9)


@pytest.mark.parametrize(
    ("beside", "around", "farther"),
    [
        # Depth beside the box where the first five columns differ from the rest of the ring.
        (NEAR, 1.0, 0.0),
        (NEAR + 0.009, 1.0, 0.0),
        (NEAR + 0.011, 430 / RING_PX, 150 / RING_PX),
        (NEAR - 0.009, 1.0, 0.0),
        (NEAR - 0.011, 430 / RING_PX, 0.0),
        (FAR, 430 / RING_PX, 150 / RING_PX),
    ],
)
@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_depth_around_a_box_continues_its_surface_or_lies_behind_it(
    beside: float, around: float, farther: float, spread: float
) -> None:
    coordinate = np.full(SHAPE, spread * NEAR)
    coordinate[:, :5] = spread * beside
    made = Patch(coordinate.astype(np.float32), np.ones(SHAPE, bool), BOX, spread)
    found = cues_of(made, INSIDE)
    assert (found["around"], found["farther_around"]) == pytest.approx((around, farther))


def test_only_known_depth_around_a_box_counts() -> None:
    made = patch(INSIDE | part(0, 30, 0, 5), INSIDE | part(0, 30, 0, 10))
    found = cues_of(made, INSIDE)
    # 150 px beside the box at its depth, and 50 above and below it that are farther.
    assert (found["around"], found["farther_around"]) == pytest.approx((0.75, 0.25))
    alone = cues_of(patch(INSIDE, INSIDE), INSIDE)
    assert (alone["around"], alone["farther_around"]) == (0.0, 0.5)


@pytest.mark.parametrize("beside", [FAR, NEAR - 0.1])
def test_outliers_of_a_surface_do_not_widen_it(beside: float) -> None:
    made = patch(INSIDE)
    made.coordinate[~INSIDE] = beside
    made.coordinate[5, 5:30] = beside
    assert cues_of(made, INSIDE)["around"] == 0.0
    assert cues_of(made, INSIDE)["farther_around"] == float(beside == FAR)


def test_a_surface_that_goes_on_beside_its_box_is_continued() -> None:
    valid = returns()
    wide = valid & part(0, 30, 0, 20)
    expected = np.count_nonzero(wide & ~INSIDE) / np.count_nonzero(wide)
    assert 0.3 < expected < 0.7
    assert cues_of(scattered(np.ones(SHAPE)), wide)["continued"] == pytest.approx(expected)
    assert cues_of(scattered(np.ones(SHAPE)), wide & INSIDE)["continued"] == 0.0
    assert cues_of(patch(INSIDE), INSIDE)["continued"] == 0.0, "dense surfaces end with the box"


HALF, STRIP = part(5, 15, 5, 33), part(5, 25, 5, 8)


@pytest.mark.parametrize(
    ("rival", "owned", "claimed", "largest"),
    [
        (None, (), 0.0, 0.0),
        (part(0, 30, 0, 10), (), 5 / 14, 0.0),
        (RIGHT, ((RIGHT, 1.0),), 0.0, 0.0),
        (INSIDE, ((HALF, 1.0), (STRIP, 1.0)), 1.0, 0.5),
        (LEFT, ((STRIP, 1.0), (HALF, 1.0)), 1.0, 0.5),
        # What fills its own box no better than this one counts less.
        (LEFT, ((STRIP, 1.0), (HALF, 0.6)), 1.0, 0.3),
        (LEFT, ((STRIP, 1.0), (HALF, 0.1)), 1.0, 3 / 14),
        (LEFT, ((HALF, 0.0),), 1.0, 0.0),
    ],
)
def test_what_others_claim_and_own_is_a_share_of_the_surface(
    rival: np.ndarray | None, owned: Sequence[tuple[np.ndarray, float]], claimed: float, largest: float
) -> None:
    rivals = None if rival is None else rival[BOX]
    found = cues_of(patch(LEFT), LEFT, rivals, [(mask[BOX], better) for mask, better in owned])
    assert (found["claimed"], found["owned"]) == pytest.approx((claimed, largest))


def test_cues_of_a_large_box_are_read_from_a_sample() -> None:
    small = patch(LEFT | part(0, 5, 0, 38))
    rows, columns = (np.repeat(np.arange(side), 12) for side in SHAPE)
    grid = np.ix_(rows, columns)
    large = Patch(small.coordinate[grid], small.valid[grid], (slice(60, 300), slice(60, 396)), 1.0)
    found, expected = cues_of(large, LEFT[grid]), cues_of(small, LEFT)
    assert found == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("chosen", [True, False])
def test_a_surface_knows_whether_it_was_chosen(chosen: bool) -> None:
    assert cues_of(patch(LEFT), LEFT, chosen=chosen)["chosen"] == float(chosen)


def test_cues_do_not_depend_on_scale_and_shift_of_an_affine_coordinate() -> None:
    made = patch(LEFT | part(0, 5, 0, 40))
    changed = replace(made, coordinate=7 * made.coordinate - 3, spread=7.0)
    assert cues_of(changed, LEFT) == pytest.approx(cues_of(made, LEFT))
    for one, other in zip(surfaces(made, None), surfaces(changed, None), strict=True):
        np.testing.assert_array_equal(one, other)

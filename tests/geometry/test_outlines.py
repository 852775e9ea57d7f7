"""Shape cues of two masks beside each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.outlines import filled_share, hull_of, junction_lead

SHAPE = (140, 180)


def rectangle(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[top:bottom, left:right] = True
    return mask


NOTHING = rectangle(0, 0, 0, 0)
SQUARE = rectangle(40, 100, 60, 120)
# What hides a part of the square: beyond its side, over its corner, across it, and on its foot.
FRONTS = {
    "side": rectangle(55, 85, 30, 80),
    "corner": rectangle(20, 70, 40, 90),
    "across": rectangle(60, 80, 30, 150),
    "foot": rectangle(80, 130, 75, 105),
}


def disc(row: float, column: float, radius_px: float) -> np.ndarray:
    rows, columns = np.indices(SHAPE)
    inside: np.ndarray = np.hypot(rows - row, columns - column) <= radius_px
    return inside


@pytest.mark.parametrize("radius_px", [6.0, 9.0, 12.0])
@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_the_outline_of_what_is_in_front_goes_straight_on(front: np.ndarray, radius_px: float) -> None:
    # It fills half of a disc around a junction, and what it hides a quarter.
    assert junction_lead(front, SQUARE & ~front, radius_px) == pytest.approx(0.5, abs=0.2)


@given(
    st.integers(10, 90), st.integers(20, 60), st.integers(10, 130), st.integers(20, 60), st.floats(4, 12)
)  # fmt: skip
def test_the_second_leads_as_far_as_the_first_does_not(
    top: int, height: int, left: int, width: int, radius_px: float
) -> None:
    front = rectangle(top, top + height, left, left + width)
    back = SQUARE & ~front
    lead = junction_lead(front, back, radius_px)
    assert -1 <= lead <= 1
    assert junction_lead(back, front, radius_px) == -lead


def test_a_disc_in_front_leads_too() -> None:
    assert junction_lead(disc(70, 60, 25), SQUARE & ~disc(70, 60, 25), 8) > 0.15


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SQUARE, NOTHING),
        (NOTHING, NOTHING),
        (rectangle(10, 30, 10, 30), SQUARE),
        # One within the other, and two that fill the image: nothing else is near their border's ends.
        (rectangle(60, 80, 80, 100), SQUARE & ~rectangle(60, 80, 80, 100)),
        (rectangle(0, 140, 0, 90), rectangle(0, 140, 90, 180)),
        # Side by side, equally high.
        (rectangle(40, 100, 30, 90), rectangle(40, 100, 90, 150)),
    ],
    ids=["alone", "nothing", "apart", "within", "filling the image", "side by side"],
)
def test_without_a_junction_that_tells_them_apart_none_leads(first: np.ndarray, second: np.ndarray) -> None:
    assert junction_lead(first, second, 8) == pytest.approx(0.0, abs=0.05)


def test_a_step_between_two_of_different_height_is_the_higher_one_s_straight_side() -> None:
    low, high = rectangle(70, 100, 30, 90), rectangle(30, 100, 90, 150)
    # At the upper end the higher one fills half of the disc; at the lower end both end alike.
    assert junction_lead(high, low, 8) == pytest.approx(0.25, abs=0.1)


def test_a_front_at_the_image_s_edge_is_read_within_the_image() -> None:
    front = rectangle(0, 60, 0, 70)
    assert junction_lead(front, rectangle(40, 100, 50, 120) & ~front, 8) > 0.3


@pytest.mark.parametrize(
    ("mask", "area_px"),
    [
        (NOTHING, 0),
        (SQUARE, 3600),
        # A square without a quarter: half of the quarter lies within the hull.
        (SQUARE & ~rectangle(70, 100, 90, 120), 2700 + 450),
        # Two parts and what lies between them.
        (rectangle(40, 100, 30, 50) | rectangle(40, 100, 130, 150), 60 * 120),
        (SQUARE & ~rectangle(60, 80, 80, 100), 3600),
        (disc(70, 90, 40), math.pi * 40**2),
    ],
    ids=["nothing", "square", "corner", "two parts", "hole", "disc"],
)
def test_the_hull_fills_hollows(mask: np.ndarray, area_px: float) -> None:
    hull = hull_of(mask)
    assert hull.dtype == bool and not (mask & ~hull).any()
    assert np.count_nonzero(hull) == pytest.approx(area_px, rel=0.02)
    assert np.count_nonzero(hull_of(hull)) == pytest.approx(area_px, rel=0.03), "and has none itself"


@pytest.mark.parametrize(
    ("front", "back", "share"),
    [
        # A bar across a square lies within the hull of its two parts, where it does not stick out.
        (rectangle(60, 80, 60, 120), SQUARE, 1.0),
        (rectangle(60, 80, 30, 150), SQUARE, 0.5),
        # A corner: half of it lies within the hull; of a larger front, the smaller one is the unit.
        (rectangle(70, 100, 90, 120), SQUARE, 0.5),
        (rectangle(70, 130, 90, 150), SQUARE, 450 / 2700),
        (rectangle(40, 100, 120, 150), SQUARE, 0.0),
        (SQUARE, NOTHING, 0.0),
        (NOTHING, SQUARE, 0.0),
        # What is in front is whole: nothing else lies within its hull.
        (SQUARE & ~rectangle(60, 80, 30, 150), rectangle(60, 80, 30, 150), 0.0),
        # The larger one within the hull of small parts.
        (rectangle(42, 98, 60, 120), SQUARE, 1.0),
    ],
)
def test_what_fills_the_hollow_of_another_is_a_share_of_the_smaller(
    front: np.ndarray, back: np.ndarray, share: float
) -> None:
    found = filled_share(front, back & ~front)
    assert 0 <= found <= 1
    assert found == pytest.approx(share, abs=0.03)

"""Where objects continue behind something nearer, and how far their visible parts reach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.geometry.visibility import Reach, open_boundary, reach

SHAPE = (80, 100)
# The board: rows 20 to 60, columns 30 to 70; the wall behind it is 3 m away.
BOARD = (slice(20, 60), slice(30, 70))
BOARD_M, WALL_M, NEAR_M = 2.0, 3.0, 1.0
SIDES = {
    "left": (slice(10, 70), slice(10, 45)),
    "right": (slice(10, 70), slice(55, 90)),
    "top": (slice(5, 35), slice(20, 80)),
    "bottom": (slice(45, 75), slice(20, 80)),
}


def opened(z: np.ndarray, mask: np.ndarray, *, valid: np.ndarray | None = None, edge_px: int = 1) -> np.ndarray:
    everywhere = np.ones(z.shape, bool)
    return open_boundary(
        1 / z, everywhere if valid is None else valid, mask, edge_px=edge_px, least=0.02, relative=True
    )


def board(hiding: tuple[slice, slice] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """z and visible pixels of the board, with a nearer card over a part of it."""
    z = np.full(SHAPE, WALL_M)
    z[BOARD] = BOARD_M
    if hiding is not None:
        z[hiding] = NEAR_M
    return z, z == BOARD_M


def outline(mask: np.ndarray, side: str) -> np.ndarray:
    """The pixels of the outermost row or column of a rectangle at one side, without its corners."""
    rows, columns = np.nonzero(mask)
    across, along = (columns, rows) if side in ("left", "right") else (rows, columns)
    value = across.min() if side in ("left", "top") else across.max()
    chosen = (across == value) & (along > along.min() + 3) & (along < along.max() - 3)
    found = np.zeros(mask.shape, bool)
    found[rows[chosen], columns[chosen]] = True
    return found


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("edge_px", [0, 1, 2])
def test_a_hidden_rectangle_is_open_on_the_hidden_side_alone(side: str, edge_px: int) -> None:
    z, mask = board(SIDES[side])
    found = opened(z, mask, edge_px=edge_px)
    for other in SIDES:
        part = found[outline(mask, other)]
        assert part.all() if other == side else not part.any(), other


def test_nothing_is_open_before_a_wall_and_at_the_border() -> None:
    z, mask = board()
    assert not opened(z, mask).any()
    touching = np.zeros(SHAPE, bool)
    touching[:30, :40] = True
    assert not opened(np.where(touching, BOARD_M, WALL_M), touching).any()


def test_open_pixels_belong_to_the_boundary() -> None:
    z, mask = board(SIDES["right"])
    rows, columns = np.nonzero(opened(z, mask))
    assert mask[rows, columns].all()
    # The card begins at column 55; a corner looks askew at it.
    assert set(columns) <= {53, 54}


@pytest.mark.parametrize("foot_row", [45, 55, 70])
def test_a_cup_on_a_table_is_not_open_at_its_foot(foot_row: int) -> None:
    # The camera is 0.4 m above a table that reaches to the wall; the cup stands upright on it.
    rows = np.indices(SHAPE)[0].astype(float)
    table = 100 * 0.4 / np.maximum(rows - 10, 1)
    z = np.minimum(table, WALL_M)
    mask = np.zeros(SHAPE, bool)
    mask[foot_row - 25 : foot_row, 40:60] = True
    z[mask] = 100 * 0.4 / (foot_row - 10)
    assert not opened(z, mask).any()
    assert not opened(z, mask, edge_px=2).any()


def test_the_table_is_open_where_the_cup_hides_it() -> None:
    rows, columns = np.indices(SHAPE)
    z = np.minimum(100 * 0.4 / np.maximum(rows - 10.0, 1), WALL_M)
    cup = (rows >= 30) & (rows < 70) & (columns >= 40) & (columns < 60)
    z[cup] = 100 * 0.4 / 60
    table = (rows > 25) & ~cup
    found = opened(z, table)
    above = found[29, 43:57]
    assert above.all(), "its part behind the cup's upper edge"
    assert not found[70, 40:60].any(), "its part before the cup's foot"


def test_a_hole_in_the_depth_beside_the_step_is_bridged() -> None:
    z, mask = board(SIDES["right"])
    valid = np.ones(SHAPE, bool)
    valid[:, 55:58] = False
    found = opened(z, mask, valid=valid)
    assert found[outline(mask, "right")].all()
    assert not opened(z, mask, valid=np.zeros(SHAPE, bool)).any(), "without depth nothing is open"


@settings(max_examples=50)
@given(st.floats(1e-4, 1e4), st.floats(-100, 100), st.sampled_from(sorted(SIDES)))
def test_scale_and_shift_of_disparity_do_not_matter(scale: float, shift: float, side: str) -> None:
    z, mask = board(SIDES[side])
    valid = np.ones(SHAPE, bool)
    plain, changed = (
        open_boundary(s * (1 / z) + t, valid, mask, edge_px=1, least=0.03 * s, relative=False)
        for s, t in ((1.0, 0.0), (scale, scale * shift))
    )
    assert plain.any()
    np.testing.assert_array_equal(plain, changed)


@pytest.mark.parametrize("open_end, flags", [(None, (False, False)), ("low", (True, False)), ("high", (False, True))])
def test_an_end_is_open_beside_an_open_boundary(open_end: str | None, flags: tuple[bool, bool]) -> None:
    values = np.linspace(2.0, 5.0, 3001)
    is_open = {None: values < 0, "low": values < 2.2, "high": values > 4.8}[open_end]
    found = reach(values, is_open)
    assert (found.low_open, found.high_open) == flags
    assert found.is_open is any(flags)
    assert found.length == pytest.approx(3.0, rel=0.01)
    assert (found.low, found.high) == pytest.approx((2.0, 5.0), abs=0.02)


def test_what_is_open_in_the_middle_does_not_open_the_ends() -> None:
    values = np.linspace(0, 1, 1000)
    assert not reach(values, (values > 0.2) & (values < 0.8)).is_open


def test_a_single_stray_point_does_not_count_as_an_end() -> None:
    values = np.append(np.linspace(0, 1, 500), 40.0)
    assert reach(values, np.zeros(501, bool)).high <= 1.0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points_still_have_ends(count: int) -> None:
    values = np.arange(count, dtype=float)
    assert isinstance(reach(values, np.zeros(count, bool)), Reach)

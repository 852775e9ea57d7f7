"""Distances between and sizes of sets of points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.extents import centre, nearest_points, thin


def wall(x_m: float) -> np.ndarray:
    """Points of a square of 1 m in the plane x = x_m."""
    grid = np.arange(0, 1, 0.02)
    y, z = np.meshgrid(grid, grid)
    return np.stack((np.full(y.size, x_m), y.ravel(), z.ravel()), axis=1)


@given(st.integers(1, 3000), st.integers(10, 1500))
def test_thinning_keeps_first_and_last_and_no_more_than_asked_for(size: int, count: int) -> None:
    points = np.arange(size)[:, None]
    found = thin(points, count)
    assert len(found) == min(size, count)
    assert (found[0], found[-1]) == (0, size - 1)
    assert (np.diff(found[:, 0]) > 0).all()


@pytest.mark.parametrize("gap_m", [0.05, 0.5, 3.0])
def test_the_nearest_points_of_two_walls_lie_opposite_each_other(gap_m: float) -> None:
    first, second = nearest_points(wall(0.0), wall(gap_m))
    assert np.linalg.norm(second - first) == pytest.approx(gap_m, rel=1e-6)
    assert (first[0], second[0]) == (0.0, gap_m)


def test_a_corner_is_the_nearest_point_of_a_leaning_wall() -> None:
    leaning = wall(0.5)
    leaning[:, 0] += 2 * leaning[:, 1]
    first, second = nearest_points(wall(0.0), leaning)
    assert np.linalg.norm(second - first) == pytest.approx(0.5, abs=0.05)
    assert second[1] == pytest.approx(0.0, abs=0.05)


def test_a_few_stray_points_do_not_close_the_gap() -> None:
    stray = np.concatenate((wall(0.0), [[0.95, 0.5, 0.5]] * 10))
    first, second = nearest_points(stray, wall(1.0))
    assert np.linalg.norm(second - first) > 0.9


def test_the_centre_is_the_middle_of_the_extent_whatever_the_density() -> None:
    points = np.concatenate((wall(0.0), wall(0.0)[:1000], wall(0.0)[:1000]))
    np.testing.assert_allclose(centre(points), (0.0, 0.49, 0.49), atol=0.03)


def test_the_centre_heeds_no_single_stray_point() -> None:
    points = np.concatenate((wall(0.0), [[40.0, 40.0, 40.0]]))
    np.testing.assert_allclose(centre(points), centre(wall(0.0)), atol=0.02)

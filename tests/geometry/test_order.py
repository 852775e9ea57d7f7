from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.extents import centre, nearest_points, thin
from pipeline.geometry.order import normal_cdf, probability_less, probability_within

values = st.lists(st.floats(-10, 10), min_size=1, max_size=20).map(lambda items: np.sort(np.array(items)))


@pytest.mark.parametrize(("value", "expected"), [(0, 0.5), (1.96, 0.975), (-1.6449, 0.05), (40, 1.0)])
def test_normal_distribution(value: float, expected: float) -> None:
    assert normal_cdf(value) == pytest.approx(expected, abs=1e-3)


def test_probability_of_order_agrees_with_drawing() -> None:
    generator = np.random.default_rng(1)
    first, second = np.array([1.0, 1.2, 1.4]), np.array([1.1, 1.5])
    draws = generator.choice(first, 200_000) + generator.normal(0, 0.3, 200_000) < generator.choice(second, 200_000)
    assert probability_less(first, second, 0.3) == pytest.approx(draws.mean(), abs=0.01)


@given(values, values, st.floats(0, 5))
def test_the_two_orders_add_up_to_one(first: np.ndarray, second: np.ndarray, noise: float) -> None:
    total = probability_less(first, second, noise) + probability_less(second, first, noise)
    assert total == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("measured", "sigma", "low", "high", "expected"),
    [
        (1.0, 0.0, 0.5, 1.5, 1.0),
        (2.0, 0.0, 0.5, 1.5, 0.0),
        (1.0, 0.5, 0.5, 1.5, 0.6827),
        (1.0, 0.5, 1.0, math.inf, 0.5),
        (1.0, 0.5, -math.inf, 1.82, 0.95),
    ],
)
def test_probability_of_an_interval(measured: float, sigma: float, low: float, high: float, expected: float) -> None:
    assert probability_within(measured, sigma, low, high) == pytest.approx(expected, abs=1e-3)


def test_the_gap_between_two_planes() -> None:
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 20), np.linspace(0, 1, 20)), axis=-1).reshape(-1, 2)
    first = np.column_stack((grid, np.full(400, 1.0)))
    second = np.column_stack((grid, np.full(400, 1.5)))
    near_first, near_second = nearest_points(first, second)
    assert np.linalg.norm(near_first - near_second) == pytest.approx(0.5)
    np.testing.assert_allclose(centre(first), (0.5, 0.5, 1.0), atol=1e-9)


def test_thinning_keeps_both_ends() -> None:
    points = np.arange(30.0).reshape(10, 3)
    thinned = thin(points, 4)
    assert len(thinned) == 4
    np.testing.assert_array_equal(thinned[[0, -1]], points[[0, -1]])
    assert thin(points, 100) is points

from __future__ import annotations

import math

import pytest

from pipeline.geometry.order import normal_cdf, probability_within


@pytest.mark.parametrize(("value", "expected"), [(0, 0.5), (1.96, 0.975), (-1.6449, 0.05), (40, 1.0)])
def test_normal_distribution(value: float, expected: float) -> None:
    assert normal_cdf(value) == pytest.approx(expected, abs=1e-3)


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

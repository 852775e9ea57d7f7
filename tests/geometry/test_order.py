from __future__ import annotations

import math

import pytest

from pipeline.geometry.order import probability_within


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

from __future__ import annotations

import numpy as np
import pytest

from pipeline.ingest.depth_kinds import check_kind
from pipeline.records import DepthMap
from pipeline.records.errors import InputError


def room(noise=0.002, seed=0):
    """Depth of a floor and two walls, seen from above [m], float (240, 320)."""
    columns, rows = np.meshgrid((np.arange(320) - 159.5) / 300, (np.arange(240) - 119.5) / 300)
    planes = (((0.05, 0.85, 0.52), 1.4), ((0.3, -0.5, 0.81), 3.0), ((0.8, 0.1, 0.6), 2.5))
    depths = [distance / (a * columns + b * rows + c) for (a, b, c), distance in planes]
    depth = np.min([np.where(one > 0, one, np.inf) for one in depths], axis=0)
    return depth * (1 + noise * np.random.default_rng(seed).standard_normal(depth.shape))


@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_depth_in_metres_and_its_inverse_as_disparity_pass(noise):
    check_kind(DepthMap.from_values(room(noise), "metric", "sensor"), "d")
    check_kind(DepthMap.from_values(5 + 40 / room(noise), "disparity_affine"), "d")


@pytest.mark.parametrize("numbers", [lambda z: 1 / z, lambda z: 3 / z + 0.2, lambda z: 20 / z])
def test_inverse_depth_given_as_metres_is_refused(numbers):
    with pytest.raises(InputError, match="d is hardly depth in metres"):
        check_kind(DepthMap.from_values(numbers(room()), "metric", "sensor"), "d")


@pytest.mark.parametrize("unit", [1.0, 1000.0, 5000.0])
def test_metres_or_millimetres_given_as_disparity_are_refused(unit):
    with pytest.raises(InputError, match="d is hardly disparity"):
        check_kind(DepthMap.from_values(room() * unit, "disparity_affine"), "d")


@pytest.mark.parametrize(
    ("values", "kind", "source"),
    [
        (np.linspace(1, 3, 240 * 320).reshape(240, 320), "metric", "sensor"),
        (np.full((240, 320), 2.0), "metric", "sensor"),
        (np.random.default_rng(0).uniform(1, 3, (240, 320)), "metric", "sensor"),
        (1 / room(), "metric", "model"),
        (1 / room(), "scale_invariant", "none"),
        (np.ones((2, 2)), "disparity_affine", "none"),
    ],
)
def test_a_ramp_a_wall_noise_and_other_kinds_pass(values, kind, source):
    check_kind(DepthMap.from_values(values, kind, source), "d")

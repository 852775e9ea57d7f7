"""Errors of a depth map in the unit of its order coordinate."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import DepthMap
from pipeline.records.noise import NoiseModel
from pipeline.verify.rules.errors_of_depth import DepthErrors

NOISE = NoiseModel(relative=0.1, relative_per_m=0.02, pixel=0.003, pixel_per_m=0.001, far_share=0.2)
Z_M = np.random.default_rng(0).permutation(np.linspace(1, 5, 360 * 480)).reshape(360, 480)


def errors(kind: str, values: np.ndarray, noise: NoiseModel = NOISE) -> DepthErrors:
    return DepthErrors(DepthMap.from_values(values, kind, "sensor" if kind == "metric" else "none"), noise)


@pytest.mark.parametrize("z_m", [1.0, 2.0, 4.0])
def test_metric_errors_grow_with_z(z_m: float) -> None:
    found = errors("metric", Z_M)
    assert found.smooth(math.log(z_m)) == pytest.approx(0.1 + 0.02 * z_m)
    assert found.rough(math.log(z_m)) == pytest.approx(0.003 + 0.001 * z_m)


@given(st.floats(0.01, 1000), st.floats(1, 5))
def test_errors_of_depth_up_to_scale_do_not_depend_on_its_unit(scale: float, z: float) -> None:
    found = errors("scale_invariant", scale * Z_M)
    assert found.smooth(math.log(scale * z)) == pytest.approx(0.1)
    assert found.rough(math.log(scale * z)) == pytest.approx(0.003)


@pytest.mark.parametrize("kind", ["disparity_affine", "depth_affine"])
def test_affine_errors_grow_from_the_end_that_is_known_best(kind: str) -> None:
    values = 1 / Z_M if kind == "disparity_affine" else Z_M
    found = errors(kind, values)
    # The order coordinate grows with distance; disparity errs least far away, depth least near by.
    coordinates = -values if kind == "disparity_affine" else values
    near, far = found.smooth(coordinates.min()), found.smooth(coordinates.max())
    assert bool(near > far) is (kind == "disparity_affine")
    assert min(near, far) == pytest.approx(0.1 * 0.2 * found.spread, rel=0.2)


@pytest.mark.parametrize("kind", ["disparity_affine", "depth_affine"])
@given(scale=st.floats(0.01, 100), shift=st.floats(-20, 20), at=st.floats(0.2, 1))
def test_affine_errors_scale_with_the_map_and_ignore_its_shift(
    kind: str, scale: float, shift: float, at: float
) -> None:
    values = 1 / Z_M
    sign = -1 if kind == "disparity_affine" else 1
    plain, changed = errors(kind, values), errors(kind, scale * (values + shift))
    assert changed.spread == pytest.approx(scale * plain.spread, rel=1e-3)
    expected = scale * plain.smooth(sign * at)
    assert changed.smooth(sign * scale * (at + shift)) == pytest.approx(expected, rel=2e-3)
    assert changed.rough(sign * scale * (at + shift)) == pytest.approx(0.03 * expected, rel=2e-3)


def test_the_middle_is_the_median_of_the_order_coordinate() -> None:
    assert errors("scale_invariant", Z_M).middle == pytest.approx(math.log(np.median(Z_M)), abs=0.03)
    assert errors("disparity_affine", 1 / Z_M).middle == pytest.approx(-np.median(1 / Z_M), abs=0.01)


def test_an_empty_map_has_finite_errors() -> None:
    empty = np.full((20, 20), np.nan)
    for kind in ("metric", "disparity_affine"):
        found = errors(kind, empty)
        assert found.middle == 0.0
        assert math.isfinite(found.smooth(0.0)) and math.isfinite(found.rough(0.0))


@pytest.mark.parametrize("kind", ["metric", "disparity_affine"])
def test_a_map_whose_predictions_disagree_has_a_larger_smooth_error(kind: str) -> None:
    noise = replace(NOISE, typical_disagreement=0.01)
    values = Z_M if kind == "metric" else 1 / Z_M
    usual = errors(kind, values, noise)
    apart = DepthErrors(replace(usual.depth, disagreement=0.03), noise)
    assert apart.smooth(-0.5) == pytest.approx(3 * usual.smooth(-0.5))
    assert apart.rough(-0.5) == usual.rough(-0.5)
    assert DepthErrors(replace(usual.depth, misfit=2.0), noise).smooth(-0.5) == pytest.approx(2 * usual.smooth(-0.5))

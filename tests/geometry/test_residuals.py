"""Residuals of depth against measured depth of the same frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.geometry.residuals import Residuals, aligned_residuals, robust_spread
from pipeline.records import DepthMap

Z_M = 1 + np.add.outer(np.linspace(0, 2, 96), np.linspace(0, 1, 128))
MEASURED = DepthMap.from_values(Z_M, "metric", "sensor")


def of(kind: str, values: np.ndarray) -> DepthMap:
    return DepthMap.from_values(values, kind, "model" if kind == "metric" else "none")


def sparse(count: int) -> DepthMap:
    valid = np.zeros(Z_M.shape, dtype=bool)
    valid.flat[np.random.default_rng(0).permutation(valid.size)[:count]] = True
    return replace(MEASURED, valid=valid)


@pytest.mark.parametrize(
    "prediction",
    [
        of("metric", 1.7 * Z_M),
        of("scale_invariant", 0.02 * Z_M),
        of("depth_affine", 5 * Z_M - 3),
        of("disparity_affine", 40 / Z_M + 7),
    ],
    ids=lambda depth: str(depth.kind),
)
def test_a_map_that_is_right_but_for_what_its_kind_leaves_open_has_no_residuals(prediction: DepthMap) -> None:
    found = aligned_residuals(prediction, MEASURED)
    assert found is not None and not found.is_reversed
    np.testing.assert_allclose(found.errors, 0, atol=1e-4)


def test_the_scale_of_metres_is_measured_over_stated() -> None:
    found = aligned_residuals(of("metric", Z_M / 2), MEASURED)
    assert found is not None and found.log_scale == pytest.approx(np.log(2))
    other = aligned_residuals(of("scale_invariant", Z_M / 2), MEASURED)
    assert other is not None and other.log_scale is None


def test_residuals_are_relative_to_the_level_above_the_far_end() -> None:
    tops = 1 / Z_M
    low, high = np.percentile(tops, (2, 98))
    found = aligned_residuals(of("disparity_affine", tops), MEASURED)
    assert found is not None and found.far_share == pytest.approx(low / (high - low), rel=1e-4)
    near = np.zeros(Z_M.shape, dtype=bool)
    near[:4, :4] = True
    found = aligned_residuals(of("disparity_affine", np.where(near, 1.1 * tops, tops)), MEASURED)
    assert found is not None and np.median(found.errors[near]) == pytest.approx(0.1 / 1.1, rel=0.02)


@pytest.mark.parametrize("values", [Z_M, np.ones(Z_M.shape)], ids=["rising", "constant"])
def test_a_disparity_that_does_not_fall_with_distance_is_reversed(values: np.ndarray) -> None:
    found = aligned_residuals(of("disparity_affine", values), MEASURED)
    assert found is not None and found.is_reversed


def test_too_little_or_flat_measured_depth_says_nothing() -> None:
    assert aligned_residuals(of("metric", Z_M), sparse(19)) is None
    assert aligned_residuals(of("metric", Z_M), sparse(20)) is not None
    flat = replace(MEASURED, values=np.full(Z_M.shape, 2.0))
    assert aligned_residuals(of("disparity_affine", 1 / Z_M), flat) is None


def test_cells_are_means_and_single_points_only_where_there_is_no_more() -> None:
    errors = np.full((48, 48), np.nan)
    errors[:, :24] = np.tile([0.1, 0.3], (48, 12))
    means, positions = Residuals(errors).cells()
    assert len(means) == 24 * 12 and means == pytest.approx(0.2)
    assert positions.max(axis=0).tolist() == [46 / 48, 22 / 48]
    few = np.full((240, 240), np.nan)
    few[::40, ::40] = 0.5
    means, _ = Residuals(few).cells()
    assert means.tolist() == [0.5] * 36


def test_the_spread_ignores_outliers() -> None:
    values = np.random.default_rng(0).normal(0, 2, 10_000)
    values[:500] = 1e3
    assert robust_spread(values) == pytest.approx(2, rel=0.1)

from __future__ import annotations

import numpy as np
import pytest
from evaluate.depth.depth_data import pooled

from pipeline.evaluate.depth.boundaries import boundary_f1, boundary_moments, is_dense
from pipeline.evaluate.depth.metrics import metrics_of

STEP = np.repeat([1.0, 2.0], 4)[None].repeat(6, axis=0)


def found(predicted: np.ndarray, true: np.ndarray, edge_ratio: float = 1.25) -> dict[str, float]:
    return metrics_of(boundary_moments(predicted, true, edge_ratio=edge_ratio))


def test_a_perfect_prediction_with_edges_in_every_direction_has_an_f1_of_one() -> None:
    true = np.ones((9, 9))
    true[3:6, 3:6] = 2
    assert found(true, true) == {"boundary_f1": pytest.approx(1.0), "edge_fly": 0}


def test_a_truth_without_edges_has_neither_number() -> None:
    assert found(STEP, np.ones_like(STEP)) == {}
    assert boundary_f1({"pixels": 3.0}) is None


def test_pooled_f1_is_that_of_both_images_side_by_side() -> None:
    rng = np.random.default_rng(0)
    first, second = (np.exp(rng.normal(0, 0.2, (2, 12, 15))) for _ in range(2))
    gap = np.full((2, 12, 1), np.nan)
    whole = boundary_moments(*np.concatenate((first, gap, second), axis=2), edge_ratio=1.25)
    parts = [boundary_moments(*pair, edge_ratio=1.25) for pair in (first, second)]
    assert metrics_of(pooled(parts)) == pytest.approx(metrics_of(whole))


@pytest.mark.parametrize("ratio, counted", [(1.9, True), (2.0, False)])
def test_an_edge_where_points_may_fly_has_more_than_the_ratio(ratio: float, counted: bool) -> None:
    moments = boundary_moments(STEP, STEP, edge_ratio=ratio)
    assert moments["edge_points"] == (12 if counted else 0)


@pytest.mark.parametrize(
    "mask, dense",
    [
        (np.ones((4, 4), bool), True),
        (np.zeros((4, 4), bool), False),
        (np.arange(400).reshape(20, 20) < 200, True),
        # Every third row, as from a LiDAR.
        ((np.arange(12) % 3 == 0)[:, None].repeat(9, axis=1), False),
        (np.ones((1, 1), bool), False),
    ],
)
def test_ground_truth_is_dense_where_neighbours_are_both_known(mask: np.ndarray, dense: bool) -> None:
    assert is_dense(mask) is dense


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_images_of_one_row_or_column_are_counted(shape: tuple[int, int]) -> None:
    true = np.arange(1.0, 1 + shape[0] * shape[1]).reshape(shape)
    moments = boundary_moments(true, true, edge_ratio=1.25)
    assert sum(moments["boundary_true"]) == sum(moments["boundary_hits"])
    assert moments["edge_points"] == 2 * max(sum(shape) - 3, 0)

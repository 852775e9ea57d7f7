from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluate.bootstrap import drawn_weights, interval_of, mean_interval, median_interval


def test_every_draw_takes_as_many_whole_groups_as_there_are() -> None:
    groups = ["a", "b", "a", "c", "c", "c"]
    draws = np.array(list(drawn_weights(groups, 500, seed=3)))
    assert (draws[:, 0] == draws[:, 2]).all() and (draws[:, 3:] == draws[:, 3:4]).all()
    assert (draws[:, 0] + draws[:, 1] + draws[:, 3] == 3).all()
    assert draws.mean(axis=0) == pytest.approx(np.ones(6), abs=0.15)
    again = np.array(list(drawn_weights(groups[::-1], 500, seed=3, names="abc")))
    assert np.array_equal(again[:, ::-1], draws), "the order of the names counts, not that of the items"


def test_the_interval_of_a_mean_resamples_groups() -> None:
    # Ten claims in each of four scenes, two of them all correct: as uncertain as four coins, not as forty.
    values, groups = [1.0] * 20 + [0.0] * 20, [f"g{index // 10}" for index in range(40)]
    assert mean_interval(values, groups) == (0, 1)
    assert mean_interval([*values, math.nan], [*groups, "g0"]) == (0, 1)


@pytest.mark.parametrize("interval, statistic", [(mean_interval, np.mean), (median_interval, np.median)])
def test_an_interval_equals_that_of_groups_drawn_one_by_one(interval, statistic) -> None:
    values = np.random.default_rng(1).random(12)
    members = np.arange(12).reshape(4, 3)
    rng = np.random.default_rng(7)
    drawn = [statistic(values[members[rng.integers(4, size=4)]]) for _ in range(50)]
    found = interval(values.tolist(), [f"g{index // 3}" for index in range(12)], draws=50, seed=7)
    assert found == pytest.approx(np.quantile(drawn, (0.025, 0.975)))


@pytest.mark.parametrize("groups, draws", [(["a", "b"] * 5, 300), ([], 300), (["a", "b", "c"], 0)])
def test_too_few_groups_or_no_draws_give_no_interval(groups: list[str], draws: int) -> None:
    found = mean_interval([1.0] * len(groups), groups, draws=draws)
    assert all(map(math.isnan, found))


def test_draws_without_the_figure_do_not_count() -> None:
    assert interval_of([math.nan, 1.0, 3.0], level=0.9999) == pytest.approx((1, 3), abs=1e-3)
    assert all(map(math.isnan, interval_of([math.nan])))

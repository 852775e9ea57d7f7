from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluate.bootstrap import (
    FEWEST_GROUPS,
    bound_of,
    count_groups,
    drawn_weights,
    interval_of,
    mean_interval,
    median_interval,
    share_interval,
)


def test_every_draw_takes_as_many_whole_groups_as_there_are() -> None:
    groups = ["a", "b", "a", "c", "c", "c", "d", "e", "f"]
    draws = np.array(list(drawn_weights(groups, 800, seed=3)))
    assert (draws[:, 0] == draws[:, 2]).all() and (draws[:, 3:6] == draws[:, 3:4]).all()
    assert (draws[:, [0, 1, 3, 6, 7, 8]].sum(axis=1) == 6).all()
    assert draws.mean(axis=0) == pytest.approx(np.ones(9), abs=0.15)
    again = np.array(list(drawn_weights(groups[::-1], 800, seed=3, names="abcdef")))
    assert np.array_equal(again[:, ::-1], draws), "the order of the names counts, not that of the items"


def test_the_interval_of_a_mean_resamples_groups() -> None:
    # Ten claims in each of six scenes, three of them all correct: as uncertain as six coins, not as sixty.
    values, groups = [1.0] * 30 + [0.0] * 30, [f"g{index // 10}" for index in range(60)]
    low, high = mean_interval(values, groups, draws=2000)
    assert (low, high) == (0, 1)
    assert mean_interval([*values, math.nan], [*groups, "g0"], draws=2000) == (0, 1)


@pytest.mark.parametrize("interval, statistic", [(mean_interval, np.mean), (median_interval, np.median)])
def test_an_interval_equals_that_of_groups_drawn_one_by_one(interval, statistic) -> None:
    values = np.random.default_rng(1).random(24)
    members = np.arange(24).reshape(8, 3)
    rng = np.random.default_rng(7)
    drawn = [statistic(values[members[rng.integers(8, size=8)]]) for _ in range(50)]
    found = interval(values.tolist(), [f"g{index // 3}" for index in range(24)], draws=50, seed=7)
    assert found == pytest.approx(interval_of(drawn, 8))


@pytest.mark.parametrize("groups, draws", [(list("abcde") * 5, 300), ([], 300), (list("abcdef"), 0)])
def test_too_few_groups_or_no_draws_give_no_interval(groups: list[str], draws: int) -> None:
    found = mean_interval(np.arange(len(groups)), groups, draws=draws)
    assert all(map(math.isnan, found))


def test_groups_without_the_figure_do_not_count() -> None:
    groups = [name for name in "abcdefgh" for _ in range(2)]
    values = np.arange(16.0)
    assert not math.isnan(mean_interval(values, groups)[0])
    values[:6] = math.nan
    assert count_groups(groups, ~np.isnan(values)) == 5
    assert math.isnan(mean_interval(values, groups)[0]), "five of the eight groups have it"


def test_draws_without_the_figure_do_not_count() -> None:
    assert interval_of([math.nan, 1.0, 3.0], 1000, level=0.9999) == pytest.approx((1, 3), abs=1e-3)
    assert all(map(math.isnan, interval_of([math.nan], 1000)))


def test_draws_that_are_all_the_same_give_no_interval() -> None:
    # Scenes with four of five claims correct each: 80.0 % in every draw, which is no proof of 80.0 %.
    values, groups = [1.0, 1.0, 1.0, 1.0, 0.0] * 9, [f"g{index // 5}" for index in range(45)]
    assert all(map(math.isnan, mean_interval(values, groups)))
    assert all(map(math.isnan, share_interval(values, groups)))


def test_few_groups_widen_the_interval() -> None:
    drawn = np.linspace(0, 1, 10_001)
    few, many = interval_of(drawn, FEWEST_GROUPS), interval_of(drawn, 10_000)
    assert many == pytest.approx((0.025, 0.975), abs=1e-3)
    # With five degrees of freedom, t is 2.571: percentiles of -2.571 * sqrt(6 / 5) standard deviations.
    assert few == pytest.approx((0.0024, 0.9976), abs=1e-4)


def test_intervals_of_six_groups_hold_the_true_mean_nine_times_in_ten() -> None:
    rng = np.random.default_rng(0)
    groups = [f"g{index // 10}" for index in range(60)]
    held = []
    for _ in range(300):
        share = rng.beta(4, 1, 6)
        low, high = share_interval(rng.random(60) < np.repeat(share, 10), groups, draws=100, seed=int(rng.integers(99)))
        held.append(low <= 0.8 <= high)
    assert np.mean(held) > 0.86


@pytest.mark.parametrize(
    "share, groups, expected",
    [
        (1.0, 1, (0.05, 1.0)),
        (1.0, 3, (0.05 ** (1 / 3), 1.0)),
        (0.0, 59, (0.0, 1 - 0.05 ** (1 / 59))),
        (0.5, 59, None),
        (1.0, 0, None),
    ],
)
def test_all_or_nothing_is_bounded_from_one_side(
    share: float, groups: int, expected: tuple[float, float] | None
) -> None:
    found = bound_of(share, groups)
    assert all(map(math.isnan, found)) if expected is None else found == pytest.approx(expected)


def test_the_bound_is_about_that_of_three_over_the_number_of_groups() -> None:
    for groups in (30, 100, 1000):
        assert bound_of(0.0, groups)[1] == pytest.approx(3 / groups, rel=0.06)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_bound_counts_groups_and_not_items(value: float) -> None:
    values, groups = [value] * 50 + [math.nan], [f"g{index % 10}" for index in range(50)] + ["without"]
    assert share_interval(values, groups) == bound_of(value, 10)
    assert all(map(math.isnan, share_interval(values, groups, draws=0))), "no draws, no interval of any kind"

"""Intervals from weights are those of drawing the judgements themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluate.claims.intervals import FIGURES, figure_intervals, mean_interval
from pipeline.evaluate.claims.scores import Judgement, bootstrap_interval, scores


def judgements(seed: int, count: int = 120, groups: int = 9) -> list[Judgement]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        # Rounded, so that confidences are often equal.
        probability = round(float(rng.random()), 1) if rng.random() < 0.9 else None
        decided = probability is not None and abs(probability - 0.5) > 0.3
        made.append(Judgement("closer", bool(rng.random() < 0.5), probability, decided, f"g{rng.integers(groups)}"))
    return made


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("figure", FIGURES)
def test_an_interval_is_that_of_judgements_drawn_one_by_one(seed: int, figure: str) -> None:
    made = judgements(seed)
    slow = bootstrap_interval(made, lambda drawn: getattr(scores(drawn), figure), draws=40, seed=seed)
    assert figure_intervals(made, draws=40, seed=seed)[figure] == pytest.approx(slow, abs=1e-9)


@pytest.mark.parametrize("made", [[], judgements(0, count=2), judgements(1, groups=2)])
def test_fewer_than_three_groups_have_no_interval(made: list[Judgement]) -> None:
    assert all(math.isnan(end) for interval in figure_intervals(made).values() for end in interval)
    assert math.isnan(mean_interval([1.0] * len(made), [item.group for item in made])[0])


def test_no_draws_give_no_interval() -> None:
    assert math.isnan(figure_intervals(judgements(0), draws=0)["coverage"][0])


def test_figures_that_do_not_exist_are_nan_and_the_others_are_there() -> None:
    undecided = [Judgement("closer", True, None, False, f"g{index}") for index in range(5)]
    found = figure_intervals(undecided)
    assert found["coverage"] == (0, 0)
    assert found["risk_coverage_area"] == (0.5, 0.5)
    assert math.isnan(found["accuracy"][0]) and math.isnan(found["calibration_error"][0])


def test_the_interval_of_a_mean_resamples_groups() -> None:
    # Ten claims of each of four scenes, two scenes all right: as uncertain as four coins, not as forty.
    values, groups = [1.0] * 20 + [0.0] * 20, [f"g{index // 10}" for index in range(40)]
    low, high = mean_interval(values, groups)
    assert (low, high) == (0, 1)
    assert mean_interval([*values, math.nan], [*groups, "g0"]) == (low, high)

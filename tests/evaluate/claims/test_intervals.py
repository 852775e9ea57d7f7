"""Intervals from weights are those of drawing the judgements themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluate.claims.intervals import FIGURES, figure_intervals
from pipeline.evaluate.claims.scores import Judgement, scores


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
def test_an_interval_is_that_of_judgements_drawn_one_by_one(seed: int) -> None:
    made = judgements(seed)
    members: dict[str, list[Judgement]] = {}
    for item in made:
        members.setdefault(item.group, []).append(item)
    groups, rng = list(members.values()), np.random.default_rng(seed)
    drawn = [
        scores([item for index in rng.integers(len(groups), size=len(groups)) for item in groups[index]])
        for _ in range(40)
    ]
    found = figure_intervals(made, draws=40, seed=seed)
    for figure in FIGURES:
        expected = np.nanquantile([getattr(one, figure) for one in drawn], (0.025, 0.975))
        assert found[figure] == pytest.approx(expected, abs=1e-9), figure


@pytest.mark.parametrize("made", [[], judgements(0, count=2), judgements(1, groups=2)])
def test_fewer_than_three_groups_have_no_interval(made: list[Judgement]) -> None:
    assert all(math.isnan(end) for interval in figure_intervals(made).values() for end in interval)


def test_figures_that_do_not_exist_are_nan_and_the_others_are_there() -> None:
    undecided = [Judgement("closer", True, None, False, f"g{index}") for index in range(5)]
    found = figure_intervals(undecided)
    assert found["coverage"] == (0, 0)
    assert found["risk_coverage_area"] == (0.5, 0.5)
    assert math.isnan(found["accuracy"][0]) and math.isnan(found["calibration_error"][0])

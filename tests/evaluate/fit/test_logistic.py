"""Fits of logistic models on examples whose model is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from pipeline.evaluate.fit.logistic import fit_binary, fit_choice

EXAMPLES = 6000
TRUE = {"a": 2.0, "b": -1.5, "c": 0.7}
FREE = dict.fromkeys(TRUE, 0)


def cues_of(rng: np.random.Generator, count: int) -> list[dict[str, float]]:
    return [dict(zip(TRUE, row, strict=True)) for row in rng.normal(0, 1, (count, len(TRUE))).tolist()]


def score(cues: Mapping[str, float]) -> float:
    return sum(TRUE[name] * cues[name] for name in TRUE)


def facts(intercept: float = -0.8) -> tuple[list[dict[str, float]], list[bool]]:
    """Cues and whether something holds, by the true model."""
    rng = np.random.default_rng(0)
    cues = cues_of(rng, EXAMPLES)
    odds = np.array([intercept + score(each) for each in cues])
    return cues, (rng.random(EXAMPLES) < 1 / (1 + np.exp(-odds))).tolist()


def choices() -> tuple[list[list[dict[str, float]]], list[int]]:
    """Alternatives, one to five, and which one holds, by the true model."""
    rng = np.random.default_rng(1)
    alternatives = [cues_of(rng, 1 + number % 5) for number in range(EXAMPLES)]
    chosen = [int(np.argmax([score(one) + rng.gumbel() for one in some])) for some in alternatives]
    return alternatives, chosen


def test_a_fit_recovers_weights_and_intercept() -> None:
    cues, truths = facts()
    found = fit_binary(cues, truths, [1.0] * EXAMPLES, FREE)
    assert found.weights == pytest.approx(TRUE, abs=0.15)
    assert found.intercept == pytest.approx(-0.8, abs=0.12)
    assert list(found.weights) == list(FREE)


def test_a_fit_recovers_the_weights_of_a_choice() -> None:
    found = fit_choice(*choices(), [1.0] * EXAMPLES, FREE)
    assert found.weights == pytest.approx(TRUE, abs=0.15)
    assert found.intercept == 0.0, "it changes no choice"


@pytest.mark.parametrize("kind", ["binary", "choice"])
@pytest.mark.parametrize(
    "signs",
    [{"a": 1, "b": -1, "c": 1}, {"a": -1, "b": -1, "c": 0}, {"a": 1, "b": 1, "c": -1}, {"a": -1, "b": 1, "c": -1}],
)
def test_weights_have_the_demanded_signs_or_are_none(kind: str, signs: Mapping[str, int]) -> None:
    fit: Any = fit_binary if kind == "binary" else fit_choice
    examples, answers = facts() if kind == "binary" else choices()
    found = fit(examples, answers, [1.0] * EXAMPLES, signs).weights
    for name, sign in signs.items():
        if sign * TRUE[name] < 0:
            assert found[name] == 0.0 and math.copysign(1, found[name]) == 1
        else:
            assert found[name] * TRUE[name] > 0


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_without_cues_the_intercept_is_the_log_odds_of_what_holds(share: float) -> None:
    truths = [number < 100 * share for number in range(100)]
    found = fit_binary([{"a": 0.0}] * 100, truths, [1.0] * 100, {"a": 0})
    assert found.intercept == pytest.approx(math.log(share / (1 - share)), abs=1e-3)
    assert found.weights == {"a": 0.0}


def weighted(counts: Sequence[float]) -> float:
    """Log-odds where one of two examples of given weights holds."""
    return fit_binary([{"a": 0.0}] * 2, [True, False], counts, {"a": 0}).intercept


def test_an_example_counts_by_its_weight() -> None:
    assert weighted([3.0, 1.0]) == pytest.approx(math.log(3), abs=1e-3)
    assert weighted([1.0, 4.0]) == pytest.approx(-math.log(4), abs=1e-3)
    # Twice the weight is the example twice.
    rng = np.random.default_rng(2)
    alternatives = [cues_of(rng, 3) for _ in range(40)]
    chosen = [int(np.argmax([score(one) for one in some])) for some in alternatives]
    twice = fit_choice(alternatives * 2, chosen * 2, [1.0] * 80, FREE)
    assert fit_choice(alternatives, chosen, [2.0] * 40, FREE).weights == pytest.approx(twice.weights, abs=2e-3)
    assert fit_choice(alternatives, chosen, [1.0] * 40, FREE).weights != pytest.approx(twice.weights, abs=2e-3)


@pytest.mark.parametrize("kind", ["binary", "choice"])
def test_what_separates_all_examples_gets_a_finite_weight(kind: str) -> None:
    if kind == "binary":
        found = fit_binary([{"a": value} for value in (-1.0, 1.0)] * 20, [False, True] * 20, [1.0] * 40, {"a": 1})
        assert found.intercept == pytest.approx(0, abs=1e-3)
    else:
        found = fit_choice([[{"a": 0.0}, {"a": 1.0}]] * 40, [1] * 40, [1.0] * 40, {"a": 1})
    weight = found.weights["a"]
    # There the penalty's slope is that of the loss of 40 examples.
    assert 0.05 * weight == pytest.approx(40 / (1 + math.exp(weight)), rel=0.02)


def test_an_example_with_one_alternative_says_nothing() -> None:
    alternatives, chosen = choices()
    several = [number for number, some in enumerate(alternatives) if len(some) > 1]
    found = [
        fit_choice(
            [alternatives[number] for number in kept], [chosen[number] for number in kept], [1.0] * len(kept), FREE
        )
        for kept in (range(EXAMPLES), several)
    ]
    assert found[0].weights == pytest.approx(found[1].weights, abs=2e-3)

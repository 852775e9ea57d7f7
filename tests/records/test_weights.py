"""Logistic models of cues."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluate.fit.run import SIGNS
from pipeline.records.errors import ConfigError
from pipeline.records.weights import NAMES, CueModel, Weights

MODEL = CueModel({"a": 2.0, "b": -1.0}, intercept=0.5)


@pytest.mark.parametrize(
    ("cues", "log_odds", "probability"),
    [
        ({"a": 0.0, "b": 0.5}, 0.0, 0.5),
        ({"a": 0.0, "b": 0.5 - math.log(4)}, math.log(4), 0.8),
        ({"a": 0.0, "b": 0.5 + math.log(4)}, -math.log(4), 0.2),
        ({"a": 1.0, "b": 0.0}, 2.5, 1 / (1 + math.exp(-2.5))),
        # Cues that no weight names do not count.
        ({"a": 1.0, "b": 1.0, "c": 9.0}, 1.5, 1 / (1 + math.exp(-1.5))),
        ({"a": 1e6, "b": 0.0}, 2e6 + 0.5, 1.0),
        ({"a": -1e6, "b": 0.0}, -2e6 + 0.5, 0.0),
    ],
)
def test_log_odds_are_the_weighted_sum_of_cues(cues: Mapping[str, float], log_odds: float, probability: float) -> None:
    assert MODEL.log_odds(cues) == pytest.approx(log_odds, abs=1e-12)
    assert MODEL.probability(cues) == pytest.approx(probability, abs=1e-12)


def test_a_cue_that_was_not_measured_is_an_error() -> None:
    with pytest.raises(KeyError):
        MODEL.probability({"a": 1.0})


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], []),
        ([3.0], [1.0]),
        ([0.0, 0.0], [0.5, 0.5]),
        ([math.log(3), 0.0], [0.75, 0.25]),
        ([math.log(2), math.log(5), math.log(3)], [0.2, 0.5, 0.3]),
        ([1e5, 0.0], [1.0, 0.0]),
        ([-1e5, -1e5 - math.log(3)], [0.75, 0.25]),
    ],
)
@pytest.mark.parametrize("intercept", [0.0, -40.0])
def test_alternatives_share_one_by_their_odds(scores: list[float], expected: list[float], intercept: float) -> None:
    found = CueModel({"a": 0.5}, intercept).shares([{"a": 2 * score} for score in scores])
    np.testing.assert_allclose(found, expected, atol=1e-9)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=6))
def test_shares_sum_to_one_and_rise_with_a_cue_of_positive_weight(values: list[float]) -> None:
    found = CueModel({"a": 1.5}).shares([{"a": value} for value in values])
    assert found.sum() == pytest.approx(1.0)
    assert (np.diff(found[np.argsort(values, kind="stable")]) >= -1e-12).all()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "1"])
@pytest.mark.parametrize("make", [lambda value: CueModel({"a": value}), lambda value: CueModel({"a": 1.0}, value)])
def test_weights_are_finite_numbers(make: Any, value: Any) -> None:
    with pytest.raises(ConfigError, match="must be a number of at most"):
        make(value)


def test_models_may_be_given_as_plain_mappings() -> None:
    plain: dict[str, Any] = {name: {"weights": {"a": 2.0, "b": -1.0}, "intercept": 0.5} for name in NAMES}
    assert all(Weights(plain)[name] == MODEL for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_must_be_there(name: str) -> None:
    with pytest.raises(ConfigError, match=f"lacks {name}"):
        Weights({other: MODEL for other in NAMES if other != name})


@pytest.mark.parametrize("name", NAMES)
def test_shipped_weights_have_the_cues_and_signs_that_reason_demands(name: str) -> None:
    weights = Weights.shipped()[name].weights
    assert weights.keys() == SIGNS[name].keys()
    wrong = {cue: weight for cue, weight in weights.items() if weight * SIGNS[name][cue] < 0}
    assert wrong == {}

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluate.bootstrap import bound_of, interval_of
from pipeline.evaluate.claims.scores import (
    FIGURES,
    TAILS,
    Judgement,
    balanced_accuracy,
    figure_intervals,
    reliability,
    risk_coverage_curve,
    scores,
    tails,
)


def judgement(truth: bool, probability: float | None, decided: bool = True, group: str = "g") -> Judgement:
    return Judgement("closer", truth, probability, decided and probability is not None, group)


@pytest.mark.parametrize(
    "probability, truth, confidence, error",
    [
        (0.9, True, 0.9, 0),
        (0.9, False, 0.9, 1),
        (0.1, False, 0.9, 0),
        (0.1, True, 0.9, 1),
        (0.5, True, 0.5, 0.5),
        (None, False, 0.5, 0.5),
    ],
)
def test_a_judgement_stands_for_its_likelier_answer(
    probability: float | None, truth: bool, confidence: float, error: float
) -> None:
    made = judgement(truth, probability)
    assert (made.confidence, made.error) == (confidence, error)


def test_accuracy_counts_decided_claims_and_coverage_all() -> None:
    made = [judgement(True, 0.99), judgement(True, 0.02), judgement(False, 0.7, decided=False), judgement(True, None)]
    found = scores(made)
    assert (found.claims, found.coverage, found.accuracy) == (4, 0.5, 0.5)
    assert found.forced_accuracy == (1 + 0 + 0 + 0.5) / 4


def test_the_empty_set_has_no_figures() -> None:
    found = scores([])
    assert found.claims == 0
    assert all(math.isnan(value) for value in (found.coverage, found.accuracy, found.risk_coverage_area))


def test_risk_falls_if_the_most_confident_claims_are_correct() -> None:
    made = [judgement(True, 0.6), judgement(True, 0.95), judgement(True, 0.2), judgement(False, 0.1)]
    coverage, risk = risk_coverage_curve(made)
    # By confidence: 0.95 correct, 0.9 correct, 0.8 wrong, 0.6 correct.
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert risk == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert scores(made).risk_coverage_area == pytest.approx((1 / 3 + 1 / 4) / 4)


def test_equal_confidence_enters_together_whatever_the_order() -> None:
    correct, wrong = judgement(True, 0.8), judgement(False, 0.8)
    for made in ([correct, wrong], [wrong, correct]):
        assert risk_coverage_curve(made)[1] == pytest.approx([0.5, 0.5])


def test_reliability_bins_hold_all_measured_claims() -> None:
    made = [
        judgement(True, 1.0),
        judgement(True, 0.95),
        judgement(False, 0.0),
        judgement(True, 0.55),
        judgement(True, None),
    ]
    bins = reliability(made)
    assert [(item.count, item.true_share) for item in bins] == [(1, 0), (1, 1), (2, 1)]
    assert bins[-1].probability == pytest.approx(0.975)


def test_calibration_error_is_the_mean_gap() -> None:
    # Ten claims of probability 0.8, six of them true; ten of 0.1, one true.
    made = [judgement(k < 6, 0.8) for k in range(10)] + [judgement(k < 1, 0.1) for k in range(10)]
    assert scores(made).calibration_error == pytest.approx((0.2 + 0.0) / 2)
    assert math.isnan(scores([judgement(True, None)]).calibration_error)


@pytest.mark.parametrize(
    "made, all_claims, decided",
    [
        ([judgement(True, 0.9), judgement(False, 0.1)], 1, 1),
        ([judgement(True, None), judgement(False, None)], 0.5, math.nan),
        ([judgement(True, 0.9), judgement(True, 0.1), judgement(False, 0.1)], 0.75, 0.75),
        ([judgement(True, 0.9), judgement(True, 0.4, decided=False), judgement(False, 0.1)], 0.75, 1),
        ([judgement(True, 0.9)], math.nan, math.nan),
    ],
)
def test_balanced_accuracy_gives_true_and_false_claims_equal_weight(
    made: list[Judgement], all_claims: float, decided: float
) -> None:
    assert balanced_accuracy(made) == pytest.approx(all_claims, nan_ok=True)
    assert balanced_accuracy(made, decided_only=True) == pytest.approx(decided, nan_ok=True)


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
def test_figures_are_those_of_the_curve_and_of_the_diagram(seed: int) -> None:
    made = judgements(seed)
    found, bins = scores(made), reliability(made)
    assert found.risk_coverage_area == pytest.approx(risk_coverage_curve(made)[1].mean())
    gaps = [item.count * abs(item.probability - item.true_share) for item in bins]
    assert found.calibration_error == pytest.approx(sum(gaps) / sum(item.count for item in bins))


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
        expected = interval_of([getattr(one, figure) for one in drawn], len(groups))
        assert found[figure] == pytest.approx(expected, abs=1e-9), figure


def test_undefined_figures_are_nan_and_the_others_are_not() -> None:
    undecided = [Judgement("closer", True, None, False, f"g{index}") for index in range(7)]
    found = figure_intervals(undecided)
    assert found["coverage"] == bound_of(0.0, 7)
    assert all(math.isnan(found[name][0]) for name in FIGURES[1:]), "all draws are the same"


def test_a_share_of_all_claims_is_bounded_by_the_groups_that_have_it() -> None:
    # All claims are judged correctly; three of ten scenes have decided claims.
    made = [Judgement("closer", True, 0.99 if k < 3 else 0.8, k < 3, f"g{k}") for k in range(10) for _ in range(4)]
    found = figure_intervals(made)
    assert found["accuracy"] == bound_of(1.0, 3) and found["forced_accuracy"] == bound_of(1.0, 10)
    assert not math.isnan(found["coverage"][0])
    assert math.isnan(found["risk_coverage_area"][0]), "no bound follows from an area of 0"
    assert all(math.isnan(end) for interval in figure_intervals(made, draws=0).values() for end in interval)


def test_the_accuracy_of_few_decided_groups_has_no_interval() -> None:
    def interval(decided: int) -> tuple[float, float]:
        made = [
            Judgement("closer", k % 3 > 0 or g % 2 > 0, 0.99, g < decided, f"g{g}") for g in range(20) for k in range(3)
        ]
        return figure_intervals(made)["accuracy"]

    assert math.isnan(interval(5)[0]) and not math.isnan(interval(6)[0])


@pytest.mark.parametrize("sign", [1, -1])
def test_tails_count_the_most_certain_verdicts_and_their_mistakes(sign: int) -> None:
    def certain(error: float, correct: bool, group: str, decided: bool = True) -> Judgement:
        probability = 1 - error if sign > 0 else error
        return judgement(correct is (sign > 0), probability, decided, group)

    made = [
        certain(0.01, False, "a"),
        certain(0.009, False, "a"),
        certain(0.005, True, "b", decided=False),
        certain(0.001, True, "c"),
        certain(0.0005, True, "c"),
        certain(0.0, False, "d"),
        judgement(True, None),
        judgement(True, 0.5),
    ]
    one_in_100, one_in_1000 = tails(made)
    assert (one_in_100.below, one_in_1000.below) == TAILS == (0.01, 0.001)
    assert (one_in_100.verdicts, one_in_100.groups, one_in_100.wrong) == (5, 4, 2), "the limit itself is not below it"
    assert (one_in_1000.verdicts, one_in_1000.groups, one_in_1000.wrong) == (2, 2, 1)
    assert one_in_100.stated_error == pytest.approx((0.009 + 0.005 + 0.001 + 0.0005) / 5)
    assert one_in_1000.stated_error == pytest.approx(0.00025)


def test_a_tail_without_a_mistake_is_bounded_by_its_scenes() -> None:
    made = [judgement(True, 0.9999, group=f"g{k % 12}") for k in range(60)]
    assert all(tail.wrong_interval == bound_of(0.0, 12) for tail in tails(made))
    (nothing, _) = tails([judgement(True, 0.9)])
    assert (nothing.verdicts, nothing.wrong) == (0, 0)
    assert math.isnan(nothing.stated_error) and all(map(math.isnan, nothing.wrong_interval))

"""Fits of calibration on simulated verdicts, and the guarantee."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluate.fit.calibration import (
    Stated,
    _counts,
    effective_count,
    fit_curve,
    hoeffding_bentkus,
    missing_scenes,
)
from pipeline.records.calibration import Curve

LIMITS = {"risk": 0.05, "confidence": 0.9}
# Leaves every probability as it is.
PLAIN = Curve(1.0, 1 - 1e-12)


def simulated(slope: float, stray: float, count: int = 8000, *, per_scene: int = 1, seed: int = 0) -> list[Stated]:
    """Verdicts whose log-odds are off by a factor, and a share of which are wrong however certain they are."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 3, count)
    holds = stray + (1 - 2 * stray) / (1 + np.exp(-slope * odds))
    truths = rng.random(count) < holds
    return [
        Stated("order/measured", f"scene {number // per_scene}", 1 / (1 + math.exp(-value)), bool(truth))
        for number, (value, truth) in enumerate(zip(odds.tolist(), truths, strict=True))
    ]


@pytest.mark.parametrize(("slope", "stray"), [(1.0, 0.0), (0.5, 0.0), (2.0, 0.0), (1.0, 0.05), (0.5, 0.05), (1.5, 0.2)])
def test_a_fit_recovers_the_slope_and_the_share_of_strays(slope: float, stray: float) -> None:
    found = fit_curve(simulated(slope, stray), **LIMITS)
    assert found.slope == pytest.approx(slope, rel=0.12)
    assert 1 - found.most == pytest.approx(stray, abs=0.015)
    assert (found.verdicts, found.scenes) == (8000, 8000)


def test_calibrated_probabilities_are_as_often_correct_as_they_say() -> None:
    stated = simulated(0.5, 0.05, seed=1)
    curve = fit_curve(stated, **LIMITS)
    fresh = simulated(0.5, 0.05, seed=2)
    found = np.array([curve.apply(item.probability) for item in fresh])
    truths = np.array([item.truth for item in fresh])
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (found >= low) & (found < low + 0.2)
        assert truths[chosen].mean() == pytest.approx(found[chosen].mean(), abs=0.03)


def test_verdicts_that_are_wrong_more_often_than_not_are_drawn_to_one_half_and_not_turned_around() -> None:
    wrong = [replace(item, truth=not item.truth) for item in simulated(1.0, 0.0, 2000)]
    curve = fit_curve(wrong, **LIMITS)
    assert 0.5 < curve.apply(0.99) < 0.6


@pytest.mark.parametrize("count", [1, 3, 20, 200])
def test_no_curve_is_surer_than_the_verdicts_behind_it(count: int) -> None:
    certain = [Stated("order/measured", f"scene {number}", 0.999999, True) for number in range(count)]
    curve = fit_curve(certain, **LIMITS)
    assert 1 - curve.most == pytest.approx(min(1 / (count + 1), 0.4), abs=1e-4)
    # Verdicts of one scene count for less.
    together = fit_curve([replace(item, scene="one") for item in certain], **LIMITS)
    assert 1 - together.most == pytest.approx(min(1 / (1 + 0.3 * (count - 1) + 1), 0.4), abs=1e-4)
    assert together.scenes == 1


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_certain_verdict_that_is_wrong_leaves_the_fit_finite(probability: float) -> None:
    stated = [*simulated(1.0, 0.0, 100), Stated("order/measured", "other", probability, probability < 0.5)]
    curve = fit_curve(stated, **LIMITS)
    assert 0.05 <= curve.slope <= 3 and 0.5 < curve.most < 1


def test_a_claim_and_its_opposite_say_the_same() -> None:
    stated = simulated(0.6, 0.05, 1000)
    opposite = [replace(item, probability=1 - item.probability, truth=not item.truth) for item in stated]
    one, other = fit_curve(stated, **LIMITS), fit_curve(opposite, **LIMITS)
    assert (one.slope, one.most) == pytest.approx((other.slope, other.most), abs=2e-3)


@pytest.mark.parametrize(
    ("scenes", "count"), [([], 0.0), (["a"], 1.0), (["a", "b"], 2.0), (["a", "a"], 1.3), (["a", "b", "a", "a"], 2.6)]
)
def test_further_verdicts_of_a_scene_count_three_tenths(scenes: Sequence[str], count: float) -> None:
    assert effective_count(scenes) == pytest.approx(count)


def many(count: int, name: str, *, per_scene: int = 1, is_rendered: bool = False) -> list[Stated]:
    return [
        Stated("order/measured", f"{name} {number // per_scene}", 0.9, True, is_rendered) for number in range(count)
    ]


@pytest.mark.parametrize(
    ("real", "rendered", "weight_of_rendered"),
    [
        # Rendered verdicts weigh no more than real ones, or than twenty; alone, they weigh in full.
        (100, 50, 50.0),
        (100, 1000, 100.0),
        (5, 1000, 20.0),
        (5, 10, 10.0),
        (0, 1000, 1000.0),
    ],
)
def test_rendered_verdicts_do_not_outweigh_real_ones(real: int, rendered: int, weight_of_rendered: float) -> None:
    counts = _counts([*many(real, "real"), *many(rendered, "rendered", is_rendered=True)])
    np.testing.assert_allclose(counts[:real], 1.0)
    assert counts[real:].sum() == pytest.approx(weight_of_rendered)


def test_the_weight_of_a_scene_is_that_of_its_independent_verdicts() -> None:
    counts = _counts([*many(4, "real", per_scene=4), *many(1, "other")])
    np.testing.assert_allclose(counts, [1.9 / 4] * 4 + [1.0])


@pytest.mark.parametrize(
    ("mean", "count", "risk", "expected"),
    [
        # Without an error: Hoeffding gives (1 - risk)^n.
        (0.0, 45, 0.05, 0.95**45),
        (0.0, 10, 0.1, 0.9**10),
        # exp(-100 (0.02 ln 0.2 + 0.98 ln(0.98 / 0.9))) = 0.00594; e P(Binomial(100, 0.1) <= 2) = 0.00528.
        (0.02, 100, 0.1, math.e * (0.9**100 + 100 * 0.1 * 0.9**99 + 4950 * 0.01 * 0.9**98)),
        # Of 10 with mean 0.05, Bentkus rounds up to one; exp(-10 (0.05 ln 0.25 + 0.95 ln(0.95 / 0.8))) is less.
        (0.05, 10, 0.2, math.exp(-10 * (0.05 * math.log(0.25) + 0.95 * math.log(0.95 / 0.8)))),
        (0.05, 100, 0.05, 1.0),
        (0.2, 100, 0.05, 1.0),
        (0.0, 1, 0.05, 0.95),
    ],
)
def test_the_p_value_is_the_smaller_of_two_bounds(mean: float, count: int, risk: float, expected: float) -> None:
    assert hoeffding_bentkus(mean, count, risk) == pytest.approx(expected, rel=1e-9)


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.01, 0.4))
def test_the_p_value_falls_with_more_scenes_and_fewer_errors(count: int, errors: int, risk: float) -> None:
    errors = min(errors, count)
    value = hoeffding_bentkus(errors / count, count, risk)
    assert 0 <= value <= 1
    assert hoeffding_bentkus(errors / (count + 1), count + 1, risk) <= value + 1e-12
    assert hoeffding_bentkus(min(errors + 1, count) / count, count, risk) >= value - 1e-12


@pytest.mark.parametrize(("mean", "count"), [(0.0, 12), (0.05, 40), (0.1, 60)])
def test_the_bound_holds_as_often_as_it_says(mean: float, count: int) -> None:
    # The share of samples that reject the hypothesis that the risk is at least 0.2, at a level of 0.1, where it is 0.2.
    risk, level = 0.2, 0.1
    errors = np.random.default_rng(count).binomial(count, risk, 4000) / count
    assert np.mean([hoeffding_bentkus(float(error), count, risk) <= level for error in errors]) <= level
    assert hoeffding_bentkus(mean, count, risk) <= level, "and it does reject"


def decided(*wrong: float, undecided: int = 0) -> list[Stated]:
    """Scenes of ten decided verdicts, a share of which is wrong, and scenes of undecided ones."""
    found = [
        Stated(
            "order/measured", f"scene {scene}", 0.99 if number % 2 else 0.01, bool(number % 2) is (number >= 10 * share)
        )
        for scene, share in enumerate(wrong)
        for number in range(10)
    ]
    return found + [Stated("order/measured", f"open {number}", 0.9, False) for number in range(undecided)]


@pytest.mark.parametrize(
    ("stated", "risk", "confidence", "missing"),
    [
        # 0.95^44 > 0.1 >= 0.95^45, 0.9^21 > 0.1 >= 0.9^22, 0.95^58 > 0.05 >= 0.95^59.
        (decided(*[0.0] * 10), 0.05, 0.9, 35),
        (decided(*[0.0] * 44), 0.05, 0.9, 1),
        (decided(*[0.0] * 45), 0.05, 0.9, 0),
        (decided(*[0.0] * 60), 0.05, 0.9, 0),
        (decided(*[0.0] * 10), 0.1, 0.9, 12),
        (decided(*[0.0] * 10), 0.05, 0.95, 49),
        # Undecided verdicts are no error, and no evidence either.
        (decided(*[0.0] * 10, undecided=100), 0.05, 0.9, 35),
        (decided(undecided=5), 0.05, 0.9, 45),
    ],
)
def test_the_guarantee_needs_so_many_scenes_without_an_error(
    stated: list[Stated], risk: float, confidence: float, missing: int
) -> None:
    assert missing_scenes(PLAIN, stated, risk=risk, confidence=confidence) == missing


def test_wrong_verdicts_cost_scenes_by_their_share_of_a_scene() -> None:
    found = [missing_scenes(PLAIN, decided(share, *[0.0] * 44), **LIMITS) for share in (0.0, 0.1, 0.5, 1.0)]
    assert found[0] == 0
    assert found == sorted(set(found))
    for share, more in zip((0.1, 0.5, 1.0), found[1:], strict=True):
        count = 45 + more
        assert hoeffding_bentkus(share / count, count, 0.05) <= 0.1
        assert hoeffding_bentkus(share / (count - 1), count - 1, 0.05) > 0.1


def test_what_the_curve_leaves_undecided_is_no_evidence() -> None:
    stated = decided(*[0.0] * 45)
    assert missing_scenes(Curve(1.0, 0.94), stated, **LIMITS) == 45
    assert missing_scenes(Curve(0.5, 1 - 1e-12), stated, **LIMITS) == 45
    assert missing_scenes(Curve(0.7, 1 - 1e-12), stated, **LIMITS) == 0


def test_a_fitted_curve_says_what_its_guarantee_lacks() -> None:
    certain = [Stated("order/measured", f"scene {number}", 0.999999, True) for number in range(60)]
    assert fit_curve(certain, **LIMITS).missing_scenes == 0
    assert fit_curve(certain[:30], **LIMITS).missing_scenes == 15
    assert fit_curve(certain[:30], risk=0.1, confidence=0.9).missing_scenes == 0


def test_a_curve_holds_mean_and_deviation_of_the_features_of_depth_maps_not_of_verdicts() -> None:
    maps = [{"samples": 8.0, "holes": 0.1}, {"samples": 10.0, "holes": 0.1}, {"samples": 9.0}]
    stated = [
        Stated("order/measured", f"scene {number}", 0.9, True, features=maps[number])
        for number in (0, 0, 0, 0, 0, 1, 2)
    ]
    assert fit_curve(stated, **LIMITS).features == {"samples": (9.0, round((2 / 3) ** 0.5, 3)), "holes": (0.1, 0.05)}

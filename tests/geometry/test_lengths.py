"""Probabilities of claimed lengths and shares."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.geometry.lengths import length_probability, share_probability

sigmas = st.floats(0.005, 0.3)
slacks = st.floats(0.05, 0.5)


@settings(max_examples=40)
@given(sigmas, slacks, st.sampled_from((-1, 1)))
def test_a_length_that_fits_less_is_less_probable(sigma: float, slack: float, side: int) -> None:
    least, most = 1 - slack, 1 + slack
    # From the middle of what is allowed to ten times too long or too short, all in the logarithm.
    middle = (math.log(least) + math.log(most)) / 2
    steps = [math.exp(middle + side * 0.1 * count) for count in range(23)]
    found = [length_probability(least, most, measured, sigma) for measured in steps]
    assert all(second <= first + 1e-3 for first, second in pairwise(found))
    assert found[0] > 0.5 > found[-1]


@given(st.floats(0.2, 5.0), slacks)
def test_a_coarse_measurement_gives_about_one_half(measured: float, slack: float) -> None:
    assert 0.35 < length_probability(1 - slack, 1 + slack, measured, 5.0) < 0.65


@given(st.floats(0.1, 10), slacks, sigmas)
def test_a_coarser_measurement_is_less_certain(measured: float, slack: float, sigma: float) -> None:
    fine, coarse = (length_probability(1 - slack, 1 + slack, measured, factor * sigma) for factor in (1, 4))
    # At the very boundary of what is allowed both are about one half.
    assume(abs(fine - 0.5) > 0.3)
    assert abs(coarse - 0.5) <= abs(fine - 0.5) + 0.02


@given(st.floats(0.01, 100), st.floats(0.3, 3), slacks, sigmas, st.floats(0, 0.5), st.booleans())
def test_only_ratios_of_lengths_count(
    factor: float, measured: float, slack: float, sigma: float, mean: float, is_hidden: bool
) -> None:
    part = {"hidden" if is_hidden else "covered": mean}
    plain = length_probability(1 - slack, 1 + slack, measured, sigma, **part)
    scaled = length_probability(factor * (1 - slack), factor * (1 + slack), factor * measured, sigma, **part)
    assert scaled == pytest.approx(plain, abs=1e-6)


@given(st.floats(0.1, 10), sigmas)
def test_at_least_and_at_most_exclude_each_other(measured: float, sigma: float) -> None:
    at_least, at_most = length_probability(1, math.inf, measured, sigma), length_probability(0, 1, measured, sigma)
    assert at_least + at_most == pytest.approx(1, abs=1e-6)
    if abs(math.log(measured)) > 3 * sigma:
        assert (at_least > 0.5) is (measured > 1)


@pytest.mark.parametrize("claimed", [1.3, 1.6, 2.0])
def test_a_hidden_part_makes_more_than_was_measured_possible(claimed: float) -> None:
    least, most = 0.95 * claimed, 1.05 * claimed
    found = [length_probability(least, most, 1.0, 0.02, hidden=mean) for mean in (0.0, 0.2, 0.5)]
    assert found[0] < 0.05 < found[1] and found[0] < 0.05 < found[2]
    assert length_probability(least, most, 1.0, 0.02, covered=0.5) < 0.05


def test_a_partly_hidden_length_is_less_certain_to_be_exact() -> None:
    whole, part = (length_probability(0.9, 1.1, 1.0, 0.02, hidden=mean) for mean in (0.0, 0.4))
    assert 0.5 < part < whole


@given(st.floats(1.05, 3.0), st.floats(0.05, 0.5))
def test_hidden_and_covered_mirror_each_other(ratio: float, mean: float) -> None:
    hidden = length_probability(0.9 * ratio, ratio / 0.9, 1.0, 0.05, hidden=mean)
    covered = length_probability(0.9 / ratio, 1 / (0.9 * ratio), 1.0, 0.05, covered=mean)
    assert hidden == pytest.approx(covered, abs=1e-6)


# What is measured, and hidden or covered parts.
lengths, parts = st.floats(1e-6, 1e3), st.floats(0, 3)


@given(st.floats(0, 10), st.floats(0, 10), lengths, st.floats(0, 5), parts, parts)
def test_it_is_always_a_probability(
    least: float, more: float, measured: float, sigma: float, hidden: float, covered: float
) -> None:
    assert 0 <= length_probability(least, least + more, measured, sigma, hidden=hidden, covered=covered) <= 1


@pytest.mark.parametrize(
    "allowed, measured, is_correct",
    [
        ((0.45, 0.55), (0.48, 0.52), True),
        ((0.45, 0.55), (0.05, 0.08), False),
        ((0.45, 0.55), (0.9, 0.95), False),
        ((0.0, 0.3), (0.1, 0.15), True),
        ((0.0, 0.3), (0.6, 0.7), False),
        ((0.6, 1.0), (0.8, 0.9), True),
        ((0.6, 1.0), (0.1, 0.2), False),
        ((0.0, 1.0), (0.2, 0.4), True),
    ],
)
def test_a_narrow_bound_of_a_share_decides(
    allowed: tuple[float, float], measured: tuple[float, float], is_correct: bool
) -> None:
    found = share_probability(*allowed, *measured, 0.02)
    assert found > 0.9 if is_correct else found < 0.1


def test_a_share_known_only_to_be_anything_is_open() -> None:
    assert 0.3 < share_probability(0.4, 0.6, 0.0, 1.0, 0.02) < 0.8


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.5))
def test_a_share_always_has_a_probability(a: float, b: float, c: float, d: float, sigma: float) -> None:
    assert 0 <= share_probability(min(a, b), max(a, b), min(c, d), max(c, d), sigma) <= 1

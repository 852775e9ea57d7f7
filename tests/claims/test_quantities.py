from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.quantities import MEASURE, parse_count, parse_quantity


@pytest.mark.parametrize(
    ("words", "value", "unit", "comparison", "tolerance"),
    [
        ("2", 2, None, "about", None),
        ("2 m", 2, "m", "about", None),
        ("1,200 mm", 1200, "mm", "about", None),
        ("1.5-2 m", 1.75, "m", "about", 0.25),
        ("half a metre", 0.5, "m", "about", None),
        ("three feet", 3, "ft", "about", None),
        ("30%", 0.3, "fraction", "about", None),
        ("6 inches", 6, "in", "about", None),
        ("2 km", 2000, "m", "about", None),
        ("roughly 2m", 2, "m", "about", None),
        (">= 2 m", 2, "m", "at_least", None),
        ("less than 2 m", 2, "m", "at_most", None),
        ("半米", 0.5, "m", "about", None),
        ("约30厘米", 30, "cm", "about", None),
        ("30厘米左右", 30, "cm", "about", None),
        ("至少两米", 2, "m", "at_least", None),
        ("2米以内", 2, "m", "at_most", None),
    ],
)
def test_a_quantity_is_read(
    words: str, value: float, unit: str | None, comparison: str, tolerance: float | None
) -> None:
    quantity = parse_quantity(words)
    assert quantity is not None
    assert (quantity.value, quantity.unit, quantity.comparison) == (pytest.approx(value), unit, comparison)
    assert quantity.tolerance == tolerance


@pytest.mark.parametrize("words", ["", "m", "far", "2 apples", "m 2", "2 m 3", "1" * 100, "two of them"])
def test_what_is_no_quantity_is_refused(words: str) -> None:
    assert parse_quantity(words) is None


@pytest.mark.parametrize(
    ("words", "count"), [("3", 3), ("three", 3), ("三", 3), ("两", 2), ("a", None), ("half", None)]
)
def test_a_count_is_a_whole_number(words: str, count: int | None) -> None:
    assert parse_count(words) == count


@given(
    st.integers(0, 10_000), st.sampled_from(["m", "cm", "metres", "厘米", "ft", "%"]), st.sampled_from(["", "about "])
)
def test_what_the_pattern_matches_can_be_read(number: int, unit: str, prefix: str) -> None:
    words = f"{prefix}{number} {unit}".replace(" %", "%")
    assert re.fullmatch(MEASURE, words)
    quantity = parse_quantity(words)
    assert quantity is not None and quantity.unit is not None

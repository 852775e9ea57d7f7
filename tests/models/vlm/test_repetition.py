from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.vlm.repetition import WINDOW, is_looping

BOX_LIST = [token for box in range(30) for token in (90, 91, 92, box // 10, box % 10, 93, 7, 7, 7, 94, 95, 96)]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], False),
        ([0, 0, 0], False),
        ([5] * 63, False),
        ([5] * 64, True),
        ([1, 2, 3, 4] * 15, False),
        ([1, 2, 3, 4] * 16, True),
        (BOX_LIST, False),
        (BOX_LIST + BOX_LIST[-12:] * 5, True),
        ([*[5] * 100, 6], False),
        (list(range(128)) * 2, False),
        (list(range(128)) * 3, True),
        (list(range(129)) * 4, False),
    ],
)
def test_a_loop_is_three_equal_cycles_of_enough_tokens(tokens: list[int], expected: bool) -> None:
    assert is_looping(tokens) is expected


@given(st.lists(st.integers(0, 9), min_size=1, max_size=128), st.lists(st.integers(0, 9), max_size=200))
def test_every_cycle_is_found_whatever_stands_before_it(cycle: list[int], before: list[int]) -> None:
    tokens = before + cycle * max(3, -(-64 // len(cycle)))
    assert is_looping(tokens)
    assert is_looping(tokens[-WINDOW:])


@given(st.lists(st.integers(0, 999), max_size=300, unique=True))
def test_distinct_tokens_are_no_loop(tokens: list[int]) -> None:
    assert not is_looping(tokens)

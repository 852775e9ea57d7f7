from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.vlm.repetition import WINDOW, RepetitionWatch, is_looping

BOX = '{"label": "red cup", "bbox_2d": [120, 340, 560, 789]}, '
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


def grouped(text: str, longest: int) -> Iterator[str]:
    """The text in pieces of random length, as a busy server sends it."""
    random, start = np.random.default_rng(longest), 0
    while start < len(text):
        length = int(random.integers(1, longest + 1))
        yield text[start : start + length]
        start += length


@pytest.mark.parametrize("longest", [1, 4, 40, 5000])
@pytest.mark.parametrize(
    "cycle",
    [BOX, "0", "好", "杯子在盒子的左侧，", "left ", "|---", "-", " ", "a" * 50, "no, right. No, left. " + BOX],
)
def test_a_repetition_is_seen_however_it_is_grouped(cycle: str, longest: int) -> None:
    watch = RepetitionWatch()
    assert any(watch.sees(piece) for piece in grouped("The answer is: " + cycle * (8000 // len(cycle)), longest))


OBJECTS = [
    {"label": label, "bbox_2d": [17 * number % 1000, 31 * number % 1000, 41 * number % 1000, 997 - number]}
    for number, label in enumerate(["cup", "box", "chair", "red lamp"] * 20)
]


@pytest.mark.parametrize("longest", [1, 4, 40, 5000])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=4),
        "| object | left | right |\n|---|---|---|\n" + "\n".join(f"| {n} | {n * n} | {-n} |" for n in range(60)),
        "Distance: 0." + "0" * 40 + "1\n" + "-" * 200 + "\n" + " " * 200 + "\n" + "=" * 200,
        "。".join(f"第{number}个杯子在第{number * 7}个盒子的左侧" for number in range(60)),
        "The cup is left of the box. " * 2 + "The box is left of the lamp. " * 2,
    ],
)
def test_what_a_model_may_well_say_is_no_repetition(text: str, longest: int) -> None:
    watch = RepetitionWatch()
    assert not any(watch.sees(piece) for piece in grouped(text, longest))

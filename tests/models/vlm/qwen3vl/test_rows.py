from __future__ import annotations

import numpy as np
import pytest

from pipeline.models.vlm.qwen3vl.encoding import EncodedPrompt
from pipeline.models.vlm.qwen3vl.rows import Endings, Row

END, NEW_LINE, CLOSE = 90, 91, 92


def row(most: int | None = None, *, thinking: bool = True, close: tuple[int, ...] = (NEW_LINE, CLOSE)) -> Row:
    positions = np.zeros((3, 1), np.int64)
    prompt = EncodedPrompt(np.array([1]), np.array([1]), positions, (), (), opens_thought=thinking)
    return Row(prompt, Endings(100, most, frozenset({END}), close))


def said(grown: Row, chosen: list[int]) -> list[int]:
    for token in chosen:
        if not grown.is_done:
            grown.append(token)
    return grown.tokens


@pytest.mark.parametrize(
    "most, chosen, tokens",
    [
        (None, [1, 2, 3, 4], [1, 2, 3, 4]),
        (0, [1, 2, 3, 4], [NEW_LINE, CLOSE, 3, 4]),
        (2, [1, 2, 3, 4, 5], [1, 2, NEW_LINE, CLOSE, 5]),
        (2, [1, 2, END, 4, 5], [1, 2, NEW_LINE, CLOSE, 5]),
        (2, [1, CLOSE, 3, 4, 5], [1, CLOSE, 3, 4, 5]),
        (2, [1, 2, CLOSE, 4, 5], [1, 2, CLOSE, 4, 5]),
        (2, [1, END], [1, END]),
        (2, [1, 2, 3, 4, CLOSE, 6], [1, 2, NEW_LINE, CLOSE, CLOSE, 6]),
    ],
    ids=["no limit", "none", "too long", "ends too late", "short", "just ends", "never closed", "closed twice"],
)
def test_a_reasoning_is_closed_at_its_limit_and_only_once(
    most: int | None, chosen: list[int], tokens: list[int]
) -> None:
    assert said(row(most), chosen) == tokens


@pytest.mark.parametrize("rest", [{"thinking": False}, {"close": ()}])
def test_what_does_not_reason_is_left_alone(rest: dict[str, object]) -> None:
    assert said(row(0, **rest), [1, 2, 3]) == [1, 2, 3]  # type: ignore[arg-type]


def test_an_output_ends_at_its_end_token_its_limit_or_a_loop() -> None:
    ended, long, looping = row(), row(), row()
    assert said(ended, [1, END, 2]) == [1, END]
    assert len(said(long, list(range(1, 90)) * 2)) == 100
    assert len(said(looping, [7, 8] * 50)) == 64
    assert [(one.finished, one.looping) for one in (ended, long, looping)] == [
        (True, False),
        (False, False),
        (False, True),
    ]

from __future__ import annotations

import pytest

from pipeline.claims.reasoning import is_cut_off, split_reasoning


@pytest.mark.parametrize(
    ("raw", "text", "reasoning"),
    [
        ("No tags\n", "No tags\n", None),
        ("<think>Left?</think>\n\nRight.", "Right.", "Left?"),
        ("I look.\n</think>\n\nRight.", "Right.", "I look."),
        ("<think>a</think>x<think>b</think>y", "y", "axb"),
        ("<think>It is left, or", "", "It is left, or"),
        ("<think>Hm.\nFinal answer: left.", "Final answer: left.", "Hm."),
        ('<think>Hm.\n[{"bbox_2d": [1, 2, 3, 4]}]\n', '[{"bbox_2d": [1, 2, 3, 4]}]', "Hm."),
        ('<think>Say [{"bbox_2d": [1, 2, 3, 4]}] or not', "", 'Say [{"bbox_2d": [1, 2, 3, 4]}] or not'),
        ("Before <think>a</think> after", "Before  after", "a"),
        ("<think></think>Left.", "Left.", ""),
        ("<THINK>a</Think>b", "b", "a"),
        ("a</think>b<think>c", "b", "a\nc"),
    ],
)
def test_reasoning_is_split_off(raw: str, text: str, reasoning: str | None) -> None:
    assert split_reasoning(raw) == (text, reasoning)


@pytest.mark.parametrize(
    ("raw", "cut"), [("<think>a", True), ("<think>a</think>b", False), ("a</think>b", False), ("a", False)]
)
def test_unclosed_reasoning_is_noticed(raw: str, cut: bool) -> None:
    assert is_cut_off(raw) is cut

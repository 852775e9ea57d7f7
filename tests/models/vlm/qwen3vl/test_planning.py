from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.vlm.qwen3vl.planning import Round, make_plan

FRAMES = list(range(100, 200))
OTHER_FRAMES = list(range(300, 400))


def keys(*prompts: list[int]) -> list[np.ndarray]:
    return [np.array(prompt, dtype=np.int64) for prompt in prompts]


def one_round(*prompts: list[int]) -> Round:
    (found,) = make_plan(keys(*prompts), 16, 10_000, 10_000)
    return found


def test_the_shared_beginning_of_several_prompts_is_computed_once() -> None:
    plan = one_round([*FRAMES, 1], [*OTHER_FRAMES, 1], [*FRAMES, 2], [*FRAMES, 3, 4])
    assert [length for _, length in plan.shared] == [100]
    assert plan.shared[0][0] in (0, 2, 3)
    assert sorted(index for batch in plan.batches for index in batch) == [0, 1, 2, 3]


def test_beginnings_within_beginnings_are_computed_from_short_to_long() -> None:
    long = FRAMES + OTHER_FRAMES
    plan = one_round([*long, 1], [*long, 2], [*FRAMES, 3], [*FRAMES, 4])
    assert [length for _, length in plan.shared] == [100, 200]


def test_equal_prompts_share_all_but_the_last_token() -> None:
    plan = one_round(FRAMES, FRAMES)
    assert [length for _, length in plan.shared] == [99]


def test_one_prompt_and_short_beginnings_share_nothing() -> None:
    assert one_round(FRAMES).shared == ()
    assert one_round([1, 2, *FRAMES], [1, 2, *OTHER_FRAMES]).shared == ()


def test_scenes_that_cannot_be_remembered_together_come_one_after_the_other() -> None:
    prompts = keys(*([*scene, number] for number in range(3) for scene in (FRAMES, OTHER_FRAMES)))
    for cache_tokens in (206, 0):
        assert len(make_plan(prompts, 16, 10_000, cache_tokens)) == 1
    rounds = make_plan(prompts, 16, 10_000, 205)
    answered = [sorted(index for batch in one.batches for index in batch) for one in rounds]
    assert sorted(answered) == [[0, 2, 4], [1, 3, 5]]
    assert [length for one in rounds for _, length in one.shared] == [100, 100]


@pytest.mark.parametrize("cache_tokens", [0, 1, 10_000])
def test_prompts_that_share_nothing_are_answered_together_whatever_is_remembered(cache_tokens: int) -> None:
    prompts = keys(*([scene, *FRAMES] for scene in range(5)))
    assert [one.batches for one in make_plan(prompts, 16, 10_000, cache_tokens)] == [((0, 1, 2, 3, 4),)]


def test_no_prompts_need_no_round() -> None:
    assert make_plan([], 16, 10_000, 10_000) == []


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=90), min_size=1, max_size=12),
    st.integers(1, 50),
    st.integers(1, 600),
    st.integers(0, 300),
)
def test_every_prompt_is_answered_once_within_the_budget(
    prompts: list[list[int]], new: int, budget: int, cache_tokens: int
) -> None:
    rounds = make_plan(keys(*prompts), new, budget, cache_tokens)
    batches = [batch for one in rounds for batch in one.batches]
    assert sorted(index for batch in batches for index in batch) == list(range(len(prompts)))
    for batch in batches:
        widest = max(len(prompts[index]) for index in batch) + new
        assert len(batch) == 1 or len(batch) * widest <= budget
    for one in rounds:
        members = {index for batch in one.batches for index in batch}
        for index, length in one.shared:
            beginning = prompts[index][:length]
            assert index in members
            assert sum(prompts[member][:length] == beginning for member in members) >= 2
            assert 32 <= length < len(prompts[index])

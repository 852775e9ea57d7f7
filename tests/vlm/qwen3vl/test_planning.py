from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vlm.qwen3vl.planning import make_plan

FRAMES = list(range(100, 200))
OTHER_FRAMES = list(range(300, 400))


def keys(*prompts: list[int]) -> list[np.ndarray]:
    return [np.array(prompt, dtype=np.int64) for prompt in prompts]


def test_the_shared_beginning_of_several_prompts_is_computed_once() -> None:
    plan = make_plan(keys([*FRAMES, 1], [*OTHER_FRAMES, 1], [*FRAMES, 2], [*FRAMES, 3, 4]), 16, 10_000)
    assert [length for _, length in plan.shared] == [100]
    assert plan.shared[0][0] in (0, 2, 3)
    assert sorted(index for batch in plan.batches for index in batch) == [0, 1, 2, 3]


def test_beginnings_within_beginnings_are_computed_from_short_to_long() -> None:
    long = FRAMES + OTHER_FRAMES
    plan = make_plan(keys([*long, 1], [*long, 2], [*FRAMES, 3], [*FRAMES, 4]), 16, 10_000)
    assert [length for _, length in plan.shared] == [100, 200]


def test_equal_prompts_share_all_but_the_last_token() -> None:
    plan = make_plan(keys(FRAMES, FRAMES), 16, 10_000)
    assert [length for _, length in plan.shared] == [99]


def test_one_prompt_and_short_beginnings_share_nothing() -> None:
    assert make_plan(keys(FRAMES), 16, 10_000).shared == ()
    assert make_plan(keys([1, 2, *FRAMES], [1, 2, *OTHER_FRAMES]), 16, 10_000).shared == ()


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=90), min_size=1, max_size=12),
    st.integers(1, 50),
    st.integers(1, 600),
)
def test_every_prompt_is_answered_once_within_the_budget(prompts: list[list[int]], new: int, budget: int) -> None:
    plan = make_plan(keys(*prompts), new, budget)
    assert sorted(index for batch in plan.batches for index in batch) == list(range(len(prompts)))
    for batch in plan.batches:
        widest = max(len(prompts[index]) for index in batch) + new
        assert len(batch) == 1 or len(batch) * widest <= budget
    for index, length in plan.shared:
        beginning = prompts[index][:length]
        assert sum(prompt[:length] == beginning for prompt in prompts) >= 2
        assert 32 <= length < len(prompts[index])

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.vlm.qwen3vl.prefix_cache import PrefixCache, common_length


def values_of(keys: np.ndarray) -> torch.Tensor:
    """Values that name their token and everything before it, (2, 2, 3, N, 4)."""
    names = torch.tensor([hash(tuple(keys[: index + 1].tolist())) % 65_521 for index in range(len(keys))]).float()
    return names[None, None, None, :, None].expand(2, 2, 3, -1, 4)


def tokens(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def remember(cache: PrefixCache, keys: np.ndarray) -> int:
    """Insert a prompt as the engine does: match first, then hand over what was computed."""
    known, _ = cache.match(keys[:-1])
    cache.insert(keys, known, values_of(keys)[:, :, :, known:])
    return known


def matched(cache: PrefixCache, keys: np.ndarray) -> torch.Tensor:
    length, segments = cache.match(keys)
    found = torch.cat(segments, dim=3) if segments else values_of(keys[:0])
    assert found.shape[3] == length
    return found


prompts = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=30)


@given(prompts, st.sampled_from([0, 5, 20, 1000]))
def test_what_is_found_belongs_to_the_very_same_beginning_and_memory_stays_bounded(
    script: list[list[int]], capacity: int
) -> None:
    cache = PrefixCache(capacity)
    seen: list[np.ndarray] = []
    for numbers in script:
        keys = tokens(*numbers)
        found = matched(cache, keys)
        assert torch.equal(found, values_of(keys)[:, :, :, : found.shape[3]])
        if capacity == 1000:
            assert found.shape[3] == max((common_length(keys, other) for other in seen), default=0)
        remember(cache, keys)
        seen.append(keys)
        assert 0 <= cache.tokens <= capacity
        assert matched(cache, keys).shape[3] == min(len(keys), capacity), "what was just used is not dropped"


def test_a_shared_beginning_is_held_once() -> None:
    cache = PrefixCache(1000)
    remember(cache, tokens(1, 2, 3, 4, 5, 6))
    remember(cache, tokens(1, 2, 3, 4, 7, 8))
    remember(cache, tokens(1, 2, 3, 4))
    assert cache.tokens == 8


def test_what_was_not_used_for_longest_is_dropped_first() -> None:
    cache = PrefixCache(6)
    for keys in (tokens(1, 1, 1), tokens(2, 2, 2)):
        remember(cache, keys)
    cache.match(tokens(1, 1, 1))
    remember(cache, tokens(3, 3, 3))
    assert [cache.match(tokens(number, number, number))[0] for number in (1, 2, 3)] == [3, 0, 3]


def test_ends_are_dropped_before_the_beginning_that_others_need() -> None:
    cache = PrefixCache(8)
    for last in range(5):
        remember(cache, tokens(9, 9, 9, 9, last, last))
    assert cache.match(tokens(9, 9, 9, 9, 7))[0] == 4
    assert cache.match(tokens(9, 9, 9, 9, 4, 4))[0] == 6
    assert cache.match(tokens(9, 9, 9, 9, 0, 0))[0] == 4


def test_the_memory_of_a_dropped_end_is_really_freed() -> None:
    cache = PrefixCache(100)
    remember(cache, tokens(1, 2, 3, 4))
    remember(cache, tokens(1, 2, 5, 6))
    _, segments = cache.match(tokens(1, 2, 3, 4))
    assert all(part.untyped_storage().nbytes() == part.numel() * 4 for part in segments), "halves own their memory"


def test_values_without_their_beginning_are_not_kept() -> None:
    cache = PrefixCache(100)
    keys = tokens(1, 2, 3, 4)
    cache.insert(keys, 2, values_of(keys)[:, :, :, 2:])
    assert cache.tokens == 0


@pytest.mark.parametrize("capacity, kept", [(1, 1), (2, 1), (3, 1), (4, 4), (5, 5), (6, 5), (7, 7), (9, 8)])
def test_of_a_prompt_that_is_too_long_the_beginning_is_kept_up_to_a_whole_image(capacity: int, kept: int) -> None:
    cache = PrefixCache(capacity)
    keys = tokens(1, -7, -7, -7, 2, -8, -8, 3)
    assert cache.fitting(keys) == kept
    remember(cache, keys)
    assert matched(cache, keys).shape[3] == cache.tokens == kept
    assert remember(cache, tokens(*keys[:-1], 4)) == min(kept, 7), "it stays for the next"


def test_clearing_forgets_everything() -> None:
    cache = PrefixCache(100)
    remember(cache, tokens(1, 2, 3))
    cache.clear()
    assert (cache.tokens, cache.match(tokens(1, 2, 3))[0]) == (0, 0)


@pytest.mark.parametrize(
    "first, second, length",
    [((), (), 0), ((1,), (), 0), ((1, 2), (1, 2), 2), ((1, 2, 3), (1, 2), 2), ((5, 2), (1, 2), 0), ((1, 2), (1, 3), 1)],
)
def test_the_common_length_counts_leading_equals(first: tuple[int, ...], second: tuple[int, ...], length: int) -> None:
    assert common_length(tokens(*first), tokens(*second)) == length

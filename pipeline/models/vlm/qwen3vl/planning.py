"""Plans which prompts are answered together, and which prefixes they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.models.vlm.qwen3vl.prefix_cache import common_length

_SHORTEST_SHARED = 32  # Fewer tokens are computed faster within the batch than in a pass of their own.


@dataclass(frozen=True)
class Round:
    """Computations in their order.

    Args:
        shared: Prefixes that several prompts share, as (prompt, tokens): computed once, before the batches.
        batches: Indices of the prompts that are answered together.
    """

    shared: tuple[tuple[int, int], ...]
    batches: tuple[tuple[int, ...], ...]


def make_plan(keys: Sequence[np.ndarray], max_new_tokens: int, batch_tokens: int, cache_tokens: int) -> list[Round]:
    """Group prompts so that shared prefixes are computed once, and padding and memory stay small.

    Args:
        keys: Keys of each prompt, int64 (N,).
        max_new_tokens: Limit of an output's length [tokens].
        batch_tokens: Tokens that one batch may hold, padding and outputs included; one prompt may exceed it.
        cache_tokens: Most tokens in the cache. Prompts with more tokens come in several rounds, so that shared prefixes
            stay in the cache until their prompts are answered.
    """
    rounds: list[list[int]] = []
    held = 0
    for family in _families(keys):
        tokens = _distinct_tokens([keys[index] for index in family])
        held += tokens
        if rounds and (cache_tokens == 0 or held <= cache_tokens):
            rounds[-1] += family
        else:
            rounds.append(family)
            held = tokens
    return [_round(keys, members, max_new_tokens, batch_tokens) for members in rounds]


def _families(keys: Sequence[np.ndarray]) -> list[list[int]]:
    """Groups of prompts with a common prefix, each prompt next to those with which it shares most."""
    families: list[list[int]] = []
    # In this order, prompts with a common prefix are neighbours.
    for index in sorted(range(len(keys)), key=lambda index: keys[index].tobytes()):
        if families and common_length(keys[families[-1][-1]], keys[index]) >= _SHORTEST_SHARED:
            families[-1].append(index)
        else:
            families.append([index])
    return families


def _distinct_tokens(family: Sequence[np.ndarray]) -> int:
    """Tokens of all prompts of a family, shared ones counted once; 0 for a single prompt."""
    if len(family) == 1:
        return 0
    return sum(map(len, family)) - sum(common_length(first, second) for first, second in pairwise(family))


def _round(keys: Sequence[np.ndarray], members: Sequence[int], max_new_tokens: int, batch_tokens: int) -> Round:
    neighbours = [common_length(keys[first], keys[second]) for first, second in pairwise(members)]
    shared: dict[bytes, tuple[int, int]] = {}
    own = {}
    for place, index in enumerate(members):
        # The last token is always computed, because its output is the first token of the answer.
        longest = min(max(neighbours[max(place - 1, 0) : place + 1], default=0), len(keys[index]) - 1)
        own[index] = len(keys[index]) - longest
        if longest >= _SHORTEST_SHARED:
            shared.setdefault(keys[index][:longest].tobytes(), (index, longest))
    batches: list[list[int]] = []
    widest = 0
    # Prompts with equally many tokens of their own stand together, so that there is little padding.
    for index in sorted(members, key=lambda index: (own[index], len(keys[index]), index)):
        wider = max(widest, len(keys[index]) + max_new_tokens)
        if batches and (len(batches[-1]) + 1) * wider <= batch_tokens:
            batches[-1].append(index)
            widest = wider
        else:
            batches.append([index])
            widest = len(keys[index]) + max_new_tokens
    in_order = sorted(shared.values(), key=lambda entry: entry[1])
    return Round(tuple(in_order), tuple(tuple(batch) for batch in batches))

"""Which prompts are answered together, and which beginnings they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.vlm.qwen3vl.prefix_cache import common_length

_SHORTEST_SHARED = 32  # Fewer tokens are computed faster within the batch than in a pass of their own.


@dataclass(frozen=True)
class Plan:
    """What to compute, in order.

    Args:
        shared: Beginnings that several prompts share, as (prompt, tokens): computed once, before the batches.
        batches: Indices of the prompts that are answered together.
    """

    shared: tuple[tuple[int, int], ...]
    batches: tuple[tuple[int, ...], ...]


def make_plan(keys: Sequence[np.ndarray], max_new_tokens: int, batch_tokens: int) -> Plan:
    """Group prompts so that padding and memory stay small.

    Args:
        keys: Keys of each prompt, int64 (N,).
        max_new_tokens: Limit of an output's length [tokens].
        batch_tokens: Tokens that one batch may hold, padding and outputs included; one prompt may exceed it.
    """
    # In this order, prompts that begin alike are neighbours.
    order = sorted(range(len(keys)), key=lambda index: keys[index].tobytes())
    neighbours = [common_length(keys[first], keys[second]) for first, second in pairwise(order)]
    shared: dict[bytes, tuple[int, int]] = {}
    own = {}
    for place, index in enumerate(order):
        # The last token is always computed, because its output is the first token of the answer.
        longest = min(max(neighbours[max(place - 1, 0) : place + 1], default=0), len(keys[index]) - 1)
        own[index] = len(keys[index]) - longest
        if longest >= _SHORTEST_SHARED:
            shared.setdefault(keys[index][:longest].tobytes(), (index, longest))
    batches: list[list[int]] = []
    widest = 0
    # Prompts with equally much of their own stand together, so that little is padded.
    for index in sorted(range(len(keys)), key=lambda index: (own[index], len(keys[index]))):
        wider = max(widest, len(keys[index]) + max_new_tokens)
        if batches and (len(batches[-1]) + 1) * wider <= batch_tokens:
            batches[-1].append(index)
            widest = wider
        else:
            batches.append([index])
            widest = len(keys[index]) + max_new_tokens
    in_order = sorted(shared.values(), key=lambda entry: entry[1])
    return Plan(tuple(in_order), tuple(tuple(batch) for batch in batches))

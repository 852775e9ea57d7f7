"""Cached keys and values of earlier prompts, found by their longest common prefix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_POSITIONS = 3  # Dimension of a segment's tensor that counts tokens.


def common_length(first: np.ndarray, second: np.ndarray) -> int:
    """Number of leading elements that two one-dimensional arrays share.

    >>> common_length(np.array([1, 2, 3]), np.array([1, 2, 4, 5]))
    2
    """
    shorter = min(len(first), len(second))
    differing = first[:shorter] != second[:shorter]
    return int(differing.argmax()) if differing.any() else shorter


@dataclass(eq=False)
class _Node:
    """Consecutive tokens with their keys and values, (layers, 2, heads, tokens, head_dim)."""

    keys: np.ndarray
    values: torch.Tensor | None
    parent: _Node | None
    children: dict[int, _Node] = field(default_factory=dict)
    used: int = 0


class PrefixCache:
    """A radix tree over token sequences that holds their keys and values.

    Two prompts share the tree's nodes up to where they differ, so the frames of a scene are held once. The least
    recently used nodes are dropped first, ends before beginnings. Radix trees for key-value reuse: Zheng et al.,
    SGLang, https://arxiv.org/abs/2312.07104.

    A token is a whole number; the caller ensures that equal numbers mean equal content. Consecutive negative numbers
    are one piece, such as an image, which is kept whole or not at all. Not safe for several threads at once.

    Args:
        max_tokens: Most tokens that are kept; 0 keeps nothing.

    Attributes:
        tokens: Tokens that are kept.
    """

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens
        self._root = _Node(np.empty(0, np.int64), None, None)
        self._clock = count(1)
        self.tokens = 0

    def fitting(self, keys: np.ndarray) -> int:
        """Number of leading tokens of a prompt that fit into the cache, if all others are dropped."""
        end = min(len(keys), self._max_tokens)
        if end < len(keys):
            while end > 0 and keys[end - 1] < 0 and keys[end] < 0:
                end -= 1
        return end

    def match(self, keys: np.ndarray) -> tuple[int, list[torch.Tensor]]:
        """The longest cached prefix.

        Args:
            keys: Tokens, int64 (N,).

        Returns:
            Its length, and its values in order, each (layers, 2, heads, tokens, head_dim); they are views and must
            not be changed.
        """
        length, segments, now = 0, [], next(self._clock)
        node = self._root
        while length < len(keys) and (child := node.children.get(int(keys[length]))) is not None:
            shared = common_length(child.keys, keys[length:])
            assert child.values is not None
            child.used = now
            segments.append(child.values.narrow(_POSITIONS, 0, shared))
            length += shared
            if shared < len(child.keys):
                break
            node = child
        return length, segments

    def insert(self, keys: np.ndarray, start: int, values: torch.Tensor) -> None:
        """Cache the values of a prompt's tokens, or of as many leading ones as fit.

        Args:
            keys: All tokens from the prompt's first, int64 (N,).
            start: First token that ``values`` holds; nothing is cached unless the tree holds those before it.
            values: (layers, 2, heads, N - start, head_dim); the new ones are copied.
        """
        keys = keys[: self.fitting(keys)]
        known, parent, now = 0, self._root, next(self._clock)
        while known < len(keys) and (child := parent.children.get(int(keys[known]))) is not None:
            shared = common_length(child.keys, keys[known:])
            known += shared
            if shared < len(child.keys) and known < len(keys):
                child = self._split(child, shared)
            child.used = now
            parent = child
        if known >= len(keys) or known < start:
            return
        part = values.narrow(_POSITIONS, known - start, len(keys) - known).clone()
        node = _Node(keys[known:].copy(), part, parent, used=now)
        parent.children[int(keys[known])] = node
        self.tokens += len(node.keys)
        self._shrink()

    def clear(self) -> None:
        """Forget everything."""
        self._root.children.clear()
        self.tokens = 0

    def _split(self, node: _Node, length: int) -> _Node:
        """Cut a node in two and return its beginning, which takes its place."""
        assert node.values is not None and node.parent is not None
        rest = len(node.keys) - length
        # Copies, so that each half frees its own memory.
        head = node.values.narrow(_POSITIONS, 0, length).clone()
        tail = node.values.narrow(_POSITIONS, length, rest).clone()
        first = _Node(node.keys[:length].copy(), head, node.parent, used=node.used)
        node.parent.children[int(first.keys[0])] = first
        first.children[int(node.keys[length])] = node
        node.keys, node.values, node.parent = node.keys[length:].copy(), tail, first
        return first

    def _shrink(self) -> None:
        while self.tokens > self._max_tokens:
            oldest = min(self._leaves(self._root), key=lambda node: node.used)
            assert oldest.parent is not None
            del oldest.parent.children[int(oldest.keys[0])]
            self.tokens -= len(oldest.keys)

    def _leaves(self, node: _Node) -> Iterator[_Node]:
        waiting = list(node.children.values())
        while waiting:
            child = waiting.pop()
            if child.children:
                waiting += child.children.values()
            else:
                yield child

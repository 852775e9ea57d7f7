"""Detects when a model repeats itself endlessly, as greedy decoding does on long lists of boxes."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST_CYCLE = 128
_CYCLES = 3
_SHORTEST_SPAN = 64

WINDOW = _CYCLES * _LONGEST_CYCLE
"""How many of the last tokens :func:`is_looping` looks at."""

# About a token. Busy servers put several tokens into one event, so events do not repeat themselves as tokens do.
_LONGEST_PIECE = 16
_PIECE = re.compile(rf"\d|[^\W\d]{{1,4}}|[^\w\s]{{1,{_LONGEST_PIECE}}}|\s{{1,{_LONGEST_PIECE}}}")
_CHECK_AFTER = 64


def is_looping(tokens: Sequence[int]) -> bool:
    """Whether the tokens end in a cycle that occurs at least three times in a row.

    A cycle has up to 128 tokens, enough for a 3D box with its label. All repeats together must have at least 64
    tokens, so that the zeros of a number, a row of dashes or a few equal coordinates do not count.

    Args:
        tokens: Token ids of the output so far.

    >>> is_looping([7, 8] * 32), is_looping([7, 8] * 31), is_looping(list(range(200)))
    (True, False, False)
    """
    for cycle in range(1, _LONGEST_CYCLE + 1):
        span = max(_CYCLES * cycle, _SHORTEST_SPAN)
        if len(tokens) < span:
            return False
        tail = tokens[-span:]
        if tail[cycle:] == tail[:-cycle]:
            return True
    return False


class RepetitionWatch:
    """Detects endless repetition in a growing text."""

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0

    def sees(self, text: str) -> bool:
        """Whether the text so far, with this piece appended, ends in a repetition; not every call checks."""
        self._tail = (self._tail + text)[-WINDOW * _LONGEST_PIECE :]
        self._unseen += len(text)
        if self._unseen < _CHECK_AFTER:
            return False
        self._unseen = 0
        return is_looping([hash(piece) for piece in _PIECE.findall(self._tail)[-WINDOW:]])

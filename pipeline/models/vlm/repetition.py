"""Tells when a model repeats itself without end, as greedy decoding does on long lists of boxes."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST_CYCLE = 128
_CYCLES = 3
_SHORTEST_SPAN = 64

WINDOW = _CYCLES * _LONGEST_CYCLE
"""How many of the last tokens :func:`is_looping` looks at."""

# About what a token is. Servers put several tokens into one event when they are busy, so that events do not repeat
# themselves as tokens do.
_LONGEST_PIECE = 16
_PIECE = re.compile(rf"\d|[^\W\d]{{1,4}}|[^\w\s]{{1,{_LONGEST_PIECE}}}|\s{{1,{_LONGEST_PIECE}}}")
_CHECK_AFTER = 64


def is_looping(tokens: Sequence[int]) -> bool:
    """Whether the tokens end in one sequence, said three times in a row or more.

    A cycle has up to 128 tokens, which holds a 3D box with its label. All repeats together must have 64 tokens
    or more, so that the zeros of a number, a row of dashes or a few equal coordinates do not count.

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
    """Looks for endless repetition in a text that grows."""

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0

    def sees(self, text: str) -> bool:
        """Whether everything so far, with this text at its end, ends in a repetition; now and then it is not asked."""
        self._tail = (self._tail + text)[-WINDOW * _LONGEST_PIECE :]
        self._unseen += len(text)
        if self._unseen < _CHECK_AFTER:
            return False
        self._unseen = 0
        return is_looping([hash(piece) for piece in _PIECE.findall(self._tail)[-WINDOW:]])

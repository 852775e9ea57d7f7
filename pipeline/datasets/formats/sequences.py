"""Recorded sequences: their folders, and pairs of two streams by time."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path


def associate(first_s: Sequence[float], second_s: Sequence[float], most_s: float) -> list[tuple[int, int]]:
    """Pairs of equal time: the closest two are taken first, and each moment is used once.

    The rule of associate.py of the TUM RGB-D benchmark (Sturm et al. 2012).

    Args:
        first_s: Times of one stream [s], in any order.
        second_s: Times of the other [s], in any order.
        most_s: Largest difference of a pair [s].

    Returns:
        Positions in both, ordered by the first stream's time.

    >>> associate([0.0, 1.0, 2.0], [1.01, 0.02, 0.99], 0.02)
    [(0, 1), (1, 0)]
    """
    # The closest two that are left are always neighbours among all moments in order, so only neighbours compete.
    waiting: dict[tuple[float, int], deque[int]] = {}
    for stream, times_s in enumerate((first_s, second_s)):
        for position, time_s in enumerate(times_s):
            if math.isfinite(time_s):
                waiting.setdefault((time_s, stream), deque()).append(position)
    moments = sorted(waiting)
    before, after = list(range(-1, len(moments) - 1)), list(range(1, len(moments) + 1))
    closest: list[tuple[float, int, int, int, int]] = []

    def compete(left: int, right: int) -> None:
        if left < 0 or right >= len(moments) or moments[left][1] == moments[right][1]:
            return
        one, other = sorted((moments[left], moments[right]), key=itemgetter(1))
        if one[0] - most_s <= other[0] <= one[0] + most_s:
            gap_s = abs(one[0] - other[0])
            heapq.heappush(closest, (gap_s, waiting[one][0], waiting[other][0], left, right))

    for left in range(len(moments) - 1):
        compete(left, left + 1)
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    while closest:
        _, position, other, left, right = heapq.heappop(closest)
        if position in pairs or other in taken:
            continue
        pairs[position] = other
        taken.add(other)
        for moment in (left, right):
            waiting[moments[moment]].popleft()
        left_stays, right_stays = (bool(waiting[moments[moment]]) for moment in (left, right))
        left, right = left if left_stays else before[left], right if right_stays else after[right]
        if left >= 0:
            after[left] = right
        if right < len(moments):
            before[right] = left
        compete(left, right)
        if left_stays:
            compete(before[left], left)
        if right_stays:
            compete(right, after[right])
    return sorted(pairs.items(), key=lambda pair: (first_s[pair[0]], pair))


def sequences(root: Path, is_one: Callable[[Path], bool]) -> list[Path]:
    """The folder itself if it is a sequence, else its subfolders that are sequences, by name."""
    if is_one(root):
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and is_one(path))

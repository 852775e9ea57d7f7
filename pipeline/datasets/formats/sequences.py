"""Recorded sequences: their folders, pairs of two streams by time, and tables of numbers."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np

from pipeline.records.errors import InputError


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


def text_lines(file: Path, what: str) -> list[str]:
    """Lines of a text file in UTF-8.

    Args:
        file: The file.
        what: What it is, for the message.

    Raises:
        InputError: If it is missing or not text.
    """
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"The {what} {file} cannot be opened ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise InputError(f"The {what} {file} is damaged: it is not plain text; copy it again.") from None


def number_table(file: Path, columns: int, what: str) -> np.ndarray:
    """Numbers of a text file, float64 (N, columns); lines that begin with ``#`` are comments.

    Numbers may be infinite: ScanNet writes such poses where the camera was lost.

    Args:
        file: The file.
        columns: Numbers per row; a file with all of them in one line is read row by row.
        what: What it holds, for the message.

    Raises:
        InputError: If it is missing or holds anything else.
    """
    lines = [line for line in text_lines(file, what) if not line.lstrip().startswith("#")]
    try:
        numbers = [float(word) for line in lines for word in line.split()]
    except ValueError:
        raise InputError(f"The {what} {file} must hold nothing but numbers; copy it again.") from None
    if not numbers or len(numbers) % columns or any(map(math.isnan, numbers)):
        raise InputError(f"The {what} {file} holds {len(numbers)} numbers, not rows of {columns}; copy it again.")
    return np.array(numbers).reshape(-1, columns)


def sequences(root: Path, is_one: Callable[[Path], bool]) -> list[Path]:
    """The folder itself if it is a sequence, else its subfolders that are sequences, by name."""
    if is_one(root):
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and is_one(path))

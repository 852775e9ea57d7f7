"""What data sets of RGB-D sequences share: pairs by time, tables of numbers, pictures of the size of their depth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.errors import InputError
from pipeline.evaluate.depth.datasets.listed import metric_truth
from pipeline.ingest.depth_files import read_depth
from pipeline.records import DepthKind, DepthMap, ScaleSource

Item = TypeVar("Item")

MILLIMETRE_M = 0.001
"""Metres per stored number of depth in millimetres."""


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
    order = np.argsort(second_s, kind="stable")
    times = np.asarray(second_s, dtype=np.float64)[order]
    candidates = []
    for position, time_s in enumerate(first_s):
        low = np.searchsorted(times, time_s - most_s, side="left")
        high = np.searchsorted(times, time_s + most_s, side="right")
        candidates += [(abs(time_s - times[at]), position, int(order[at])) for at in range(low, high)]
    first_left, second_left = set(range(len(first_s))), set(range(len(second_s)))
    pairs = []
    for _, position, other in sorted(candidates):
        if position in first_left and other in second_left:
            first_left.remove(position)
            second_left.remove(other)
            pairs.append((position, other))
    return sorted(pairs, key=lambda pair: (first_s[pair[0]], pair))


def table(file: Path, columns: int, what: str) -> np.ndarray:
    """Numbers of a text file, float64 (N, columns); lines that begin with ``#`` are comments.

    Numbers may be infinite: poses of ScanNet are where the camera was lost.

    Args:
        file: The file.
        columns: Numbers per row; a file with all of them in one line is read row by row.
        what: What it holds, for the message.

    Raises:
        InputError: If it is missing or holds anything else.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        numbers = [float(word) for line in lines if not line.lstrip().startswith("#") for word in line.split()]
    except OSError as error:
        raise InputError(f"The {what} {file} cannot be opened ({error.strerror}).") from None
    except ValueError:
        raise InputError(f"The {what} {file} does not hold numbers alone; copy it again.") from None
    if not numbers or len(numbers) % columns or any(map(math.isnan, numbers)):
        raise InputError(f"The {what} {file} holds {len(numbers)} numbers, not rows of {columns}; copy it again.")
    return np.array(numbers).reshape(-1, columns)


def sequences(root: Path, is_one: Callable[[Path], bool]) -> list[Path]:
    """The folder itself if it is a sequence, else those of its subfolders that are, in the order of their names."""
    if is_one(root):
        return [root]
    return sorted(path for path in root.iterdir() if path.is_dir() and is_one(path))


def every(items: Sequence[Item], step: int) -> list[Item]:
    """The first, and each that lies a multiple of so many after it."""
    return list(items[::step])


def stored_truth(file: Path, unit_m: float) -> DepthMap:
    """True depth of a file of whole numbers in which 0 means that nothing was measured.

    Args:
        file: The file.
        unit_m: Metres per stored number.

    Raises:
        InputError: If it is missing, damaged or knows no pixel's depth.
    """
    stored = read_depth(file, kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR, scale=unit_m)
    return metric_truth(stored.values, stored.valid, file)

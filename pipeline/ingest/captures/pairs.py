"""Images and depth that were taken at the same time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.records.message import Message, message

# Images further apart in time do not show the same scene, however slow the cameras are.
_LONGEST_NS = 50_000_000
# A camera that drops a frame now and then is nothing to tell.
_FEW = 0.1


def tolerance_ns(times_ns: Sequence[int]) -> int:
    """Half the usual time between frames, at most 50 ms [ns]."""
    gaps = np.diff(np.asarray(times_ns, dtype=np.int64))
    return int(min(float(_LONGEST_NS), float(np.median(gaps)) / 2)) if len(gaps) else _LONGEST_NS


def paired(times_ns: Sequence[int], others_ns: Sequence[int]) -> list[tuple[int, int]]:
    """The images that have depth, each with the depth nearest to it in time.

    Args:
        times_ns: Times of the images [ns], not descending.
        others_ns: Times of the depth [ns], not descending.

    Returns:
        Positions of an image and of its depth, at most ``tolerance_ns`` apart; one depth may serve several images.

    >>> paired([0, 100_000_000, 200_000_000], [1_000_000, 199_000_000])
    [(0, 0), (2, 1)]
    """
    if not len(times_ns) or not len(others_ns):
        return []
    times, others = np.asarray(times_ns, dtype=np.int64), np.asarray(others_ns, dtype=np.int64)
    after = np.searchsorted(others, times).clip(0, len(others) - 1)
    before = (after - 1).clip(0)
    nearest = np.where(np.abs(times - others[before]) <= np.abs(times - others[after]), before, after)
    near = np.abs(times - others[nearest]) <= tolerance_ns(times_ns)
    return [(int(index), int(nearest[index])) for index in np.flatnonzero(near)]


def notes_of_left_out(images: int, pairs: int) -> tuple[Message, ...]:
    """A note if more than a tenth of the images have no depth at their time."""
    left = images - pairs
    return (message("images_without_depth", left=left, count=images),) if left > _FEW * images else ()

"""Where the frames of a robot are to each other, by chains of transforms.

A transform takes coordinates of its child frame into its parent frame; every chain may be followed in both directions
(http://wiki.ros.org/tf2). Fixed frames and their z axis, which points up: REP 105 and REP 103
(https://ros.org/reps/rep-0105.html).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from pipeline.ingest.captures.ros_messages import Transform

# Frames that stand still, the most global one first.
FIXED_FRAMES = ("map", "world", "odom")
# A transform this far in time from an image still holds for it.
TOLERANCE_NS = 100_000_000


class TransformGraph:
    """The transforms of one moment.

    Args:
        transforms: At most one per pair of frames counts: the last.
    """

    def __init__(self, transforms: Iterable[Transform]) -> None:
        self._steps: dict[str, dict[str, np.ndarray]] = {}
        for transform in transforms:
            if transform.parent == transform.child:
                continue
            self._steps.setdefault(transform.child, {})[transform.parent] = transform.matrix
            self._steps.setdefault(transform.parent, {})[transform.child] = np.linalg.inv(transform.matrix)

    def between(self, source: str, target: str) -> np.ndarray | None:
        """The matrix float64 (4, 4) that takes points of one frame into another [m]; None where no chain does."""
        if not source or not target:
            return None
        reached, waiting = {source: np.eye(4)}, deque((source,))
        while waiting and target not in reached:
            frame = waiting.popleft()
            for following, matrix in self._steps.get(frame, {}).items():
                if following not in reached:
                    reached[following] = matrix @ reached[frame]
                    waiting.append(following)
        return reached.get(target)


def nearest_in_time(transforms: Iterable[Transform], stamp_ns: int) -> list[Transform]:
    """Of every child frame the transform nearest to a time, where one is near enough."""
    nearest: dict[str, Transform] = {}
    for transform in transforms:
        away_ns = abs(transform.stamp_ns - stamp_ns)
        known = nearest.get(transform.child)
        if away_ns <= TOLERANCE_NS and (known is None or away_ns < abs(known.stamp_ns - stamp_ns)):
            nearest[transform.child] = transform
    return list(nearest.values())

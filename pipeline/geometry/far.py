"""Where the scene of a depth map ends: the sky of renderers and far planes lie at a number that stands for infinity.

Depth is positive, larger is farther, in any unit.
"""

from __future__ import annotations

import numpy as np

# Nothing of a scene lies so many times as far as all that is in front of it.
_EMPTY_GAP = 100.0
# The same for what lies behind the gap at one single depth, such as a far plane.
_FLAT_GAP = 20.0
# Ratio of the 95th to the 5th percentile up to which depth counts as a single one.
_FLAT_SPREAD = 1.01
# Share of all depth in front of a gap from which it is the scene, and not noise close to the camera.
_FEWEST_IN_FRONT = 0.01
# Pixels of one number from which it was written on purpose.
_FEWEST_EQUAL = 3
# Farther than anything on earth that a camera sees [m].
_FARTHEST_M = 1e6


def end_of_scene(values: np.ndarray) -> float:
    """The largest depth in front of the nearest gap that no scene has; infinite without such a gap.

    Args:
        values: float (N,), positive and finite.
    """
    # Sorting takes most of the time, and most scenes have no room for a gap.
    if float(values.max(initial=0)) < _FLAT_GAP * float(values.min(initial=np.inf)):
        return np.inf
    ordered = np.sort(values.astype(np.float64))
    for index in np.flatnonzero(ordered[1:] >= _FLAT_GAP * ordered[:-1]):
        low, high = np.percentile(ordered[index + 1 :], (5, 95))
        is_empty = ordered[index + 1] >= _EMPTY_GAP * ordered[index] or high <= _FLAT_SPREAD * low
        if is_empty and index + 1 >= _FEWEST_IN_FRONT * len(values):
            return float(ordered[index])
    return np.inf


def is_infinity(values: np.ndarray, valid: np.ndarray, *, is_metric: bool) -> np.ndarray:
    """Pixels whose number stands for infinity: several share the largest one, and all else is a hundred times nearer.

    Args:
        values: float (H, W).
        valid: bool (H, W).
        is_metric: Whether the depth is in metres; then nothing beyond a thousand kilometres is depth.

    Returns:
        bool (H, W), a subset of the valid pixels; never all that are positive.
    """
    positive = valid & (values > 0)
    if not positive.any():
        return np.zeros_like(valid)
    largest = values[positive].max()
    far = positive & (values == largest)
    rest = values[positive & ~far]
    is_written = np.count_nonzero(far) >= _FEWEST_EQUAL and rest.size > 0 and rest.max() * _EMPTY_GAP <= largest
    if is_metric and largest > _FARTHEST_M:
        beyond = positive & (values > _FARTHEST_M)
        return beyond if beyond.sum() < positive.sum() else np.zeros_like(valid)
    return far if is_written else np.zeros_like(valid)

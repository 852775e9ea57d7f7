"""Whether the numbers of a depth map can be what their kind says.

A room is not a kilometre deep, and depth is not negative; such numbers are of another unit or kind.
"""

from __future__ import annotations

import math

import numpy as np

# Values that are looked at, evenly over the map; fewer than the least are no scene.
_MOST_VALUES, _FEWEST_VALUES = 5_000, 64
# A quarter of a scene is nearer than this [m], and nearer than that where all numbers are whole ones [m].
_FARTHEST_M, _FARTHEST_WHOLE_M = 1000.0, 100.0
# The same for what a sensor measured [m].
_FARTHEST_SENSOR_M = 100.0
# Half of a scene is nearer than this where metres are given as integers [m].
_FARTHEST_INTEGER_M = 20.0
# Three quarters of a scene are farther than this [m].
_NEAREST_M = 0.005
# Share of negative numbers that is no noise.
_MOST_NEGATIVE = 0.01
# Of numbers that were stretched to 0 to 1: how near to 1 their largest is, where the smallest lie, and how few are 1.
_ONE, _LOW, _FEW_ONES = 1e-6, 0.2, 0.02
# A sky is so many times as far as all else.
_SKY_GAP = 20.0
_SCALES = "give depth_scale, the metres per stored number: 0.001 for millimetres, 0.0002 for TUM RGB-D"


def unlikely_metres(values: np.ndarray, valid: np.ndarray, *, is_sensor: bool = False) -> str:
    """What is wrong with depth that is said to be in metres; empty if nothing is.

    Args:
        values: float (H, W) [m].
        valid: bool (H, W).
        is_sensor: Whether a sensor measured it densely, which none does far away.
    """
    found = _sampled(values, valid)
    if len(found) < _FEWEST_VALUES:
        return ""
    negative = float(np.mean(found < 0))
    if negative > _MOST_NEGATIVE and np.ptp(found[found < 0]) == 0:
        mark = found[found < 0][0]
        return f"{negative:.0%} of the numbers are {mark:g}, which seems to mark no depth; give depth_invalid={mark:g}."
    if negative > _MOST_NEGATIVE:
        return (
            f"{negative:.0%} of the numbers are negative, which depth in metres never is; they may be disparity, "
            "logarithms or another axis: state their depth_kind, or convert them."
        )
    found = _without_sky(found[found > 0])
    if len(found) == 0:
        return ""
    near, middle, far = np.quantile(found, (0.25, 0.5, 0.75))
    if values.dtype.kind in "iu" and middle > _FARTHEST_INTEGER_M:
        return f"integers have no unit, and half of them exceed {middle:g}; {_SCALES}."
    if near >= _FARTHEST_WHOLE_M and not np.any(found % 1):
        return f"the numbers are whole and half of them exceed {middle:g} m; they are hardly metres: {_SCALES}."
    if near >= (_FARTHEST_SENSOR_M if is_sensor else _FARTHEST_M):
        return f"half of it is farther than {middle:g} m; {_SCALES}."
    if far <= _NEAREST_M:
        return f"half of it is nearer than {1000 * middle:.2g} mm; {_SCALES}, 1 for metres."
    largest = values[valid].max()
    if abs(largest - 1) < _ONE and np.quantile(found, 0.01) < _LOW and np.mean(found == largest) < _FEW_ONES:
        return (
            "its numbers reach exactly from about 0 to 1, as depth does that was stretched for display; give the "
            "metres, or depth_kind=depth_affine for order alone."
        )
    return ""


def _without_sky(found: np.ndarray) -> np.ndarray:
    """The positive numbers without one largest number that stands for infinity."""
    largest = found.max(initial=0.0)
    rest = found[found < largest]
    is_sky = len(rest) >= _FEWEST_VALUES and len(found) - len(rest) >= 3 and rest.max() * _SKY_GAP <= largest
    return rest if is_sky else found


def _sampled(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    step = max(1, math.isqrt(values.size // _MOST_VALUES))
    found: np.ndarray = values[::step, ::step][valid[::step, ::step]]
    return found[np.isfinite(found)] if found.dtype.kind == "f" else found

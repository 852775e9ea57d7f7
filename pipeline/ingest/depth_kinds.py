"""Whether the shape of a depth map is that of its kind.

Planes are linear in the pixels of inverse depth and of disparity, and bent in depth. A sensor measures well enough to
tell which of the two the numbers are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.geometry.image_planes import grid_of, planes_of
from pipeline.records import DepthKind, DepthMap, ScaleSource
from pipeline.records.errors import InputError

# Share of the pixels by which planes must be straighter in the numbers than in their inverse. Of 87 true metric maps,
# real and rendered, none is straighter in its numbers; given as disparity, most have 0.4 of their pixels on planes of
# the inverse, where disparity of networks has at most 0.34.
_STRAIGHTER, _LEAST_STRAIGHT, _MUCH_STRAIGHTER = 0.08, 0.42, 0.1
# Disparity is known up to a shift; it is moved so that its 2nd percentile lies here, in units of its range.
_SHIFTED_TO = 0.3
# Disparity may be negative; where more is, its inverse says nothing.
_MOST_NEGATIVE = 0.02


def check_kind(depth: DepthMap, name: str) -> None:
    """Refuse dense depth whose planes are straight where those of its kind are not.

    Args:
        depth: Metric depth of a sensor, or disparity; other kinds are not checked.
        name: What to call it in the error.

    Raises:
        InputError: If metric depth is inverse depth or disparity, or disparity is depth.
    """
    is_metric = depth.kind is DepthKind.METRIC and depth.scale_source is ScaleSource.SENSOR
    if depth.sampling.is_scattered or not (is_metric or depth.kind is DepthKind.DISPARITY_AFFINE):
        return
    found = _straight(depth)
    if found is None:
        return
    inverse, own = found
    if is_metric and own - inverse > _STRAIGHTER:
        raise InputError(
            f"{name} is hardly depth in metres: planes are straight in it, as in disparity or inverse depth; invert "
            "it, give depth_kind=disparity_affine, or set input.trust_input=true."
        )
    if not is_metric and inverse >= _LEAST_STRAIGHT and inverse - own > _MUCH_STRAIGHTER:
        raise InputError(
            f"{name} is hardly disparity: planes are bent in it, as in depth; give depth_kind=metric with its "
            "depth_scale, or depth_kind=scale_invariant, or set input.trust_input=true."
        )


def _straight(depth: DepthMap) -> tuple[float, float] | None:
    """Shares of the pixels on planes of the inverse, and of the numbers themselves; None where most are not positive.

    The latter is 0 for a single plane, which may be a ramp that somebody drew.
    """
    negative = depth.values[::8, ::8][depth.valid[::8, ::8]] <= 0
    inverse, numbers = grid_of(depth, inverse=True), grid_of(depth, inverse=False)
    if inverse is None or numbers is None or np.count_nonzero(negative) > _MOST_NEGATIVE * negative.size:
        return None
    low, high = np.percentile(numbers.numbers[numbers.known], (2, 98))
    moved = np.clip((numbers.numbers - low) / max(float(high - low), 1e-12) + _SHIFTED_TO, 1e-3, 3.0)
    own = planes_of(replace(numbers, numbers=moved)).shares
    return float(planes_of(inverse).shares.sum()), float(own.sum()) if len(own) > 1 else 0.0

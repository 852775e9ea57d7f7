"""Whether the shape of a depth map is that of its kind.

Planes are linear in the pixels of inverse depth and of disparity, and bent in depth. A sensor measures well enough to
tell which of the two the numbers are.
"""

from __future__ import annotations

import numpy as np

from pipeline.geometry.self_calibration import straight_planes
from pipeline.records import DepthKind, DepthMap, ScaleSource
from pipeline.records.errors import InputError

# Share of the pixels by which planes must be straighter in the numbers than in their inverse. Of 87 true metric maps,
# real and rendered, none is straighter in its numbers; given as disparity, most have 0.4 of their pixels on planes of
# the inverse, where disparity of networks has at most 0.34.
_STRAIGHTER, _LEAST_STRAIGHT, _MUCH_STRAIGHTER = 0.08, 0.42, 0.1
# Disparity is known up to a shift; it is moved so that its 2nd percentile lies here, in units of its range.
_SHIFTED_TO = 0.3


def check_kind(depth: DepthMap, name: str) -> None:
    """Refuse dense depth whose planes are straight where those of its kind are not.

    Args:
        depth: Metric depth of a sensor, or disparity; other kinds are not checked.
        name: What to call it in the error.

    Raises:
        InputError: If metric depth is inverse depth or disparity, or disparity is depth.
    """
    if depth.sampling.is_scattered:
        return
    values, known = depth.values, depth.valid
    valid = known & (values > 0)
    if depth.kind is DepthKind.METRIC and depth.scale_source is ScaleSource.SENSOR and valid.any():
        inverse, own = _straight(values, valid)
        if own - inverse > _STRAIGHTER:
            raise InputError(
                f"{name} is hardly depth in metres: planes are straight in it, as in disparity or inverse depth; "
                "invert it, give depth_kind=disparity_affine, or set input.trust_input=true."
            )
    if depth.kind is DepthKind.DISPARITY_AFFINE and valid.any() and valid.sum() > 0.98 * known.sum():
        inverse, own = _straight(values, valid)
        if inverse >= _LEAST_STRAIGHT and inverse - own > _MUCH_STRAIGHTER:
            raise InputError(
                f"{name} is hardly disparity: planes are bent in it, as in depth; give depth_kind=metric with its "
                "depth_scale, or depth_kind=scale_invariant, or set input.trust_input=true."
            )


def _straight(values: np.ndarray, valid: np.ndarray) -> tuple[float, float]:
    """Shares on planes of the inverse, and of the numbers themselves; the latter is 0 for a single plane.

    A single plane of the numbers may be a ramp that somebody drew.
    """
    inverse, _ = straight_planes(DepthMap(values, valid, DepthKind.SCALE_INVARIANT), of_inverse=True)
    low, high = np.percentile(values[valid][::7], (2, 98))
    moved = (values - low) / max(float(high - low), 1e-12) + _SHIFTED_TO
    numbers = DepthMap(np.clip(moved, 1e-3, 3.0), valid, DepthKind.SCALE_INVARIANT)
    own, count = straight_planes(numbers, of_inverse=False)
    return inverse, own if count > 1 else 0.0

"""Triangles over the pixels of a depth map that do not bridge steps in depth.

Convention: z-depth of a pinhole camera; a vertex is the centre of a pixel; a triangle is counter-clockwise seen from
the camera with y up.
"""

from __future__ import annotations

import math

import numpy as np

from pipeline.geometry.robust import CLEAR
from pipeline.records.camera import Camera

# A surface that is turned away from the view by more than this looks like a step [deg].
_STEEPEST_DEG = 82.0
# A jump that neither side continues is a step if a surface turned by this much does not explain it [deg].
_BEND_DEG = 45.0


def grid_triangles(
    z: np.ndarray, valid: np.ndarray, camera: Camera, noise: np.ndarray | float = 0.0, step_px: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles between neighbouring pixels that see the same surface.

    The inverse depth of a plane is linear over the image (Hartley & Zisserman, 2nd ed., sec. 13.1), so two neighbours
    lie on one surface if the inverse depth on either side continues to the other one. A larger jump than any surface
    that is not seen edge-on is a step anyway.

    Args:
        z: float (H, W), z of every pixel in any unit.
        valid: bool (H, W), pixels with depth.
        camera: Intrinsics of a frame of that size [px].
        noise: Error from pixel to pixel, as a fraction of z, float or (H, W).
        step_px: Every how many pixels a vertex is taken [px].

    Returns:
        ``pixels``, int32 (N, 2), pixel (u, v) of each vertex [px]; ``triangles``, int32 (M, 3), indices of vertices.
        Vertices without a triangle are left out.

    Raises:
        ValueError: If the step is below one pixel.
    """
    if step_px < 1:
        raise ValueError(f"A step of {step_px} px.")
    offset = min(step_px // 2, *((side - 1) // 2 for side in z.shape))
    rows, columns = (np.arange(offset, side, step_px) for side in z.shape)
    grid = np.ix_(rows, columns)
    kept = valid[grid] & np.isfinite(z[grid]) & (z[grid] > 0)
    inverse = 1 / np.where(kept, z[grid], 1.0).astype(np.float64)
    error = np.broadcast_to(np.asarray(noise, dtype=np.float64), z.shape)[grid]
    across = _is_joined(inverse, kept, error, step_px / camera.fx)
    down = _is_joined(inverse.T, kept.T, error.T, step_px / camera.fy).T
    numbers = np.arange(kept.size, dtype=np.int32).reshape(kept.shape)
    # Two triangles per square, each with two of its sides.
    upper = across[:-1] & down[:, :-1]
    lower = across[1:] & down[:, 1:]
    top_left, top_right = numbers[:-1, :-1], numbers[:-1, 1:]
    low_left, low_right = numbers[1:, :-1], numbers[1:, 1:]
    corners = [
        np.stack((top_left, low_left, top_right), axis=-1)[upper],
        np.stack((top_right, low_left, low_right), axis=-1)[lower],
    ]
    triangles = np.concatenate(corners)
    used, triangles = np.unique(triangles, return_inverse=True)
    pixels = np.stack((columns[used % len(columns)], rows[used // len(columns)]), axis=1).astype(np.int32)
    return pixels, triangles.reshape(-1, 3).astype(np.int32)


def _is_joined(inverse: np.ndarray, kept: np.ndarray, error: np.ndarray, angle: float) -> np.ndarray:
    """Whether each pixel (H, W) and its right neighbour see one surface, bool (H, W - 1).

    Args:
        inverse: float64 (H, W), inverse depth.
        kept: bool (H, W), pixels with depth.
        error: float64 (H, W), error from pixel to pixel, as a fraction.
        angle: Angle between the rays of neighbours [rad].
    """
    both = kept[:, :-1] & kept[:, 1:]
    # Jumps as fractions of the inverse depth of the farther one.
    least = np.minimum(inverse[:, :-1], inverse[:, 1:])
    noise = CLEAR * np.hypot(error[:, :-1], error[:, 1:])
    jump = np.abs(np.diff(inverse, axis=1)) / least
    steep = jump > math.tan(math.radians(_STEEPEST_DEG)) * angle + noise
    slope = np.diff(inverse, axis=1)
    # The surface of a pixel without a neighbour on its other side is taken to face the camera.
    known = np.where(both & ~steep, slope, 0.0)
    before, after = (
        np.pad(known, ((0, 0), pad))[:, cut] for pad, cut in (((1, 0), slice(-1)), ((0, 1), slice(1, None)))
    )
    gaps = [np.abs(slope - beside) for beside in (before, after)]
    unexplained = np.minimum(*gaps) / least
    # The difference of two slopes holds the errors of three pixels, the middle one twice.
    bent = unexplained > math.tan(math.radians(_BEND_DEG)) * angle + math.sqrt(3) * noise
    joined: np.ndarray = both & ~steep & ~bent
    return joined

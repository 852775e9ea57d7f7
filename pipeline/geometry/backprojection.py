"""From pixels and z-depth to points, and back.

Convention: OpenCV axes; pixel (0, 0) is the centre of the top-left pixel; depth is along z, not along
the ray. Hartley & Zisserman, "Multiple View Geometry", 2nd ed., eq. 6.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from pipeline.records.camera import Camera


def back_project(
    depth: np.ndarray, camera: Camera, mask: np.ndarray | None = None, dtype: DTypeLike = np.float64
) -> np.ndarray:
    """Points of a depth map.

    Args:
        depth: float (H, W), z of every pixel in any unit.
        camera: Intrinsics of a frame of that size [px].
        mask: Optional bool (H, W); only these pixels are back-projected.
        dtype: Type of the points; float32 is faster and good to about 1e-7 of the depth.

    Returns:
        (N, 3) in the unit of ``depth``, in row-major order of the pixels.

    Example:
        >>> camera = Camera(10, 10, 1, 0, width=2, height=1)
        >>> back_project(np.array([[5.0, 5.0]]), camera).tolist()
        [[-0.5, 0.0, 5.0], [0.0, 0.0, 5.0]]
    """
    top, bottom, left, right = 0, depth.shape[0], 0, depth.shape[1]
    if mask is not None:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows) == 0:
            return np.empty((0, 3), dtype)
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        depth, mask = depth[top:bottom, left:right], mask[top:bottom, left:right]
    ray_x = ((np.arange(left, right) - camera.cx) / camera.fx).astype(dtype)
    ray_y = ((np.arange(top, bottom) - camera.cy) / camera.fy).astype(dtype)[:, None]
    # One contiguous row per axis: writing x, y, z interleaved takes twice as long.
    if mask is None or mask.all():
        planes = np.empty((3, *depth.shape), dtype)
        np.multiply(depth, ray_x, out=planes[0])
        np.multiply(depth, ray_y, out=planes[1])
        planes[2] = depth
        return planes.reshape(3, -1).T
    z = depth[mask]
    points = np.empty((3, len(z)), dtype)
    np.multiply(np.broadcast_to(ray_x, depth.shape)[mask], z, out=points[0])
    np.multiply(np.repeat(ray_y[:, 0], mask.sum(axis=1)), z, out=points[1])
    points[2] = z
    return points.T


def back_project_pixels(columns: np.ndarray, rows: np.ndarray, z: np.ndarray, camera: Camera) -> np.ndarray:
    """Points of chosen pixels.

    Args:
        columns: (N,) u of each pixel [px], whole or fractional.
        rows: (N,) v of each pixel [px].
        z: (N,) depth of each pixel, in any unit.
        camera: Intrinsics [px].

    Returns:
        float64 (N, 3) in the unit of ``z``.
    """
    z = np.asarray(z, dtype=np.float64)
    return np.stack(((columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z), axis=1)


def project(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Pixels of points.

    Args:
        points: float (N, 3) in the camera frame, in any unit.
        camera: Intrinsics [px].

    Returns:
        float64 (N, 2) as (u, v) [px]; NaN for points that do not lie in front of the camera.
    """
    points = np.asarray(points, dtype=np.float64)
    z = np.where(points[:, 2] > 0, points[:, 2], np.nan)
    return np.stack((camera.fx * points[:, 0] / z + camera.cx, camera.fy * points[:, 1] / z + camera.cy), axis=1)

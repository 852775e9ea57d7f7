"""Projections of cameras, rigid motions, and the places of points in an image.

Convention: a 3 x 4 or 3 x 3 projection P maps points to ``(u, v, 1) ~ P @ point``; it is split into intrinsics and a
pose (Hartley & Zisserman, "Multiple View Geometry", 2nd ed., 6.2.4), so that everything else is in the camera frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import rq

from pipeline.geometry.backprojection import project
from pipeline.records.camera import Camera
from pipeline.records.errors import RecordError

# Largest skew of a pinhole camera, as a share of the focal length.
_MOST_SKEW = 0.01


def split_projection(projection: np.ndarray, width: int, height: int) -> tuple[Camera, np.ndarray]:
    """Intrinsics and pose of a projection.

    Args:
        projection: float (3, 3) or (3, 4).
        width: Width of the image [px].
        height: Height of the image [px].

    Returns:
        The camera, and float64 (4, 4) that takes points into its frame.

    Raises:
        RecordError: If the matrix is not the projection of a pinhole camera.
    """
    matrix = np.asarray(projection, dtype=np.float64)
    is_matrix = matrix.shape in ((3, 3), (3, 4)) and bool(np.isfinite(matrix).all())
    if not is_matrix or abs(np.linalg.det(matrix[:, :3])) < 1e-9:
        raise RecordError(f"A projection must be a regular matrix of 3 x 3 or 3 x 4, not {matrix.tolist()}.")
    upper, rotation = rq(matrix[:, :3])
    signs = np.diag(np.where(np.diag(upper) < 0, -1.0, 1.0))
    upper, rotation = upper @ signs, signs @ rotation
    if np.linalg.det(rotation) < 0:
        # A projection is known up to its sign; points in front of the camera must have positive z.
        rotation, matrix = -rotation, -matrix
    intrinsics = upper / upper[2, 2]
    if abs(intrinsics[0, 1]) > _MOST_SKEW * intrinsics[0, 0]:
        raise RecordError(
            f"The projection has a skew of {intrinsics[0, 1]:.1f} px; it must be that of a pinhole camera without skew."
        )
    translation = np.linalg.solve(upper, matrix[:, 3]) if matrix.shape[1] == 4 else np.zeros(3)
    (fx, _, cx), (_, fy, cy), _ = intrinsics.tolist()
    return Camera(fx, fy, cx, cy, width, height), pose_of(rotation, translation)


def pose_of(rotation: np.ndarray, translation: np.ndarray | Sequence[float]) -> np.ndarray:
    """Rigid motion, float64 (4, 4), of a rotation (3, 3) and a translation (3,)."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, translation
    return pose


def moved(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Points (N, 3) after a rigid motion (4, 4)."""
    turned: np.ndarray = np.asarray(points, dtype=np.float64) @ pose[:3, :3].T + pose[:3, 3]
    return turned


def rasterised(points_m: np.ndarray, camera: Camera, *, radius_px: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Depth map of points; of several on one pixel, the nearest counts.

    Args:
        points_m: float (N, 3) in the camera frame [m].
        camera: Intrinsics.
        radius_px: Half side of the square that a point covers around its pixel [px].

    Returns:
        Depth, float32 (H, W) [m], 0 where unknown; and bool (H, W), where it is known.
    """
    pixels = project(points_m, camera)
    kept = np.isfinite(pixels).all(axis=1) & (np.abs(pixels) < 1e6).all(axis=1)
    columns, rows = np.round(pixels[kept]).astype(np.intp).T if kept.any() else np.empty((2, 0), np.intp)
    z = np.asarray(points_m)[kept, 2].astype(np.float32)
    depth = np.full((camera.height, camera.width), np.inf, dtype=np.float32)
    for down in range(-radius_px, radius_px + 1):
        for right in range(-radius_px, radius_px + 1):
            v, u = rows + down, columns + right
            inside = (v >= 0) & (v < camera.height) & (u >= 0) & (u < camera.width)
            np.minimum.at(depth, (v[inside], u[inside]), z[inside])
    valid = np.isfinite(depth)
    return np.where(valid, depth, 0).astype(np.float32), valid

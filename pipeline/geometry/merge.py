"""Points of several posed frames in one space, and whether the frames agree about them.

Convention: a pose is camera-to-world, float64 (4, 4), of a rotation and a translation, OpenCV axes, in the unit of
the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pipeline.geometry.backprojection import project
from pipeline.geometry.extents import thin
from pipeline.geometry.robust import CLEAR, FEWEST, MOST, MOST_COMPARED
from pipeline.records.camera import Camera


@dataclass(frozen=True)
class Agreement:
    """How two frames' points of one object fit together.

    Args:
        is_contradiction: Whether they cannot show the same object.
        offset: Distance of the medians, in the points' unit.
    """

    is_contradiction: bool
    offset: float


def relative_pose(pose: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Reference camera from camera: the pose in the reference camera's frame, float64 (4, 4)."""
    turn = reference[:3, :3].T
    relative = np.eye(4)
    relative[:3, :3] = turn @ pose[:3, :3]
    relative[:3, 3] = turn @ (pose[:3, 3] - reference[:3, 3])
    return relative


def moved(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Points (N, 3) of a camera's frame, in the frame to which the pose leads; float64 (N, 3).

    Example:
        >>> pose = np.eye(4); pose[:3, 3] = 1, 2, 3
        >>> moved(np.array([[0, 0, 1.0]]), pose).tolist()
        [[1.0, 2.0, 4.0]]
    """
    there: np.ndarray = np.asarray(points, dtype=np.float64) @ pose[:3, :3].T + pose[:3, 3]
    return there


def merged(clouds: Sequence[np.ndarray], poses: Sequence[np.ndarray], reference: np.ndarray) -> np.ndarray:
    """Clouds of several frames in one frame.

    Args:
        clouds: One (N_k, 3) per frame, in its camera frame.
        poses: One per frame.
        reference: Pose of the camera in whose frame the result is.

    Returns:
        float64 (N, 3), one cloud after the other.
    """
    return np.concatenate(
        [moved(cloud, relative_pose(pose, reference)) for cloud, pose in zip(clouds, poses, strict=True)]
    )


def agreement(first: np.ndarray, second: np.ndarray, error: float, *, spread: float = 0.0) -> Agreement:
    """Whether two frames' points of one object, in one space, fit together.

    Frames that see different sides share only an edge, so clouds contradict each other only where even the nearest
    parts are farther apart than the error, and the medians farther than the error and the object itself.

    Args:
        first: float (N, 3).
        second: float (M, 3).
        error: Standard deviation of a distance between two points, one of each.
        spread: Distance between neighbouring points of a cloud, which counts as error too.

    Returns:
        The agreement; clouds of fewer than ``FEWEST`` points contradict nothing.
    """
    if min(len(first), len(second)) < FEWEST:
        return Agreement(False, float("inf"))
    first, second = thin(first, MOST_COMPARED), thin(second, MOST_COMPARED)
    distances = [cKDTree(two).query(one)[0] for one, two in ((first, second), (second, first))]
    within = CLEAR * error + spread
    nearest = min(float(np.percentile(part, 10)) for part in distances)
    offset = float(np.linalg.norm(np.median(first, axis=0) - np.median(second, axis=0)))
    size = max(float(np.linalg.norm(np.ptp(np.percentile(part, (5, 95), axis=0), axis=0))) for part in (first, second))
    return Agreement(nearest > within and offset > within + size, offset)


def seen_through(
    points: np.ndarray, depth_values: np.ndarray, valid: np.ndarray, camera: Camera, error: float
) -> float | None:
    """Share of points that a frame looks through: its depth there lies clearly behind them.

    Args:
        points: float (N, 3) in that frame's camera frame.
        depth_values: float (H, W), its z, in the points' unit.
        valid: bool (H, W), where it means something.
        camera: Its intrinsics.
        error: Standard deviation of the difference between a point's z and the depth.

    Returns:
        A share in [0, 1], or None where fewer than ``FEWEST`` points lie on valid depth of its image.
    """
    points = thin(np.asarray(points, dtype=np.float64), MOST_COMPARED)
    pixels = project(points, camera)
    inside = np.isfinite(pixels).all(axis=1)
    columns, rows = np.round(np.where(inside[:, None], pixels, -1)).astype(np.intp).T
    inside &= (columns >= 0) & (rows >= 0) & (columns < camera.width) & (rows < camera.height)
    inside[inside] = valid[rows[inside], columns[inside]]
    if np.count_nonzero(inside) < FEWEST:
        return None
    behind = depth_values[rows[inside], columns[inside]] - points[inside, 2]
    return float((behind > CLEAR * error).mean())


def contradicts(first: Agreement, through: Sequence[float | None]) -> bool:
    """Whether two frames contradict each other, by distance or because one looks through the other's points."""
    return first.is_contradiction or any(share is not None and share > MOST for share in through)

"""Returns of a scanner as depth of an image.

Convention: ``lidar_to_camera`` takes points from the scanner's frame to that of the camera, OpenCV axes, metres.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.geometry.backprojection import project
from pipeline.geometry.projections import moved, pose_of, rasterised, split_projection
from pipeline.geometry.scattered import depth_of_returns
from pipeline.ingest.files import existing_file
from pipeline.ingest.kitti_calibration import read_calibration, velodyne_to_rectified
from pipeline.ingest.point_files import read_point_file
from pipeline.records import Camera, DepthMap, Frame
from pipeline.records.errors import InputError, RecordError

LidarPose = tuple[tuple[float, ...], ...] | Path
"""Rows of a 4 x 4 matrix, or the path of a KITTI calibration."""

BACKEND = "lidar"
_HOW = "give a rigid 4 x 4 matrix [m] from the scanner to the camera, or the path of a KITTI calibration"
# Rounded matrices of calibrations are rotations up to this.
_ROTATION_TOLERANCE = 1e-3
# A camera that looks where the scanner looks sees a larger share of its points.
_LEAST_SHARE = 0.001
# A scanner and a camera on one vehicle are closer [m].
_MOST_APART_M = 50.0
# No scanner sees that far [m].
_FARTHEST_M = 2000.0
# Axes of most scanners (x forward, y left, z up) in those of a camera.
_AXES = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], dtype=np.float64)


def depth_of_points(path: str | Path, lidar_to_camera: LidarPose, camera: Camera, *, scale_m: float = 1.0) -> DepthMap:
    """Depth of the points of a scanner that lie in an image; of several on one pixel, the nearest counts.

    Args:
        path: File of points, see ``read_point_file``.
        lidar_to_camera: From the scanner's frame to the camera's.
        camera: Intrinsics of the image.
        scale_m: Metres per unit of the points.

    Returns:
        Scattered metric depth of the image's size, of backend ``lidar``.

    Raises:
        InputError: If the file cannot be read, nearly none of its points lie in the image, or they lie farther away
            than a scanner sees.
    """
    points = read_point_file(path) * scale_m
    pose, _ = read_lidar_pose(lidar_to_camera)
    share = _share_inside(moved(points, pose), camera)
    if share < max(_LEAST_SHARE, 0.5 / len(points)):
        raise InputError(
            f"Only {share:.2%} of the points of {path} lie in the image, so lidar_to_camera is wrong: "
            f"{_likely_cause(points, pose, camera)}."
        )
    depth, valid = rasterised(moved(points, pose), camera)
    middle_m = float(np.median(depth[valid]))
    if middle_m > _FARTHEST_M:
        raise InputError(
            f"The points of {path} lie {middle_m:.0f} m away, farther than a scanner sees; "
            "if they are in millimetres, give depth_scale=0.001."
        )
    return depth_of_returns(depth, valid, BACKEND)


def _likely_cause(points_m: np.ndarray, pose: np.ndarray, camera: Camera) -> str:
    """What may be wrong with a pose that takes nearly all points out of the image."""
    away_m = float(np.linalg.norm(pose[:3, 3]))
    if away_m > _MOST_APART_M:
        return f"its translation puts the scanner {away_m:.0f} m from the camera; give it in metres"
    axes = pose_of(_AXES, np.zeros(3))
    others = {
        "its inverse, which leads from the camera to the scanner, was given": np.linalg.inv(pose),
        "it leads to a frame with x forward and z up, not to the camera's (x right, y down, z forward)": axes @ pose,
    }
    shares = {cause: _share_inside(moved(points_m, other), camera) for cause, other in others.items()}
    best = max(shares, key=lambda cause: shares[cause])
    if shares[best] < 10 * _LEAST_SHARE:
        return f"it must lead to the camera's frame (x right, y down, z forward) [m]; {_HOW}"
    return f"probably {best} ({shares[best]:.0%} of the points would lie in the image)"


def _share_inside(points_m: np.ndarray, camera: Camera) -> float:
    pixels = project(points_m, camera)
    inside = (pixels > -0.5) & (pixels < (camera.width - 0.5, camera.height - 0.5))
    return float(inside.all(axis=1).mean())


def lidar_poses(value: Any, folder: Path = Path()) -> tuple[LidarPose, ...]:
    """One pose of a scanner, or one per frame, from a manifest or a configuration.

    Args:
        value: A rigid 4 x 4 or 3 x 4 matrix, also row by row in one list, or its JSON; the path of a calibration of
            KITTI's object data set; or a list of these.
        folder: Paths are relative to it.

    Raises:
        InputError: If one of them is something else, or its matrix is not rigid.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InputError(f"{value[:60]!r} is not JSON; {_HOW}.") from None
    if isinstance(value, str | PathLike):
        return (_path(value, folder),)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple) or not value:
        raise InputError(f"it must not be {value!r:.60}; {_HOW}.")
    if all(isinstance(part, str | PathLike) for part in value):
        return tuple(_path(part, folder) for part in value)
    if _is_number(value[0]) or (isinstance(value[0], list | tuple) and value[0] and _is_number(value[0][0])):
        return (_matrix(value),)
    return tuple(_path(part, folder) if isinstance(part, str | PathLike) else _matrix(part) for part in value)


def _path(value: str | PathLike[str], folder: Path) -> Path:
    if not str(value).strip():
        raise InputError(f"a path must not be empty; {_HOW}.")
    return folder / value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _matrix(value: Any) -> tuple[tuple[float, ...], ...]:
    try:
        matrix = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        matrix = np.empty(0)
    if matrix.shape in ((12,), (16,)):
        matrix = matrix.reshape(-1, 4)
    if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise InputError(f"it must be a 4 x 4 matrix of finite numbers, not {value!r:.60}; {_HOW}.")
    matrix = np.vstack((matrix[:3], (0, 0, 0, 1))) if matrix.shape == (3, 4) else matrix
    if not np.allclose(matrix[3], (0, 0, 0, 1), atol=1e-6):
        hint = "it is probably transposed" if np.allclose(matrix[:3, 3], 0) else _HOW
        raise InputError(f"the last row of its matrix must be 0 0 0 1, not {matrix[3].tolist()}; {hint}.")
    rotation = matrix[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=_ROTATION_TOLERANCE):
        raise InputError(f"the 3 x 3 part of its matrix is not a rotation; {_HOW}, without the intrinsics.")
    if np.linalg.det(rotation) < 0:
        raise InputError("its matrix mirrors; an axis has the wrong sign, or two are exchanged.")
    return tuple(map(tuple, matrix.tolist()))


def read_lidar_pose(pose: LidarPose) -> tuple[np.ndarray, np.ndarray | None]:
    """The rigid motion of a pose, and the projection of its camera where it comes with one.

    Returns:
        float64 (4, 4); and float64 (3, 4), KITTI's ``P2``, or None.

    Raises:
        InputError: If the calibration cannot be read, or its motion is not rigid.
    """
    if not isinstance(pose, Path):
        return np.array(pose), None
    file = existing_file(pose, "a calibration")
    calibration = read_calibration(file)
    try:
        # The size does not matter for the motion.
        _, to_camera = split_projection(calibration["P2"], 1, 1)
        matrix = _matrix((to_camera @ velodyne_to_rectified(calibration)).tolist())
        return np.array(matrix), calibration["P2"]
    except (InputError, RecordError) as error:
        raise InputError(f"The calibration {file} cannot be used: {error}") from None


def camera_of_pose(poses: Sequence[LidarPose], index: int, width: int, height: int) -> Camera | None:
    """The camera that comes with the pose of a frame, for an image of that size [px]; None without one."""
    if not poses:
        return None
    _, projection = read_lidar_pose(pose_of_frame(poses, index))
    return None if projection is None else split_projection(projection, width, height)[0]


def pose_of_frame(poses: Sequence[LidarPose], index: int) -> LidarPose:
    """The pose of a frame, where there is one for each or one for all."""
    return poses[index if len(poses) > 1 else 0]


def scanned_frame(rgb: np.ndarray, camera: Camera, points_m: np.ndarray, *, name: str, backend: str = BACKEND) -> Frame:
    """An image with the returns of a scanner, one pixel each, see ``rasterised``."""
    depth = depth_of_returns(*rasterised(points_m, camera), backend)
    return Frame(rgb, camera, given_depth=depth, name=name)

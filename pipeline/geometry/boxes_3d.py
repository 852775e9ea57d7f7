"""Oriented boxes in space: around points, over each other, and in the image.

Convention: boxes are ``Box3D`` records in the camera frame, OpenCV axes, turned by ``Rz @ Ry @ Rx``; lengths are
metres, or the unit of the points where depth is known up to its scale only.
"""

from __future__ import annotations

import math
from itertools import product

import cv2
import numpy as np
from scipy.spatial import ConvexHull, QhullError

from pipeline.geometry.backprojection import project
from pipeline.geometry.extents import thin
from pipeline.geometry.robust import MOST_COMPARED, REFITS
from pipeline.records import Box, Box3D
from pipeline.records.camera import Camera

# What is closer to the camera's plane is cut off [m].
_NEAREST_M = 0.05
TRIM_PERCENT = 0.5
"""Share of the points beyond each face of a box that are taken for outliers [%]."""
# Angles that are compared.
_ANGLES = 60
# Rectangles up to this much larger than the smallest are chosen by how well points line their edges.
_ALMOST_SMALLEST = 1.12
# Pairs of the corners of ``Box3D`` that are edges: those that differ along one axis.
_SIGNS = np.array(list(product((-1, 1), repeat=3)))
_EDGES = np.argwhere(np.tril((_SIGNS[:, None] != _SIGNS).sum(axis=-1) == 1))


def rotation_angles(rotation: np.ndarray) -> tuple[float, float, float]:
    """Angles about x, y, z [rad] whose ``Rz @ Ry @ Rx`` is the rotation (3, 3), the inverse of ``Box3D.rotation``."""
    sin_y = float(np.clip(-rotation[2, 0], -1, 1))
    if abs(sin_y) > 1 - 1e-12:
        # Only the sum or difference of the other two angles is known.
        return 0.0, math.asin(sin_y), math.atan2(-rotation[0, 1], rotation[1, 1])
    return (
        math.atan2(rotation[2, 1], rotation[2, 2]),
        math.asin(sin_y),
        math.atan2(rotation[1, 0], rotation[0, 0]),
    )


def points_in_box(points: np.ndarray, box: Box3D, grow: float = 0.0) -> np.ndarray:
    """Which points lie in a box.

    Args:
        points: float (N, 3) in the camera frame, in the box's unit.
        box: The box.
        grow: By how much each face is moved outward first, in that unit.

    Returns:
        bool (N,).
    """
    own = (np.asarray(points, dtype=np.float64) - box.center_m) @ box.rotation
    inside: np.ndarray = (np.abs(own) <= np.array(box.size_m) / 2 + grow).all(axis=1)
    return inside


def ray_intervals(directions: np.ndarray, box: Box3D, grow: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Where rays from the camera enter and leave a box (the slab method, Kay & Kajiya 1986).

    Args:
        directions: float (N, 3) in the camera frame.
        box: The box.
        grow: By how much each face is moved outward first, in the box's unit.

    Returns:
        (enter, leave), float64 (N,), as multiples of the directions; 0 is the camera. NaN where a ray misses the box
        or has it behind itself.
    """
    rotation = box.rotation
    half = np.array(box.size_m) / 2 + grow
    own, start = np.asarray(directions, dtype=np.float64) @ rotation, -np.array(box.center_m) @ rotation
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (-half - start) / own, (half - start) / own
    # A ray within a face's plane is neither before nor behind it.
    enter = np.nanmax(np.minimum(first, second), axis=1)
    leave = np.nanmin(np.maximum(first, second), axis=1)
    hits = (leave >= enter) & (leave > 0)
    return np.where(hits, np.maximum(enter, 0), np.nan), np.where(hits, leave, np.nan)


def project_box(box: Box3D, camera: Camera) -> Box | None:
    """The smallest box of the image around a box in space, clipped to the image.

    Args:
        box: The box.
        camera: Intrinsics.

    Returns:
        (left, top, right, bottom) [px] with the top-left corner of the image at (0, 0); None where the box reaches
        behind the camera or lies outside the image.
    """
    pixels = project(box.corners_m, camera) + 0.5
    if not np.isfinite(pixels).all():
        return None
    limits = (camera.width, camera.height)
    left, top = np.clip(pixels.min(axis=0), 0, limits)
    right, bottom = np.clip(pixels.max(axis=0), 0, limits)
    if left >= right or top >= bottom:
        return None
    return float(left), float(top), float(right), float(bottom)


def box_outline(box: Box3D, camera: Camera) -> np.ndarray:
    """Convex outline of the part of a box that an image shows, were nothing in front of it.

    Edges are cut at a plane near the camera, and the outline at the image's edges (Sutherland & Hodgman 1974).

    Args:
        box: The box.
        camera: Intrinsics.

    Returns:
        float64 (N, 2), corners (u, v) in their order, the centre of the top-left pixel at (0, 0); N is 0 where nothing
        is shown or the camera is inside the box.
    """
    corners = box.corners_m
    inside = (np.abs(-np.array(box.center_m) @ box.rotation) <= np.array(box.size_m) / 2).all()
    start, end = corners[_EDGES[:, 0]], corners[_EDGES[:, 1]]
    crosses = (start[:, 2] < _NEAREST_M) != (end[:, 2] < _NEAREST_M)
    start, way = start[crosses], (end - start)[crosses]
    cuts = start + way * ((_NEAREST_M - start[:, 2]) / way[:, 2])[:, None]
    points = np.concatenate((corners[corners[:, 2] >= _NEAREST_M], cuts))
    if inside or len(points) < 3:
        return np.empty((0, 2))
    pixels = project(points, camera)
    outline = pixels[cv2.convexHull(pixels.astype(np.float32), returnPoints=False)[:, 0]]
    for axis, limit in ((0, camera.width - 0.5), (1, camera.height - 0.5)):
        outline = _cut(_cut(outline, axis, -0.5, 1), axis, limit, -1)
    return outline


def _cut(outline: np.ndarray, axis: int, limit: float, side: int) -> np.ndarray:
    """The part of a convex polygon (N, 2) where ``side * (coordinate - limit)`` is not negative."""
    beyond = np.roll(outline, -1, axis=0)
    here, there = side * (outline[:, axis] - limit), side * (beyond[:, axis] - limit)
    kept: list[np.ndarray] = []
    for point, following, before, after in zip(outline, beyond, here, there, strict=True):
        if before >= 0:
            kept.append(point)
        if before * after < 0:
            cut = point + (following - point) * before / (before - after)
            # Without its rounding.
            cut[axis] = limit
            kept.append(cut)
    return np.array(kept).reshape(-1, 2)


def box_iou_3d(first: Box3D, second: Box3D) -> float:
    """Volume that two boxes share, as a share of the volume that they fill together.

    Exact: the corners of the common convex body are corners of one box inside the other and points where edges of
    one pass through faces of the other; its volume is that of their convex hull.

    Args:
        first: A box, turned in any way.
        second: Another one.

    Returns:
        A share in [0, 1]; 0 where a box has no volume.

    Example:
        >>> unit = Box3D((0, 0, 0), (1, 1, 1))
        >>> round(box_iou_3d(unit, Box3D((0.5, 0, 0), (1, 1, 1))), 12)
        0.333333333333
    """
    volumes = [math.prod(box.size_m) for box in (first, second)]
    if min(volumes) <= 0:
        return 0.0
    corners = np.concatenate((_common_corners(first, second), _common_corners(second, first)))
    if len(corners) < 4:
        return 0.0
    try:
        common = float(ConvexHull(corners).volume)
    except QhullError:
        # All on a plane: the boxes only touch.
        return 0.0
    return float(np.clip(common / (sum(volumes) - common), 0, 1))


def _common_corners(first: Box3D, second: Box3D) -> np.ndarray:
    """The first's corners in the second, and its edges' passages through the second's faces, float64 (N, 3)."""
    turn, half = second.rotation, np.array(second.size_m) / 2
    own = (first.corners_m - second.center_m) @ turn
    slack = half + 1e-9 * (half.max() + max(first.size_m))
    found = [own[(np.abs(own) <= slack).all(axis=1)]]
    start, end = own[_EDGES[:, 0]], own[_EDGES[:, 1]]
    for axis in range(3):
        for face in (-half[axis], half[axis]):
            before, after = start[:, axis] - face, end[:, axis] - face
            passes = before * after < 0
            share = (before[passes] / (before[passes] - after[passes]))[:, None]
            points = start[passes] + share * (end[passes] - start[passes])
            found.append(points[(np.abs(points) <= slack).all(axis=1)])
    common: np.ndarray = np.concatenate(found) @ turn.T + second.center_m
    return common


def oriented_box(points: np.ndarray, up: np.ndarray) -> Box3D | None:
    """The smallest upright box around points, but for outliers.

    Its own z axis points up; seen from above it is the rectangle of least area, and where others are hardly larger,
    as around the two visible sides of something, the one whose edges the points line best (the closeness of Zhang
    et al., "Efficient L-shape fitting for vehicle detection", 2017). It holds what is visible, not what is hidden.

    Args:
        points: float (N, 3) in the camera frame, in any unit.
        up: float (3,), direction against gravity, of any length.

    Returns:
        The box in the points' unit; None for fewer than three points.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(points) < 3:
        return None
    vertical = np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
    first = np.cross(vertical, np.eye(3)[int(np.argmin(np.abs(vertical)))])
    first /= np.linalg.norm(first)
    level = points @ np.stack((first, np.cross(vertical, first)), axis=1)
    angle = _rectangle_angle(level)
    side = math.cos(angle) * first + math.sin(angle) * np.cross(vertical, first)
    rotation = np.stack((side, np.cross(vertical, side), vertical), axis=1)
    low, high = np.percentile(points @ rotation, (TRIM_PERCENT, 100 - TRIM_PERCENT), axis=0)
    centre = rotation @ ((low + high) / 2)
    return Box3D(tuple(centre), tuple(high - low), rotation_angles(rotation))


def _rectangle_angle(level: np.ndarray) -> float:
    """Angle of a side of the best rectangle around points (N, 2) [rad], in [0, pi/2)."""
    kept = level
    smallest = 0.0
    for _ in range(REFITS):
        smallest = _least_area_angle(kept)
        own = level @ _turn(smallest)
        low, high = np.percentile(own, (TRIM_PERCENT, 100 - TRIM_PERCENT), axis=0)
        within = ((own >= low) & (own <= high)).all(axis=1)
        if np.count_nonzero(within) < 3:
            break
        kept = level[within]
    angles = np.append(np.arange(_ANGLES) * (math.pi / 2 / _ANGLES), smallest)
    compared = thin(kept, MOST_COMPARED)
    best = _closest(compared, angles)
    # A finer look around the best one.
    fine = best + np.linspace(-1, 1, 13) * (math.pi / 2 / _ANGLES)
    return _closest(compared, np.append(fine, smallest)) % (math.pi / 2)


def _least_area_angle(level: np.ndarray) -> float:
    rectangle = cv2.minAreaRect(np.ascontiguousarray(level - level.mean(axis=0), dtype=np.float32))
    return math.radians(rectangle[2])


def _turn(angle: float) -> np.ndarray:
    """Axes of a rectangle as columns, float64 (2, 2)."""
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _closest(level: np.ndarray, angles: np.ndarray) -> float:
    """Of the angles whose rectangle is almost the smallest, the one whose edges the points line best."""
    own = np.stack(
        (
            np.outer(np.cos(angles), level[:, 0]) + np.outer(np.sin(angles), level[:, 1]),
            np.outer(np.cos(angles), level[:, 1]) - np.outer(np.sin(angles), level[:, 0]),
        )
    )
    low, high = own.min(axis=2), own.max(axis=2)
    area = np.prod(high - low, axis=0)
    edge = np.minimum(own - low[..., None], high[..., None] - own).min(axis=0)
    distance = edge.mean(axis=1)
    candidates = np.flatnonzero(area <= _ALMOST_SMALLEST * area.min() + 1e-30)
    return float(angles[candidates[int(np.argmin(distance[candidates]))]])

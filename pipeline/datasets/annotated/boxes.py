"""What boxes in space tell of an image: objects with their geometry, and who clearly hides whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from pipeline.datasets.annotated.ground_truth import AnnotatedImage
from pipeline.datasets.annotated.objects import AnnotatedObject
from pipeline.geometry.backprojection import project
from pipeline.records import Box, Box3D
from pipeline.records.camera import Camera

# Annotated centres err by about this share of the distance; orders within it are not clear.
_DEPTH_SHARE = 0.02
# The outline of what hides another covers at least this share of the other's outline.
_COVERED_SHARE = 0.25
# Outlines that share less than this do not hide each other.
_APART_SHARE = 0.0
# An object reaches out to the front of its box at least so near [m], so that no part of it is behind the camera.
_NEAREST_M = 0.05
# Cosine of the angle about y below which the angles about x and z cannot be told apart.
_GIMBAL_LOCK = 1e-6


def box_in_camera(center_m: np.ndarray, size_m: np.ndarray, rotation: np.ndarray) -> Box3D:
    """Box of a centre, full side lengths along its own axes, and its rotation matrix (3, 3), in the camera frame."""
    return Box3D(_triple(center_m), _triple(np.abs(size_m)), angles_of(rotation))


def angles_of(rotation: np.ndarray) -> tuple[float, float, float]:
    """Angles about x, y, z of a rotation matrix ``Rz @ Ry @ Rx`` [rad]; where only x - z is determined, z is 0."""
    level = math.hypot(rotation[0, 0], rotation[1, 0])
    angle_y = math.atan2(-rotation[2, 0], level)
    if level < _GIMBAL_LOCK:
        return math.atan2(-rotation[1, 2], rotation[1, 1]), angle_y, 0.0
    return (
        math.atan2(rotation[2, 1], rotation[2, 2]),
        angle_y,
        math.atan2(rotation[1, 0], rotation[0, 0]),
    )


def turn_about_y(angle_rad: float) -> np.ndarray:
    """Rotation matrix (3, 3) that turns z towards x."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[cos, 0, sin], [0, 1.0, 0], [-sin, 0, cos]])


def turn_about_z(angle_rad: float) -> np.ndarray:
    """Rotation matrix (3, 3) that turns x towards y."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def projected_box(box: Box3D, camera: Camera) -> Box | None:
    """The 2D box around a box in space, cut off at the image's edges.

    Returns:
        (left, top, right, bottom) [px], or None where it lies outside, or a corner of it is not in front.
    """
    corners = box.corners_m
    if corners[:, 2].min() < _NEAREST_M:
        return None
    pixels = project(corners, camera) + 0.5
    low, high = np.maximum(pixels.min(axis=0), 0), np.minimum(pixels.max(axis=0), (camera.width, camera.height))
    if (high - low).min() <= 1:
        return None
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def image_of_boxes(
    objects: Sequence[AnnotatedObject], camera: Camera, *, hidden: Mapping[str, bool] | None = None
) -> AnnotatedImage:
    """What is known of an image whose objects have boxes in space.

    Args:
        objects: Objects with boxes.
        camera: Intrinsics.
        hidden: For each label, whether the annotation says that a part of it is hidden; missing where it says nothing.
    """
    return AnnotatedImage(tuple(objects), occlusions_of_boxes(objects, camera, hidden or {}), depth_share=_DEPTH_SHARE)


def occlusions_of_boxes(
    objects: Sequence[AnnotatedObject], camera: Camera, hidden: Mapping[str, bool]
) -> dict[tuple[str, str], float]:
    """Pairs of which the geometry is clear.

    The front hides the back where its whole box lies nearer and its outline covers a good part of the other's, unless
    the annotation says that nothing of the back is hidden. The reverse is then false, and so is everything between
    neighbours whose outlines share nothing but whose 2D boxes overlap.

    Args:
        objects: Objects with boxes in space.
        camera: Intrinsics.
        hidden: What the annotation says of each label.
    """
    outlines = {item.label: _outline(item, camera) for item in objects}
    found: dict[tuple[str, str], float] = {}
    for position, first in enumerate(objects):
        for second in objects[:position]:
            assert first.box_z_m is not None and second.box_z_m is not None
            first_nearer = first.box_z_m < second.box_z_m
            front, back = (first, second) if first_nearer else (second, first)
            nearer, farther = sorted((first.box_z_m, second.box_z_m))
            one, other = outlines[front.label], outlines[back.label]
            if one is None or other is None or nearer[2] >= farther[1]:
                continue
            shared, _ = cv2.intersectConvexConvex(one, other)
            share = shared / max(cv2.contourArea(other), 1e-6)
            if share >= _COVERED_SHARE and hidden.get(back.label, True):
                found[front.label, back.label], found[back.label, front.label] = share, -share
            elif share <= _APART_SHARE and _boxes_overlap(front.box_px, back.box_px):
                found[front.label, back.label] = found[back.label, front.label] = -0.01
    return found


def _outline(item: AnnotatedObject, camera: Camera) -> np.ndarray | None:
    """Convex outline of a box in the image, float32 (N, 1, 2), or None where it is not all in front."""
    assert item.box_3d is not None
    corners = item.box_3d.corners_m
    if corners[:, 2].min() < _NEAREST_M:
        return None
    outline: np.ndarray = cv2.convexHull(project(corners, camera).astype(np.float32))
    return outline


def _boxes_overlap(first: Box, second: Box) -> bool:
    return bool(
        min(first[2], second[2]) > max(first[0], second[0]) and min(first[3], second[3]) > max(first[1], second[1])
    )

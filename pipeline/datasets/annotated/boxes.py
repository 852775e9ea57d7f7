"""Annotated images from boxes in space: objects with their geometry, and which of them clearly hide others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from pipeline.datasets.annotated.ground_truth import AnnotatedImage
from pipeline.datasets.annotated.objects import AnnotatedObject
from pipeline.geometry.boxes_3d import box_outline, rotation_angles
from pipeline.geometry.regions import boxes_gap
from pipeline.records import Box, Box3D, Camera

# Annotated centres err by about this share of the distance; orders within it are not clear.
_DEPTH_SHARE = 0.02
# The hiding object's outline covers at least this share of the hidden one's.
_COVERED_SHARE = 0.25


def box_in_camera(center_m: np.ndarray, size_m: np.ndarray, rotation: np.ndarray) -> Box3D:
    """Box of a centre, full side lengths along its own axes, and its rotation matrix (3, 3), in the camera frame."""
    return Box3D(_triple(center_m), _triple(np.abs(size_m)), rotation_angles(rotation))


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
    """The 2D box around the outline of a box in space, as far as the image shows it.

    Returns:
        (left, top, right, bottom) [px], or None where the image shows nothing of it, or the camera is inside it.
    """
    pixels = box_outline(box, camera) + 0.5
    if not len(pixels):
        return None
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if (high - low).min() <= 1:
        return None
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def image_of_boxes(
    objects: Sequence[AnnotatedObject], camera: Camera, *, hidden: Mapping[str, bool] | None = None
) -> AnnotatedImage:
    """The annotated image of objects with boxes in space.

    Args:
        objects: Objects with boxes.
        camera: Intrinsics.
        hidden: For each label, whether the annotation says that a part of it is hidden; missing where it says nothing.
    """
    return AnnotatedImage(tuple(objects), occlusions_of_boxes(objects, camera, hidden or {}), depth_share=_DEPTH_SHARE)


def occlusions_of_boxes(
    objects: Sequence[AnnotatedObject], camera: Camera, hidden: Mapping[str, bool]
) -> dict[tuple[str, str], float]:
    """Which objects clearly hide others, by their geometry.

    The front object hides the back one where its whole box lies nearer and its outline covers a good part of the
    other's, unless the annotation says that nothing of the back one is hidden. The reverse is then false. Neither of
    two objects hides the other where their outlines share nothing although their 2D boxes overlap.

    Args:
        objects: Objects with boxes in space.
        camera: Intrinsics.
        hidden: Whether the annotation says that a part of the label's object is hidden.
    """
    outlines = {item.label: _outline(item, camera) for item in objects}
    found: dict[tuple[str, str], float] = {}
    for position, first in enumerate(objects):
        for second in objects[:position]:
            assert first.box_z_m is not None and second.box_z_m is not None
            (nearer, front), (farther, back) = sorted(
                ((first.box_z_m, first), (second.box_z_m, second)), key=lambda item: item[0]
            )
            one, other = outlines[front.label], outlines[back.label]
            if one is None or other is None or nearer[2] >= farther[1]:
                continue
            shared, _ = cv2.intersectConvexConvex(one, other)
            share = shared / max(cv2.contourArea(other), 1e-6)
            if share >= _COVERED_SHARE and hidden.get(back.label, True):
                found[front.label, back.label], found[back.label, front.label] = share, -share
            elif share <= 0 and boxes_gap(front.box_px, back.box_px) < 0:
                found[front.label, back.label] = found[back.label, front.label] = -0.01
    return found


def _outline(item: AnnotatedObject, camera: Camera) -> np.ndarray | None:
    """Convex outline of a box within the image, float32 (N, 1, 2); None where the image shows nothing of it."""
    assert item.box_3d is not None
    outline = box_outline(item.box_3d, camera)
    return outline.astype(np.float32)[:, None] if len(outline) else None

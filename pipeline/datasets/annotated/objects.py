"""An annotated object of an image, measured from its visible pixels or from its box in space.

Convention: everything is in the camera frame of the image, OpenCV axes, metres.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from pipeline.geometry.backprojection import back_project
from pipeline.geometry.boxes_3d import points_in_box
from pipeline.geometry.extents import thin
from pipeline.geometry.objects import erode
from pipeline.geometry.regions import mask_box
from pipeline.records import Box, Box3D, Camera, Origin, Region

_MOST_POINTS = 3000
# Fewer points than this do not measure a box.
_FEWEST_POINTS = 20
# Quantile of the visible surface that stands for its nearest point: single pixels err.
_NEAREST = 0.05
# Most alternating projections between two boxes; a hundredth of this is enough unless they are nearly parallel.
_PROJECTIONS = 2000
# Share of points at either end of depth that may be strays, and the least gap to the others, as a share of z.
_STRAYS, _STRAY_SHARE = 0.02, 0.02
_UP = (0.0, -1.0, 0.0)


@dataclass(frozen=True, eq=False)
class AnnotatedObject:
    """One object of one image.

    Args:
        label: Unique name within the image.
        box_px: Box around its visible part [px].
        mask: Optional bool (H, W), its visible pixels.
        visible_z_m: Median, nearest and farthest z of its visible surface [m], where they were measured.
        range_m: Readings of its distance to the camera, (nearest, middle, farthest that may be meant) [m].
        points_m: Optional float64 (N, 3), points of its visible surface.
        box_3d: Optional oriented box of the whole of it.
        up: Unit vector against gravity.
        is_whole: Whether its whole side towards the camera is visible.
    """

    label: str
    box_px: Box
    mask: np.ndarray | None = None
    visible_z_m: tuple[float, float, float] | None = None
    range_m: tuple[float, float, float] | None = None
    points_m: np.ndarray | None = field(default=None, repr=False)
    box_3d: Box3D | None = None
    up: tuple[float, float, float] = _UP
    is_whole: bool = False

    @property
    def box_z_m(self) -> tuple[float, float, float] | None:
        """Depths of its box in space [m]: centre, nearest and farthest corner."""
        if self.box_3d is None:
            return None
        z = self.box_3d.corners_m[:, 2]
        return self.box_3d.center_m[2], float(z.min()), float(z.max())

    @property
    def z_m(self) -> float | None:
        """Its depth z: the median of its visible surface, else its box's centre [m]."""
        if self.visible_z_m is not None:
            return self.visible_z_m[0]
        return None if self.box_3d is None else self.box_3d.center_m[2]

    def region(self, *, mask: bool, box_3d: bool = False, frame: int = 0) -> Region:
        """The object as a region: with its mask where one exists and is wanted, else with its box alone."""
        return Region(
            self.label,
            self.box_px,
            frame,
            mask=self.mask if mask else None,
            box_3d=self.box_3d if box_3d else None,
            origin=Origin.GIVEN,
        )


def object_of_pixels(
    label: str,
    visible: np.ndarray,
    depth_m: np.ndarray,
    valid: np.ndarray,
    camera: Camera,
    *,
    box_px: Box | None = None,
    edge_px: int = 0,
    is_whole: bool = False,
) -> AnnotatedObject | None:
    """An object measured from its visible pixels.

    Args:
        label: Its name.
        visible: bool (H, W), its visible pixels.
        depth_m: float (H, W), measured z [m].
        valid: bool (H, W), where depth is known.
        camera: Intrinsics of the image.
        box_px: Its box, or None for the tight one around its pixels [px].
        edge_px: Width of its edge whose depth is not read, as it may belong to something else [px].
        is_whole: Whether nothing hides a part of it.

    Returns:
        The object, or None where none of its pixels has depth.
    """
    known = erode(visible, edge_px) & valid
    tight = mask_box(visible)
    if tight is None or not known.any():
        return None
    points = _without_strays(thin(back_project(depth_m, camera, known), _MOST_POINTS))
    z_m, range_m = _readings(points)
    return AnnotatedObject(label, box_px or tight, visible, z_m, (*range_m, range_m[1]), points, is_whole=is_whole)


def _without_strays(points_m: np.ndarray) -> np.ndarray:
    """The points without strays far in front of or behind all others, which sensors produce at edges."""
    z = points_m[:, 2]
    low, high = np.quantile(z, (_STRAYS, 1 - _STRAYS))
    reach = (high - low) / 2 + _STRAY_SHARE * high
    return points_m[(z > low - reach) & (z < high + reach)]


def _readings(points_m: np.ndarray) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """(median, nearest, farthest) z, and (nearest, median) distance to the camera, of visible points [m]."""
    nearest, median, farthest = np.quantile(points_m[:, 2], (_NEAREST, 0.5, 1 - _NEAREST))
    near, middle = np.quantile(np.linalg.norm(points_m, axis=1), (_NEAREST, 0.5))
    return (float(median), float(nearest), float(farthest)), (float(near), float(middle))


def object_of_box(
    label: str,
    box_px: Box,
    box_3d: Box3D,
    *,
    points_m: np.ndarray | None = None,
    up: tuple[float, float, float] = _UP,
) -> AnnotatedObject:
    """An object measured from its box in space; its visible surface lies somewhere within the box.

    Args:
        label: Its name.
        box_px: Its box in the image [px].
        box_3d: Its box in space.
        points_m: Points of the whole image, float (N, 3) in the camera frame; those inside the box are its own.
        up: Unit vector against gravity.
    """
    near = float(np.linalg.norm(nearest_in_box(box_3d, np.zeros(3))))
    middle = float(np.linalg.norm(box_3d.center_m))
    # The visible side is the near one, so its middle lies in front of the middle of the box.
    visible_z, ranges = None, (near, (near + middle) / 2)
    own = points_m[points_in_box(points_m, box_3d)] if points_m is not None else np.empty((0, 3))
    if len(own) >= _FEWEST_POINTS:
        visible_z, ranges = _readings(own)
    return AnnotatedObject(
        label,
        box_px,
        visible_z_m=visible_z,
        range_m=(*ranges, max(middle, ranges[1])),
        box_3d=box_3d,
        up=up,
    )


def unique_labels(names: Iterable[str]) -> list[str]:
    """The names, numbered where they occur several times: car, bench, car become car 1, bench, car 2."""
    names = list(names)
    total, seen = Counter(names), Counter[str]()
    labels = []
    for name in names:
        seen[name] += 1
        labels.append(f"{name} {seen[name]}" if total[name] > 1 else name)
    return labels


def nearest_in_box(box: Box3D, point_m: np.ndarray) -> np.ndarray:
    """The point of a solid box nearest to a point, float64 (3,)."""
    axes, half = box.rotation, np.array(box.size_m) / 2
    nearest: np.ndarray = axes @ np.clip(axes.T @ (point_m - box.center_m), -half, half) + box.center_m
    return nearest


def boxes_distance_m(first: Box3D, second: Box3D) -> float:
    """Distance between two solid boxes [m], 0 where they meet.

    Alternating projections onto two convex sets end at their nearest points (Cheney & Goldstein 1959).

    Example:
        >>> boxes_distance_m(Box3D((0, 0, 0), (2, 2, 2)), Box3D((4, 0, 0), (2, 2, 2)))
        2.0
    """
    point, distance = np.array(second.center_m), np.inf
    for _ in range(_PROJECTIONS):
        on_first = nearest_in_box(first, point)
        point = nearest_in_box(second, on_first)
        gap = float(np.linalg.norm(point - on_first))
        if distance - gap < 1e-9:
            break
        distance = gap
    return gap

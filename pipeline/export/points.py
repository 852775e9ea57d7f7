"""The points of a scene that pictures and files show: which pixels, where they are, and in what colour.

Convention: OpenCV axes (x right, y down, z forward), in metres if the depth is metric, else in the unit of the depth.
Frames that share a space are in the world frame of their poses, any other frame is in its own camera frame.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.export.palette import region_colours
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.far import end_of_scene
from pipeline.geometry.merge import moved
from pipeline.records import DepthKind, DepthMap, Origin, Region, Result, Scene

_FARTHEST = 2.0
"""Points beyond this multiple of the 98th percentile of a scene's depth are dropped as sensor errors."""
FARTHEST = 1e30
"""Coordinates from which on something is left out, because files hold float32 numbers."""

# Float32 numbers below it are exact to a tenth of a millimetre where the unit is metres.
_FAR_AWAY = 1000.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ColouredPoints:
    """Points with their colours, regions and pixels.

    Args:
        positions: float64 (N, 3), in the unit of the depth.
        colours: uint8 (N, 3), RGB.
        regions: int32 (N,), index in the result's regions, -1 for none.
        frames: int32 (N,), index of the frame that each point is seen in.
        pixels: int32 (N, 2), its pixel (u, v) in that frame [px], the top-left one (0, 0).
        is_world: Whether the positions are in the world frame of the poses, or in the camera frame of one frame.
        total: How many points the scene has, of which these are an even sample.
    """

    positions: np.ndarray
    colours: np.ndarray
    regions: np.ndarray
    frames: np.ndarray
    pixels: np.ndarray
    is_world: bool
    total: int

    def __len__(self) -> int:
        """Number of points."""
        return len(self.positions)

    @property
    def origin(self) -> np.ndarray:
        """What to subtract from positions before they become float32 numbers, float64 (3,), whole numbers.

        It is 0 unless the scene is so far from the origin, as in map coordinates, that millimetres would be lost.
        """
        if np.abs(self.positions).max() <= _FAR_AWAY:
            return np.zeros(3)
        middle = np.round(np.median(self.positions, axis=0))
        return middle if np.abs(middle).max() > _FAR_AWAY else np.zeros(3)


def coloured_points(
    scene: Scene, result: Result, max_points: int, frames: Sequence[int] | None = None, of_regions: bool = True
) -> ColouredPoints | None:
    """The points of the scene, thinned evenly and deterministically.

    Points whose depth is more than twice the 98th percentile of their frame are dropped, because a few sensor outliers
    would make the scene tiny in a viewer; so is the sky, behind a gap that no scene has. Frames with a pose and metric
    depth are merged in the world frame. Without such frames, only the first one whose depth has shape is used, in its
    own camera frame.

    Args:
        scene: Frames and depth.
        result: The regions; a pixel belongs to the smallest region that covers it.
        max_points: Most points.
        frames: The frames to use; by default those of ``placeable``.
        of_regions: Whether points of regions have the colour of their region instead of the photo's.

    Returns:
        The points, or None if there are none; the reason is logged.
    """
    chosen = placeable(scene) if frames is None else frames
    inliers = {index: without_outliers(scene.depth[index]) for index in chosen}
    count = sum(int(mask.sum()) for mask in inliers.values())
    if not count:
        reason = "has no valid pixel" if inliers else "has no shape, so its points have no position"
        logger.info("No points of item %s: its depth %s.", scene.id, reason if scene.depth else "is missing")
        return None
    stride = -(-count // max(1, max_points))
    palette = np.array([*region_colours(result.regions), (0, 0, 0)], dtype=np.uint8)
    parts, offset = [], 0
    for index, valid in inliers.items():
        frame, depth = scene.frames[index], scene.depth[index]
        valid_pixels = np.flatnonzero(valid)
        taken = valid_pixels[-offset % stride :: stride]
        offset += len(valid_pixels)
        rows, columns = np.divmod(taken.astype(np.int32), np.int32(frame.width))
        z = depth.values.reshape(-1)[taken]
        positions = placed(scene, index, back_project_pixels(columns, rows, z, frame.camera))
        owners = region_map(result.regions, index, depth.shape).reshape(-1)[taken]
        colours = frame.rgb.reshape(-1, 3)[taken]
        if of_regions:
            inside = owners >= 0
            colours[inside] = palette[owners[inside]]
        numbers = np.full(len(positions), index, dtype=np.int32)
        part = (positions, colours, owners, numbers, np.stack((columns, rows), axis=1))
        # Files hold float32 numbers.
        if np.abs(positions).max(initial=0) > np.finfo(np.float32).max:
            fits = (np.abs(positions) <= np.finfo(np.float32).max).all(axis=1)
            part = tuple(column[fits] for column in part)
        parts.append(part)
    columns_of = zip(*parts, strict=True)
    positions, colours, owners, numbers, pixels = (
        parts[0] if len(parts) == 1 else (np.concatenate(column) for column in columns_of)
    )
    if not len(positions):
        logger.info("No points of item %s: its depth exceeds the range of the file.", scene.id)
        return None
    is_world = all(is_posed(scene, index) for index in chosen)
    return ColouredPoints(positions, colours, owners, numbers, pixels, is_world, count)


def placed(scene: Scene, frame: int, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) of a frame's camera, in the world frame if its points have a place there, else unchanged."""
    pose = scene.frames[frame].pose
    return moved(points, pose) if pose is not None and is_posed(scene, frame) else np.asarray(points, dtype=np.float64)


def is_posed(scene: Scene, frame: int) -> bool:
    """Whether the points of a frame have a place in the world: a pose and metric depth."""
    is_metric = bool(scene.depth) and scene.depth[frame].kind is DepthKind.METRIC
    return is_metric and scene.frames[frame].pose is not None


def placeable(scene: Scene) -> list[int]:
    """Indices of the frames whose points share one coordinate frame."""
    posed = [index for index in range(len(scene.frames)) if is_posed(scene, index)]
    return posed or shaped(scene)[:1]


def shaped(scene: Scene) -> list[int]:
    """Indices of the frames whose points have a place in space, up to one factor."""
    return [index for index, depth in enumerate(scene.depth) if depth.kind.has_shape]


def without_outliers(depth: DepthMap) -> np.ndarray:
    """Valid pixels of depth with shape, without sky and outliers far behind the scene, bool (H, W)."""
    if not depth.valid.any():
        return depth.valid
    kept = depth.valid & (depth.values <= end_of_scene(depth.values[depth.valid]))
    inside = depth.values[kept]
    # More than a fiftieth beyond the half of the farthest: nothing is an outlier, and no percentile is needed.
    if np.count_nonzero(inside >= inside.max() / _FARTHEST) > 0.03 * inside.size:
        return kept
    with np.errstate(over="ignore"):
        farthest = _FARTHEST * np.percentile(inside, 98)
    near_enough: np.ndarray = kept & (depth.values <= farthest)
    return near_enough


def region_map(regions: tuple[Region, ...], frame: int, shape: tuple[int, int]) -> np.ndarray:
    """The region of each pixel of a frame, by masks, or by boxes without masks; text regions are ignored.

    Args:
        regions: All regions of the result.
        frame: Index of the frame.
        shape: (height, width) of the frame [px].

    Returns:
        int32 (H, W): index of the region, the smallest of several, -1 for none.
    """
    height, width = shape
    # A pixel belongs to a box if its centre does; the centre of the first pixel is at 0.5.
    columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
    owners = np.full(shape, -1, dtype=np.int32)
    for index in sorted(range(len(regions)), key=lambda index: -_area_px(regions[index])):
        region = regions[index]
        if region.frame != frame or region.origin is Origin.OCR:
            continue
        if region.mask is not None and region.mask.shape == shape:
            owners[region.mask] = index
        else:
            x1, y1, x2, y2 = region.box_px
            owners[np.ix_((rows >= y1) & (rows < y2), (columns >= x1) & (columns < x2))] = index
    return owners


def _area_px(region: Region) -> float:
    if region.mask is not None:
        return float(region.mask.sum())
    x1, y1, x2, y2 = region.box_px
    return (x2 - x1) * (y2 - y1)

"""The scene as a coloured point cloud in a PLY file.

Convention: OpenCV axes (x right, y down, z forward), in metres if the depth is metric, else in the unit of the depth.
The integer property ``region`` is the index in the result's ``regions``, -1 for none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.export.files import replacing
from pipeline.export.formats import FormatSettings
from pipeline.export.palette import region_colours
from pipeline.export.stored_scene import StoredScene
from pipeline.geometry.backprojection import back_project
from pipeline.geometry.far import end_of_scene
from pipeline.records import DepthKind, DepthMap, Origin, Region, Result, Scene

_FARTHEST = 2.0
"""Points beyond this multiple of the 98th percentile of a scene's depth are dropped as sensor errors."""

_PROPERTIES = {
    **dict.fromkeys(("x", "y", "z"), ("float", "<f4")),
    **dict.fromkeys(("red", "green", "blue"), ("uchar", "u1")),
    "region": ("int", "<i4"),
}
"""Type of each property, in PLY and in NumPy."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ColouredPoints:
    """Points with their colours and regions.

    Args:
        positions: float64 (N, 3), in the unit of the depth.
        colours: uint8 (N, 3), RGB.
        regions: int32 (N,), index in the result's regions, -1 for none.
    """

    positions: np.ndarray
    colours: np.ndarray
    regions: np.ndarray


def write(path: Path, stored: StoredScene, result: Result, settings: FormatSettings) -> Path | None:
    """Write the cloud of a result, see ``write_ply``."""
    return write_ply(path, stored.scene, result, settings.max_points)


def write_ply(path: Path, scene: Scene, result: Result, max_points: int = 200_000) -> Path | None:
    """Write the scene as a binary little-endian PLY.

    Args:
        path: Where to write.
        scene: Frames and depth.
        result: The regions, which colour their points.
        max_points: Most points of the file; beyond that, every n-th point is kept.

    Returns:
        The path, or None if the depth has no shape or no valid pixel; the reason is logged.

    Raises:
        ExportError: If the file cannot be written.
    """
    cloud = coloured_points(scene, result, max_points)
    if cloud is None:
        return None
    vertex = np.dtype([(name, dtype) for name, (_, dtype) in _PROPERTIES.items()])
    vertices = np.rec.fromarrays([*cloud.positions.T, *cloud.colours.T, cloud.regions], dtype=vertex)
    properties = "".join(f"property {kind} {name}\n" for name, (kind, _) in _PROPERTIES.items())
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n{properties}end_header\n"
    with replacing(path) as temporary:
        temporary.write_bytes(head.encode("ascii") + vertices.tobytes())
    return path


def coloured_points(scene: Scene, result: Result, max_points: int) -> ColouredPoints | None:
    """The points of the scene, thinned evenly and deterministically.

    Points whose depth is more than twice the 98th percentile of their frame are dropped, because a few sensor outliers
    would make the scene tiny in a viewer; so is the sky, behind a gap that no scene has. Frames with a pose and metric
    depth are merged in the world frame. Without such frames, only the first one whose depth has shape is used, in its
    own camera frame.

    Args:
        scene: Frames and depth.
        result: The regions; a pixel belongs to the smallest region that covers it.
        max_points: Most points.

    Returns:
        The points, or None if there are none; the reason is logged.
    """
    placeable = {index: _without_outliers(scene.depth[index]) for index in _placeable(scene)}
    count = sum(int(mask.sum()) for mask in placeable.values())
    if not count:
        reason = "has no valid pixel" if placeable else "has no shape, so its points have no position"
        logger.info("No point cloud of item %s: its depth %s.", scene.id, reason if scene.depth else "is missing")
        return None
    stride = -(-count // max(1, max_points))
    palette = np.array([*region_colours(result.regions), (0, 0, 0)], dtype=np.uint8)
    parts, offset = [], 0
    for index, valid in placeable.items():
        frame, depth = scene.frames[index], scene.depth[index]
        pixels = np.flatnonzero(valid)
        kept = np.zeros(valid.size, dtype=bool)
        kept[pixels[-offset % stride :: stride]] = True
        offset += len(pixels)
        mask = kept.reshape(depth.shape)
        positions = back_project(depth.values, frame.camera, mask)
        if frame.pose is not None and depth.kind is DepthKind.METRIC:
            positions = positions @ frame.pose[:3, :3].T + frame.pose[:3, 3]
        owners = region_map(result.regions, index, depth.shape)[mask]
        colours = np.where((owners >= 0)[:, None], palette[owners], frame.rgb[mask])
        # The file holds float32 numbers.
        fits = (np.abs(positions) <= np.finfo(np.float32).max).all(axis=1)
        parts.append((positions[fits], colours[fits], owners[fits]))
    cloud = ColouredPoints(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    if not len(cloud.positions):
        logger.info("No point cloud of item %s: its depth exceeds the range of the file.", scene.id)
        return None
    return cloud


def _without_outliers(depth: DepthMap) -> np.ndarray:
    """Valid pixels of depth with shape, without sky and outliers far behind the scene, bool (H, W)."""
    if not depth.valid.any():
        return depth.valid
    kept = depth.valid & (depth.values <= end_of_scene(depth.values[depth.valid]))
    with np.errstate(over="ignore"):
        farthest = _FARTHEST * np.percentile(depth.values[kept], 98)
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


def _placeable(scene: Scene) -> list[int]:
    """Indices of the frames whose points share one coordinate frame."""
    posed = [
        index
        for index, (depth, frame) in enumerate(zip(scene.depth, scene.frames, strict=False))
        if depth.kind is DepthKind.METRIC and frame.pose is not None
    ]
    shaped = [index for index, depth in enumerate(scene.depth) if depth.kind.has_shape]
    return posed or shaped[:1]

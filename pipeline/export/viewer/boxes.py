"""Boxes of regions in the viewer.

Convention: corners are in the camera frame of the region's frame, in the unit of its depth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.export.palette import region_colours, region_names
from pipeline.export.viewer.frames import ShownFrame
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.boxes_3d import oriented_box
from pipeline.geometry.objects import ObjectPixels, object_pixels, order_coordinate
from pipeline.geometry.regions import box_window
from pipeline.records import Camera, DepthKind, DepthMap, Origin, Region, Result, Scene

# As the rules of the verifier cut objects out by default.
_EDGE_PX, _FOREGROUND_SHARE, _STRAY, _POINT_RADIUS_PX = 2, 0.3, 0.05, 4.0
_MOST_POINTS = 3000
_FEWEST_POINTS = 12


def region_entries(
    scene: Scene, result: Result, shown: dict[int, ShownFrame], ups: dict[int, np.ndarray]
) -> list[dict[str, Any]]:
    """One entry per region of the result, in their order; ``view_data`` says what its keys mean.

    Args:
        scene: Frames and depth.
        result: The regions.
        shown: The frames of the viewer by index.
        ups: For each of them the direction against gravity in its camera frame.
    """
    names, colours = region_names(result.regions), region_colours(result.regions)
    entries = []
    for index, region in enumerate(result.regions):
        entry: dict[str, Any] = {"name": names[index], "frame": region.frame, "colour": list(colours[index])}
        frame = shown.get(region.frame)
        if frame is not None and region.origin is not Origin.OCR:
            camera, depth = scene.frames[region.frame].camera, scene.depth[region.frame]
            corners = _corners(region, frame, depth, camera, ups[region.frame])
            if corners is not None:
                entry["corners"] = _rounded(corners)
            if region.box_3d is not None and depth.kind is DepthKind.METRIC:
                entry["given"] = _rounded(region.box_3d.corners_m)
        entries.append(entry)
    return entries


def _corners(region: Region, shown: ShownFrame, depth: DepthMap, camera: Camera, up: np.ndarray) -> np.ndarray | None:
    """Corners (8, 3) of the upright box around the region's object, or (4, 3) of its frame in a relief."""
    pixels = _object(region, shown, depth)
    if pixels is None:
        return None
    rows, columns = pixels.core_px(_MOST_POINTS)
    z = shown.z[rows, columns]
    if shown.is_relief:
        left, top, right, bottom = region.box_px
        u, v = np.array((left, right, right, left)) - 0.5, np.array((top, top, bottom, bottom)) - 0.5
        return back_project_pixels(u, v, np.full(4, float(np.median(z))), camera)
    if len(z) < _FEWEST_POINTS:
        return None
    box = oriented_box(back_project_pixels(columns, rows, z, camera), up)
    return None if box is None else box.corners_m


def _object(region: Region, shown: ShownFrame, depth: DepthMap) -> ObjectPixels | None:
    """The pixels of the region's object; None where nothing of it has depth."""
    window = box_window(region.box_px, depth.shape, _POINT_RADIUS_PX)
    mask = region.mask if region.mask is not None and region.mask.shape == depth.shape else None
    if min(window.shape) < 1:
        return None
    valid = shown.valid[window.slices]
    inside = valid if mask is None else valid & mask[window.slices]
    if not inside.any():
        return None
    z = np.where(shown.valid[window.slices], shown.z[window.slices], 1.0)
    coordinate = order_coordinate(z, DepthKind.SCALE_INVARIANT)
    return object_pixels(
        coordinate,
        valid,
        window,
        None if mask is None else mask[window.slices],
        edge_px=_EDGE_PX,
        min_share=_FOREGROUND_SHARE,
        stray=_STRAY,
    )


def _rounded(corners: np.ndarray) -> list[list[float]]:
    """Numbers with six significant digits, which are fewer characters."""
    return [[float(f"{number:.6g}") for number in corner] for corner in corners]

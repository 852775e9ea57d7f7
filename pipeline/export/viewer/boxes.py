"""Boxes of regions in the viewer.

Convention: corners are in the camera frame of the region's frame, in the unit of its depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.export.palette import region_colours, region_names
from pipeline.export.regions import RegionDepth, region_depths
from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.frames import ShownFrame, relief_range, relief_z
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.geometry.merge import moved
from pipeline.records import DepthKind, Origin, Region, Result

# How far outside a box, as a share of its diagonal, the middle of another view of its object may lie.
_SLACK = 0.15


def region_entries(stored: StoredScene, result: Result, shown: dict[int, ShownFrame]) -> list[dict[str, Any]]:
    """One entry per region of the result, in their order; ``view_data`` says what its keys mean.

    Args:
        stored: Frames and depth with its errors.
        result: The regions.
        shown: The frames of the viewer by index.
    """
    names, colours = region_names(result.regions), region_colours(result.regions)
    entries = []
    measured_regions = region_depths(stored, result.regions)
    for index, (region, measured) in enumerate(zip(result.regions, measured_regions, strict=True)):
        entry: dict[str, Any] = {"name": names[index], "frame": region.frame, "colour": list(colours[index])}
        frame = shown.get(region.frame)
        if frame is not None and region.origin is not Origin.OCR:
            corners = _corners(stored, region, measured, frame)
            if corners is not None:
                entry["corners"] = _rounded(corners)
            if region.box_3d is not None and measured.kind is DepthKind.METRIC:
                entry["given"] = _rounded(region.box_3d.corners_m)
        entries.append(entry)
    for index in _repeated(result.regions, measured_regions, shown):
        entries[index]["repeated"] = True
    return entries


def _repeated(regions: Sequence[Region], measured: Sequence[RegionDepth], shown: dict[int, ShownFrame]) -> list[int]:
    """Indices of regions whose object a region of another frame shows by more points, in the same space.

    Regions of one label are one object where no frame has two of them, else where the middle of one box lies in the
    other one.
    """
    found: dict[str, list[int]] = {}
    for index, region in enumerate(regions):
        frame = shown.get(region.frame)
        if frame is not None and frame.is_shared and measured[index].box is not None:
            found.setdefault(region.label, []).append(index)
    repeated = []
    for indices in found.values():
        frames = [regions[index].frame for index in indices]
        is_one = len(set(frames)) == len(frames)
        kept: list[tuple[int, np.ndarray]] = []
        for index in sorted(indices, key=lambda index: -measured[index].count):
            box = measured[index].box
            assert box is not None
            corners = moved(box.corners_m, shown[regions[index].frame].pose)
            if any(
                regions[other].frame != regions[index].frame and (is_one or _holds(bounds, corners.mean(axis=0)))
                for other, bounds in kept
            ):
                repeated.append(index)
            else:
                kept.append((index, corners))
    return repeated


def _holds(corners: np.ndarray, point: np.ndarray) -> bool:
    """Whether a point lies in the box of eight corners (8, 3), or beside it by a share of its diagonal."""
    beside = _SLACK * float(np.linalg.norm(corners[7] - corners[0]))
    for side in (1, 2, 4):
        edge = corners[side] - corners[0]
        length = float(np.linalg.norm(edge))
        if length > 0 and not -beside <= float((point - corners[0]) @ edge) / length <= length + beside:
            return False
    return True


def _corners(stored: StoredScene, region: Region, measured: RegionDepth, frame: ShownFrame) -> np.ndarray | None:
    """Corners (8, 3) of the upright box around the region's object, or (4, 3) of its frame in a relief."""
    if not frame.is_relief:
        return None if measured.box is None else measured.box.corners_m
    if measured.value is None:
        return None
    depth = stored.scene.depth[region.frame]
    z = relief_z(np.full(4, measured.value), depth.kind, relief_range(depth))
    left, top, right, bottom = region.box_px
    # Edges of boxes are counted from the corner of the image, pixels from their centres.
    u, v = np.array((left, right, right, left)) - 0.5, np.array((top, top, bottom, bottom)) - 0.5
    return back_project_pixels(u, v, z, stored.scene.frames[region.frame].camera)


def _rounded(corners: np.ndarray) -> list[list[float]]:
    """Numbers with six significant digits, which are fewer characters."""
    return [[float(f"{number:.6g}") for number in corner] for corner in corners]

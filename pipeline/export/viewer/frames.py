"""Frames of the viewer: their points, cameras and places in space.

Frames with a pose and metric depth share one space, in which the first of them stands at the origin. Any other frame
has a space of its own, that of its camera. Affine depth has no shape; its frames become reliefs, whose z from 1 to 2
grows with the order of depth and means nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.export.points import region_map, without_outliers
from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.points import FramePoints, Quantisation, edge_errors, evenly, packed
from pipeline.geometry.planes import estimate_up
from pipeline.records import DepthKind, DepthMap, Result
from pipeline.records.error_budget import DepthErrors, ErrorBudget

# Positions are 32-bit numbers in the browser, and their squares are too.
_LARGEST_Z, _LEAST_Z = 1e15, 1e-15
_UP_IN_IMAGE = np.array((0.0, -1.0, 0.0))


@dataclass(frozen=True, eq=False)
class ShownFrame:
    """A frame whose depth can be shown.

    Args:
        index: Its index in the scene.
        z: float64 (H, W), depth, or that of the relief.
        valid: bool (H, W), pixels that may be shown.
        is_relief: Whether z has no shape.
        pose: float64 (4, 4), from its camera to its space.
        is_shared: Whether its space is that of all frames with a pose.
    """

    index: int
    z: np.ndarray
    valid: np.ndarray
    is_relief: bool
    pose: np.ndarray
    is_shared: bool


def shown_frames(stored: StoredScene) -> list[ShownFrame]:
    """The frames that have depth to show, in their order."""
    scene, found = stored.scene, []
    first_pose: np.ndarray | None = None
    for index, (frame, depth) in enumerate(zip(scene.frames, scene.depth, strict=False)):
        if depth.kind.has_shape:
            z, valid = depth.values.astype(np.float64), without_outliers(depth)
            valid = valid & (z <= _LARGEST_Z) & (z >= _LEAST_Z)
        else:
            z, valid = relief(depth), depth.valid
        if not valid.any():
            continue
        is_shared = frame.pose is not None and depth.kind is DepthKind.METRIC
        pose = np.eye(4)
        if is_shared:
            assert frame.pose is not None
            first_pose = frame.pose if first_pose is None else first_pose
            pose = np.linalg.inv(first_pose) @ frame.pose
        found.append(ShownFrame(index, z, valid, not depth.kind.has_shape, pose, is_shared))
    return found


def relief(depth: DepthMap) -> np.ndarray:
    """A made-up z between 1 and 2 that grows with affine depth, or falls with affine disparity; float64 (H, W)."""
    values = depth.values.astype(np.float64)
    known = values[depth.valid]
    low, high = np.percentile(known, (1, 99)) if known.size else (0.0, 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        share = np.clip((values - low) / (high - low), 0, 1) if high > low else np.full(values.shape, 0.5)
    share = np.where(depth.valid, share, 0.5)
    nearness: np.ndarray = share if depth.kind.larger_is_nearer else 1 - share
    return 2 / (1 + nearness)


def frame_entry(stored: StoredScene, result: Result, shown: ShownFrame, most_points: int) -> dict[str, Any]:
    """The data of a frame; ``view_data`` says what its keys mean."""
    frame, depth = stored.scene.frames[shown.index], stored.scene.depth[shown.index]
    errors = _errors(stored, shown.index)
    points = _points(stored, result, shown, errors, most_points)
    quantisation = Quantisation.of(points.z)
    camera = frame.camera
    return {
        "index": shown.index,
        "name": frame.name,
        "kind": str(depth.kind),
        "relief": shown.is_relief,
        "shared": shown.is_shared,
        "width": camera.width,
        "height": camera.height,
        "camera": [camera.fx, camera.fy, camera.cx, camera.cy],
        "pose": [[float(number) for number in row] for row in shown.pose],
        "up": [float(number) for number in shown.pose[:3, :3] @ _up(shown, depth, frame.camera, errors)],
        "errors": {
            "relative": errors.relative,
            "relative_per_m": errors.relative_per_m,
            "place_share": errors.place_share,
            "pixel": errors.pixel,
            "pixel_per_m": errors.pixel_per_m,
            "scale": errors.scale,
            "focal": errors.focal,
        },
        "depth": {"least": quantisation.least, "largest": quantisation.largest, "linear": quantisation.linear},
        "confidence": points.confidence is not None,
        "count": len(points.z),
        "total": int(shown.valid.sum()),
        "points": packed(points, quantisation),
    }


def _errors(stored: StoredScene, index: int) -> DepthErrors:
    """The errors of a depth map; those of the default error budget where none are stored."""
    if index < len(stored.errors):
        return stored.errors[index]
    return ErrorBudget().depth_errors(stored.scene.depth[index], stored.scene.frames[index].camera.source)


def _points(
    stored: StoredScene, result: Result, shown: ShownFrame, errors: DepthErrors, most_points: int
) -> FramePoints:
    frame, depth = stored.scene.frames[shown.index], stored.scene.depth[shown.index]
    pixels = evenly(shown.valid, most_points)
    if shown.is_relief or depth.sampling.is_scattered:
        edges = np.zeros(len(pixels))
    else:
        edges = _edges(shown, depth, errors).ravel()[pixels]
    confidence = None if depth.confidence is None else np.nan_to_num(depth.confidence.ravel()[pixels])
    return FramePoints(
        pixels,
        shown.z.ravel()[pixels],
        frame.rgb.reshape(-1, 3)[pixels],
        region_map(result.regions, shown.index, depth.shape).ravel()[pixels],
        edges,
        confidence,
    )


def _edges(shown: ShownFrame, depth: DepthMap, errors: DepthErrors) -> np.ndarray:
    """Errors beside steps of every pixel, read on the grid of the depth's own samples, float64 (H, W)."""
    noise = errors.pixel + errors.pixel_per_m * float(np.median(shown.z[shown.valid]))
    sides_px = depth.sampling.height_px, depth.sampling.width_px
    middles, owners = [], []
    for length, side_px in zip(depth.shape, sides_px, strict=True):
        count = max(1, round(length / side_px))
        middles.append(((np.arange(count) + 0.5) * length / count).astype(np.int64))
        owners.append(np.arange(length) * count // length)
    grid = np.ix_(*middles)
    found = edge_errors(shown.z[grid], shown.valid[grid], errors.blur_px / max(sides_px), noise)
    every: np.ndarray = found[np.ix_(*owners)]
    return every


def _up(shown: ShownFrame, depth: DepthMap, camera: Any, errors: DepthErrors) -> np.ndarray:
    """Unit vector against gravity in the camera frame where surfaces tell it, else up in the image."""
    if shown.is_relief or depth.sampling.is_scattered:
        return _UP_IN_IMAGE
    noise = max(errors.relative, 0.003)
    up = estimate_up(shown.z, shown.valid, camera, max_tilt_deg=60.0, relative_noise=noise)
    return _UP_IN_IMAGE if up is None else up.direction

"""Frames of the viewer: their points, cameras and places in space.

Frames with a pose and metric depth share one space, in which the first of them stands at the origin. Any other frame
has a space of its own, that of its camera. Affine depth has no shape; its frames become reliefs, whose z from 1 to 2
grows with the order of depth and means nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.export.points import region_map, without_outliers
from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.points import FramePoints, Quantisation, edge_errors, evenly, packed
from pipeline.geometry.planes import estimate_up
from pipeline.records import Camera, DepthKind, DepthMap, Result
from pipeline.records.error_budget import DepthErrors, ErrorBudget

# Positions are 32-bit numbers in the browser, and their squares are too.
_LARGEST_Z, _LEAST_Z = 1e15, 1e-15
# Frames beyond this many are left out; each of them costs a browser memory.
MOST_FRAMES = 48
_UP_IN_IMAGE = np.array((0.0, -1.0, 0.0))


@dataclass(frozen=True, eq=False)
class ShownFrame:
    """A frame whose depth can be shown.

    Args:
        index: Its index in the scene.
        depth: Its depth map.
        valid: bool (H, W), pixels that may be shown.
        pose: float64 (4, 4), from its camera to its space.
        is_shared: Whether its space is that of all frames with a pose.
    """

    index: int
    depth: DepthMap
    valid: np.ndarray
    pose: np.ndarray
    is_shared: bool

    @property
    def is_relief(self) -> bool:
        """Whether z has no shape."""
        return not self.depth.kind.has_shape

    @property
    def z(self) -> np.ndarray:
        """Depth, or that of the relief, float (H, W); a relief is made at each call."""
        return relief(self.depth) if self.is_relief else self.depth.values


def chosen_frames(count: int, result: Result, most: int = MOST_FRAMES) -> list[int]:
    """Indices of at most so many frames: those that regions and evidence name, then others, evenly spaced."""
    if count <= most:
        return list(range(count))
    named = {region.frame for region in result.regions}
    named |= {evidence.frame for verdict in result.verdicts for evidence in verdict.evidence}
    kept = sorted(frame for frame in named if frame < count)[:most]
    others = sorted(set(range(count)) - set(kept))
    places = np.linspace(0, len(others) - 1, most - len(kept)).astype(np.int64)
    return sorted({*kept, *(others[place] for place in places)})


def shown_frames(stored: StoredScene, result: Result) -> list[ShownFrame]:
    """The frames that have depth to show, in their order."""
    scene, found = stored.scene, []
    first_pose: np.ndarray | None = None
    for index in chosen_frames(len(scene.depth), result):
        frame, depth = scene.frames[index], scene.depth[index]
        if depth.kind.has_shape:
            valid = without_outliers(depth) & (depth.values <= _LARGEST_Z) & (depth.values >= _LEAST_Z)
        else:
            valid = depth.valid
        if not valid.any():
            continue
        is_shared = frame.pose is not None and depth.kind is DepthKind.METRIC
        pose = np.eye(4)
        if is_shared:
            assert frame.pose is not None
            first_pose = frame.pose if first_pose is None else first_pose
            pose = np.linalg.inv(first_pose) @ frame.pose
        found.append(ShownFrame(index, depth, valid, pose, is_shared))
    return found


def relief(depth: DepthMap) -> np.ndarray:
    """A made-up z between 1 and 2 that grows with affine depth, or falls with affine disparity; float64 (H, W)."""
    z = relief_z(depth.values, depth.kind, relief_range(depth))
    return np.where(depth.valid, z, 1.5)


def relief_range(depth: DepthMap) -> tuple[float, float]:
    """The values between which a relief has its height: the 1st and the 99th percentile."""
    known = depth.values[depth.valid]
    low, high = np.percentile(known.astype(np.float64), (1, 99)) if known.size else (0.0, 1.0)
    return float(low), float(high)


def relief_z(values: np.ndarray, kind: DepthKind, between: tuple[float, float]) -> np.ndarray:
    """The z of a relief for values of affine depth or disparity, float64 of their shape, from 1 to 2."""
    low, high = between
    with np.errstate(invalid="ignore", over="ignore"):
        share = (
            (np.asarray(values, dtype=np.float64) - low) / (high - low) if high > low else np.full(values.shape, 0.5)
        )
    share = np.clip(share, 0, 1)
    z: np.ndarray = 2 / (1 + (share if kind.larger_is_nearer else 1 - share))
    return z


def colour_ends(stored: StoredScene, shown: Sequence[ShownFrame]) -> dict[int, tuple[float, float]]:
    """Depth z at the near and the far end of the colours of depth, by index of the frame.

    They are those of the pictures of depth: the 1st and 99th percentile of all valid pixels, of all frames together
    where all depth is metric.
    """
    maps = stored.scene.depth
    if not shown:
        return {}
    if not all(depth.kind is DepthKind.METRIC for depth in maps):
        return {frame.index: (1.0, 2.0) if frame.is_relief else _ends([frame.depth]) for frame in shown}
    together = _ends(maps)
    return {frame.index: together for frame in shown}


def _ends(maps: Sequence[DepthMap]) -> tuple[float, float]:
    values = np.concatenate([depth.values[depth.valid] for depth in maps])
    near, far = np.percentile(values.astype(np.float64), (1, 99))
    return float(near), float(far)


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
        "up": [float(number) for number in shown.pose[:3, :3] @ _up(shown, frame.camera, errors)],
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
        edges = _edges(shown, errors).ravel()[pixels]
    confidence = None if depth.confidence is None else np.nan_to_num(depth.confidence.ravel()[pixels])
    return FramePoints(
        pixels,
        shown.z.ravel()[pixels].astype(np.float64),
        frame.rgb.reshape(-1, 3)[pixels],
        region_map(result.regions, shown.index, depth.shape).ravel()[pixels],
        edges,
        confidence,
    )


def _edges(shown: ShownFrame, errors: DepthErrors) -> np.ndarray:
    """Errors beside steps of every pixel, read on the grid of the depth's own samples, float64 (H, W)."""
    noise = errors.pixel + errors.pixel_per_m * float(np.median(shown.z[shown.valid]))
    sampling, shape = shown.depth.sampling, shown.valid.shape
    sides_px = sampling.height_px, sampling.width_px
    if max(sides_px) == 1:
        return edge_errors(shown.z, shown.valid, errors.blur_px, noise)
    middles, owners = [], []
    for length, side_px in zip(shape, sides_px, strict=True):
        count = max(1, round(length / side_px))
        middles.append(((np.arange(count) + 0.5) * length / count).astype(np.int64))
        owners.append(np.arange(length) * count // length)
    grid = np.ix_(*middles)
    found = edge_errors(shown.z[grid], shown.valid[grid], errors.blur_px / max(sides_px), noise)
    every: np.ndarray = found[np.ix_(*owners)]
    return every


def _up(shown: ShownFrame, camera: Camera, errors: DepthErrors) -> np.ndarray:
    """Unit vector against gravity in the camera frame where surfaces tell it, else up in the image."""
    if shown.is_relief or shown.depth.sampling.is_scattered:
        return _UP_IN_IMAGE
    noise = max(errors.relative, 0.003)
    up = estimate_up(shown.z, shown.valid, camera, max_tilt_deg=60.0, relative_noise=noise)
    return _UP_IN_IMAGE if up is None else up.direction

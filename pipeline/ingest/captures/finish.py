"""A captured frame made fit for a scene: registered, without distortion, upright."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.geometry.lens import is_negligible, undistorted_depth, undistorted_rgb
from pipeline.geometry.orientation import oriented, oriented_depth, quarter_turns_upright, turned_pose
from pipeline.geometry.registration import registered_depth
from pipeline.ingest.captures.base import CapturedFrame
from pipeline.ingest.resampling import size_of
from pipeline.records import Camera, DepthMap
from pipeline.records.message import Message, message

# The orientation of EXIF that turns counter-clockwise by so many quarter turns.
_ORIENTATION_OF_TURNS = (1, 8, 3, 6)


@dataclass(frozen=True, eq=False)
class FinishedFrame:
    """An upright image without distortion.

    Args:
        rgb: uint8 (H, W, 3).
        camera: Intrinsics of exactly this image; None where the capture states none.
        depth: z-depth of the same view at its own resolution; None without.
        pose: Camera-to-world matrix, float64 (4, 4), OpenCV camera axes, metres; None where unknown.
        notes: What was changed.
    """

    rgb: np.ndarray
    camera: Camera | None
    depth: DepthMap | None
    pose: np.ndarray | None
    notes: tuple[Message, ...]


def finished(frame: CapturedFrame) -> FinishedFrame:
    """Undo distortion, register depth to the image, and turn both upright.

    Raises:
        RecordError: If the parts do not fit together.
    """
    rgb, depth, notes = frame.rgb, frame.depth, list(frame.notes)
    camera = None if frame.camera is None else frame.camera.resized(*size_of(rgb))
    if camera is not None and frame.lens is not None and not is_negligible(camera, frame.lens):
        rgb = undistorted_rgb(rgb, camera, frame.lens)
        notes.append(message("lens_undone"))
        if depth is not None and frame.depth_camera is None:
            depth = undistorted_depth(depth, camera.resized(*size_of(depth.values)), frame.lens)
    if depth is not None and frame.depth_camera is not None and camera is not None:
        own = frame.depth_camera.resized(*size_of(depth.values))
        if frame.depth_lens is not None and not is_negligible(own, frame.depth_lens):
            depth = undistorted_depth(depth, own, frame.depth_lens)
        assert frame.depth_to_image is not None
        depth = registered_depth(depth, own, camera, frame.depth_to_image)
        notes.append(message("depth_registered"))
    turns = 0
    if frame.pose is not None and frame.world_down is not None:
        turns = quarter_turns_upright(frame.pose[:3, :3].T @ np.asarray(frame.world_down, dtype=np.float64))
    if turns == 0:
        return FinishedFrame(rgb, camera, depth, frame.pose, tuple(notes))
    assert frame.pose is not None
    orientation = _ORIENTATION_OF_TURNS[turns]
    notes.append(message("capture_turned", angle_deg=90 * (4 - turns)))
    return FinishedFrame(
        np.ascontiguousarray(oriented(rgb, orientation)),
        None if camera is None else camera.rotated(turns),
        None if depth is None else oriented_depth(depth, orientation),
        turned_pose(frame.pose, turns),
        tuple(notes),
    )

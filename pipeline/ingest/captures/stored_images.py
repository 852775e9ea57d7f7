"""Frames whose camera is that of the pixels as they are stored in the image's file, whatever its EXIF orientation.

COLMAP and nerfstudio leave the EXIF orientation aside: https://github.com/colmap/colmap/issues/1456, and
``get_numpy_image`` of https://github.com/nerfstudio-project/nerfstudio/blob/main/nerfstudio/data/datasets/base_dataset.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.geometry.lens import Lens
from pipeline.geometry.orientation import QUARTER_TURNS, oriented_depth, turned_pose
from pipeline.ingest.captures.base import CapturedFrame
from pipeline.ingest.images import exif_orientation, open_image, read_image
from pipeline.ingest.resampling import Size, same_aspect, size_of
from pipeline.records import Camera, DepthMap
from pipeline.records.errors import InputError
from pipeline.records.message import Message

# Counter-clockwise quarter turns of the orientations without a mirror.
_TURNS = {1: 0, 8: 1, 3: 2, 6: 3}


def stored_size(file: Path) -> Size:
    """(width, height) [px] of an image as it is stored.

    Raises:
        InputError: If it is not an image.
    """
    with open_image(file) as image:
        return image.size


def upright_frame(
    file: Path,
    camera: Camera,
    lens: Lens | None = None,
    depth: DepthMap | None = None,
    pose: np.ndarray | None = None,
    world_down: np.ndarray | None = None,
    notes: tuple[Message, ...] = (),
) -> CapturedFrame:
    """The frame of an image, turned by its EXIF orientation with everything that belongs to it.

    Args:
        file: The image.
        camera: Intrinsics of the stored pixels, or of the upright image where only that has their aspect ratio.
        lens: Distortion, with the same axes.
        depth: z-depth of the same view, edge to edge with it.
        pose: Camera-to-world matrix, float (4, 4), OpenCV camera axes [m].
        world_down: float (3,), direction of gravity in the world.
        notes: What the reader changed.

    Raises:
        InputError: If the image cannot be read, is mirrored by its EXIF orientation, or has another aspect ratio than
            its camera or its depth.
    """
    rgb, orientation = read_image(file), exif_orientation(file)
    size, given = size_of(rgb), (camera.width, camera.height)
    stored = size[::-1] if orientation in QUARTER_TURNS else size
    if not same_aspect(given, stored) and same_aspect(given, size):
        stored, orientation = size, 1
    if orientation not in _TURNS:
        raise InputError(f"{file} is mirrored by its EXIF orientation, unlike its camera; save it without that tag.")
    for what, shown in (("camera", given), ("depth", None if depth is None else size_of(depth.values))):
        if shown is not None and not same_aspect(shown, stored):
            raise InputError(
                f"The {what} of {file} is for {shown[0]} x {shown[1]} px, but the image has {stored[0]} x "
                f"{stored[1]} px; give the image that it belongs to."
            )
    turns = _TURNS[orientation]
    return CapturedFrame(
        rgb,
        file.name,
        camera.rotated(turns),
        None if lens is None else lens.rotated(turns),
        None if depth is None else oriented_depth(depth, orientation),
        pose=None if pose is None else turned_pose(pose, turns),
        world_down=world_down,
        notes=notes,
    )

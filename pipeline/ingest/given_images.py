"""Frames of images that a program gives: paths, arrays, PIL images, frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.ingest.alignment import aligned_depth
from pipeline.ingest.camera_checks import CheckedCamera
from pipeline.ingest.cameras import check_camera, frame_camera
from pipeline.ingest.depth_files import fitted_depth
from pipeline.ingest.files import existing_file
from pipeline.ingest.images import exif_focal_35mm, upright_rgb
from pipeline.ingest.lenses import CameraLike, pinhole, undone_lens
from pipeline.ingest.resampling import size_of
from pipeline.ingest.source_images import SourceImage, image_of_file
from pipeline.records import Camera, DepthMap, Frame
from pipeline.records.errors import InputError
from pipeline.records.message import Message


def frame_from(
    image: str | Path | np.ndarray | Image.Image | Frame,
    *,
    camera: Camera | Mapping[str, Any] | None = None,
    depth: DepthMap | None = None,
    fov_deg: float = 60.0,
    trusted: bool = False,
) -> Frame:
    """A frame of one image; see ``noted_frame``."""
    return noted_frame(image, camera=camera, depth=depth, fov_deg=fov_deg, trusted=trusted)[0]


def noted_frame(
    image: str | Path | np.ndarray | Image.Image | Frame,
    *,
    camera: Camera | Mapping[str, Any] | None = None,
    depth: DepthMap | None = None,
    fov_deg: float = 60.0,
    trusted: bool = False,
) -> tuple[Frame, tuple[Message, ...]]:
    """A frame of one image, and notes about what was changed for it.

    Args:
        image: A path, a PIL image (its EXIF orientation is applied), an upright array uint8 (H, W, 3), or a Frame
            whose camera and depth may be replaced.
        camera: Its camera; None is EXIF or an assumed field of view. Its lens distortion is undone, in image and depth.
        depth: Its depth, of the same size.
        fov_deg: Field of view to assume along the longer side [deg].
        trusted: Whether the camera and the depth are taken as they are, however unlikely they look.

    Raises:
        InputError: If the image or the camera cannot be used, or if the depth lies turned on the image.
        RecordError: If the array or the depth has another shape.
    """
    if isinstance(camera, Mapping):
        check_camera(camera)
    source = _source_of(image, needs_depth=depth is None)
    rgb, known = source.rgb, source.depth
    if rgb.ndim != 3 or rgb.size == 0:
        raise InputError(f"An image must be a uint8 array of shape (H, W, 3), not {rgb.shape}.")
    if depth is not None:
        # Other sizes and types are refused below.
        comparable = not trusted and depth.shape == rgb.shape[:2] and rgb.dtype == np.uint8
        known = aligned_depth(depth, rgb, f"The depth of {source.name}").depth if comparable else depth
    elif known is not None:
        known = fitted_depth(known, size_of(rgb))
    if camera is None and source.camera is not None:
        found = CheckedCamera(source.camera)
    else:
        found = frame_camera(
            size_of(rgb),
            pinhole(camera),
            focal_35mm=source.focal_35mm,
            fov_deg=fov_deg,
            depth=known,
            trusted=trusted,
        )
    frame = image if isinstance(image, Frame) else Frame(rgb, found.camera, name=source.name)
    frame = _without_lens(replace(frame, camera=found.camera, given_depth=known), camera)
    return frame, source.notes + found.notes


def _source_of(image: str | Path | np.ndarray | Image.Image | Frame, *, needs_depth: bool) -> SourceImage:
    if isinstance(image, Frame):
        return SourceImage(image.rgb, image.name, camera=image.camera, depth=image.given_depth)
    if isinstance(image, np.ndarray):
        return SourceImage(image, "image")
    if isinstance(image, Image.Image):
        return SourceImage(upright_rgb(image), "image", focal_35mm=exif_focal_35mm(image))
    return image_of_file(existing_file(image, "an image"), needs_depth=needs_depth)


def _without_lens(frame: Frame, spec: CameraLike) -> Frame:
    lens = undone_lens(spec, frame.camera)
    if lens is None:
        return frame
    depth = None if frame.given_depth is None else lens.depth(frame.given_depth)
    return replace(frame, rgb=lens.rgb(frame.rgb), given_depth=depth)

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
from pipeline.ingest.depth_kinds import check_kind
from pipeline.ingest.files import existing_file
from pipeline.ingest.images import exif_focal_35mm, upright_rgb
from pipeline.ingest.lenses import CameraLike, pinhole, undone_lens
from pipeline.ingest.resampling import size_of
from pipeline.ingest.source_images import SourceImage, image_of_file
from pipeline.records import Camera, DepthMap, Frame
from pipeline.records.errors import InputError
from pipeline.records.message import Message, message


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
        depth: Its depth, of the same view at any resolution.
        fov_deg: Field of view to assume along the longer side [deg].
        trusted: Whether the camera and the depth are taken as they are, however unlikely they look.

    Raises:
        InputError: If the image or the camera cannot be used, or if the depth is empty or lies turned on the image.
        RecordError: If the array has another shape.
    """
    if camera is not None and not isinstance(camera, Camera):
        check_camera(camera)
    source = _source_of(image, needs_depth=depth is None)
    rgb = source.rgb
    if rgb.ndim != 3 or rgb.size == 0:
        raise InputError(f"An image must be a uint8 array of shape (H, W, 3), not {rgb.shape}.")
    given = depth or (image.given_depth if isinstance(image, Frame) else None)
    known, notes = source.depth if given is None else given, source.notes
    if given is not None and rgb.dtype == np.uint8 and not trusted:
        aligned = aligned_depth(given, rgb, f"The depth of {source.name}")
        known, notes = aligned.depth, notes + aligned.notes
        check_kind(known, f"The depth of {source.name}")
    if known is not None and not known.valid.any():
        raise InputError(f"The depth of {source.name} has no valid pixel: all are zero, negative or not finite.")
    if camera is None and source.camera is not None and not isinstance(image, Frame):
        found = CheckedCamera(source.camera)
    else:
        found = frame_camera(
            size_of(rgb),
            source.camera if camera is None else pinhole(camera),
            focal_35mm=source.focal_35mm,
            fov_deg=fov_deg,
            depth=known,
            trusted=trusted,
        )
    fitted = None if known is None else fitted_depth(known, size_of(rgb))
    frame = image if isinstance(image, Frame) else Frame(rgb, found.camera, name=source.name)
    frame = _without_lens(replace(frame, camera=found.camera, given_depth=fitted), camera)
    if trusted:
        notes = (*notes, message("input_was_trusted"))
    return frame, notes + found.notes


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

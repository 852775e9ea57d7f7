"""The cameras of images: given, from EXIF, or assumed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pipeline.ingest.camera_checks import CheckedCamera, checked_camera, exif_camera, weighed_camera
from pipeline.ingest.files import check_keys
from pipeline.ingest.lenses import LENS_KEYS, given_lens
from pipeline.ingest.resampling import Size, same_aspect
from pipeline.records import DepthMap
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import InputError

logger = logging.getLogger(__name__)

CAMERA_KEYS = ("fx", "fy", "cx", "cy", "width", "height")


def check_camera(spec: Mapping[str, Any]) -> None:
    """Check the keys and numbers of a user's camera.

    Raises:
        InputError: If a key is unknown or missing.
        RecordError: If a number is unusable.
    """
    if not isinstance(spec, Mapping):
        raise InputError(f"A camera must be given as {{fx, fy, cx, cy}}, not {spec!r}.")
    check_keys(spec, (*CAMERA_KEYS, "crop", *LENS_KEYS), "The camera")
    if not isinstance(spec.get("crop", False), bool):
        raise InputError(f"The camera's crop must be true or false, not {spec['crop']!r}.")
    if missing := [key for key in CAMERA_KEYS[:4] if key not in spec]:
        raise InputError(f"The camera lacks {', '.join(missing)} [px]; give fx, fy, cx and cy.")
    if ("width" in spec) != ("height" in spec):
        raise InputError("The camera needs both width and height, or neither.")
    Camera(**{"width": 1, "height": 1, **_numbers(spec)})
    given_lens(spec)


def _numbers(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: spec[key] for key in CAMERA_KEYS if key in spec}


def camera_for(
    width: int,
    height: int,
    spec: Camera | Mapping[str, Any] | None = None,
    focal_35mm: float | None = None,
    fov_deg: float = 60.0,
) -> Camera:
    """The camera of an upright image: the given one, else from EXIF, else an assumed one.

    Args:
        width: Width of the upright image [px].
        height: Height of the upright image [px].
        spec: Optional camera, or fx, fy, cx, cy [px of the upright image], with width and height if they are for
            another size; a camera for another size is resized.
        focal_35mm: Optional equivalent focal length from EXIF [mm].
        fov_deg: Field of view to assume along the longer side [deg].

    Returns:
        The camera; its source tells which of the three it is.

    Raises:
        InputError: If the given camera is for the image before it was turned upright.
        RecordError: If its numbers are unusable.
    """
    if spec is None:
        if focal_35mm is not None:
            return Camera.from_focal_35mm(width, height, focal_35mm)
        return Camera.from_fov(width, height, fov_deg, CameraSource.ASSUMED)
    camera = spec if isinstance(spec, Camera) else Camera(**{"width": width, "height": height, **_numbers(spec)})
    given, size = (camera.width, camera.height), (width, height)
    if not same_aspect(given, size):
        text = f"The camera is for {given[0]} x {given[1]} px, but the upright image has {width} x {height} px"
        if same_aspect(given, size[::-1]):
            raise InputError(f"{text}; give the camera of the image turned upright.")
        logger.warning("%s, another aspect ratio; its focal lengths are scaled per axis.", text)
    camera = camera.resized(width, height)
    if not (0 <= camera.cx <= width and 0 <= camera.cy <= height):
        logger.warning(
            "The principal point (%.1f, %.1f) lies outside the image of %d x %d px; "
            "if the camera is for another size, give its width and height.",
            *(camera.cx, camera.cy, width, height),
        )
    return camera


def frame_camera(
    size: Size,
    spec: Camera | Mapping[str, Any] | None,
    *,
    focal_35mm: float | None = None,
    fov_deg: float = 60.0,
    depth: DepthMap | None = None,
    trusted: bool = False,
    is_calibrated: bool = False,
) -> CheckedCamera:
    """The camera of an upright image as ``camera_for`` finds it, checked unless it is trusted.

    Args:
        size: (width, height) [px] of the upright image.
        spec: As in ``camera_for``.
        focal_35mm: As there.
        fov_deg: As there.
        depth: Depth that came with the image, of the same view at any resolution.
        trusted: Whether a given camera is taken as it is.
        is_calibrated: Whether it came with the recording of a device, which may have an unusual one.

    Raises:
        InputError: If the given camera cannot be that of the image; see ``checked_camera``.
        RecordError: If its numbers are unusable.
    """
    if trusted:
        return CheckedCamera(camera_for(*size, spec, focal_35mm, fov_deg))
    if spec is None:
        camera = camera_for(*size, None, focal_35mm, fov_deg)
        return exif_camera(camera, depth) if camera.source is CameraSource.EXIF else CheckedCamera(camera)
    if isinstance(spec, Camera):
        if spec.source is not CameraSource.GIVEN:
            return CheckedCamera(camera_for(*size, spec))
        spec = {key: getattr(spec, key) for key in CAMERA_KEYS}
    if spec.get("width", size[0]) == size[0] and spec.get("height", size[1]) == size[1]:
        return checked_camera(spec, size, focal_35mm=focal_35mm, depth=depth, is_calibrated=is_calibrated)
    return weighed_camera(camera_for(*size, spec), focal_35mm=focal_35mm, depth=depth, is_calibrated=is_calibrated)

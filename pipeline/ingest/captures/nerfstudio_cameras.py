"""The cameras of ``transforms.json``: intrinsics, or angles of view, and the distortion of a lens.

Sources: https://docs.nerf.studio/quickstart/data_conventions.html for the keys; ``get_image_coords`` of
https://github.com/nerfstudio-project/nerfstudio/blob/main/nerfstudio/cameras/cameras.py for pixels, which it counts
from the corner of the top-left one, as COLMAP does; ``radial_and_tangential_undistort`` of camera_utils.py beside it
for the distortion. Angles of view are those of the original NeRF, in radians; instant-ngp adds ``is_fisheye``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.geometry.lens import Lens, LensModel, lens_of
from pipeline.ingest.captures.stored_images import stored_size
from pipeline.records import Camera
from pipeline.records.checks import finite
from pipeline.records.errors import InputError, RecordError
from pipeline.records.message import Message, message

_PERSPECTIVE = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
_FISHEYE = ("OPENCV_FISHEYE",)
# Keys of instant-ngp that make the camera neither perspective nor this kind of fisheye.
_OTHER_KEYS = ("latlong", "equirectangular", "ftheta_p0")
# The documentation's own example of a fisheye has p1 and p2 of 6e-5, which OPENCV_FISHEYE does not use.
_UNUSED_TANGENTIAL = 1e-3


def camera_and_lens(
    values: Mapping[str, Any], image: Path, file: Path
) -> tuple[Camera, Lens | None, tuple[Message, ...]]:
    """The camera of one frame, for the stored pixels of its image.

    Args:
        values: Keys of the frame, and those of the file where the frame has none.
        image: The image, whose size counts where ``w`` and ``h`` are missing.
        file: ``transforms.json``, for messages.

    Raises:
        InputError: If a number is unusable, none gives a focal length, or the camera is not a pinhole with
            Brown-Conrady or fisheye distortion.
    """
    try:
        model = _model(values, file)
        lens = _lens(values, model, file)
        width, height = (_side(values, key) for key in ("w", "h"))
        if width is None or height is None:
            width, height = stored_size(image)
        angles = {key: _angle(values, key) for key in ("camera_angle_x", "camera_angle_y")}
        notes = tuple(
            message("angle_in_degrees", name=key, path=str(file))
            for key, angle in angles.items()
            if angle and angle[1] and values.get(f"fl_{key[-1]}") is None
        )
        fx, fy = (
            _focal(values, f"fl_{axis}", angles[f"camera_angle_{axis}"], side, model)
            for axis, side in (("x", width), ("y", height))
        )
        if fx is None and fy is None:
            raise InputError(f"{file} gives {image.name} no focal length; add fl_x, in pixels, or camera_angle_x.")
        cx, cy = _number(values, "cx", width / 2), _number(values, "cy", height / 2)
        camera = Camera(fx or fy or 0.0, fy or fx or 0.0, cx - 0.5, cy - 0.5, width, height)
    except RecordError as error:
        raise InputError(f"{file} has an unusable camera: {error}") from None
    if not (0 <= cx <= width and 0 <= cy <= height):
        raise InputError(
            f"{file} has its principal point ({cx:g}, {cy:g}) outside of the image of {width} x {height} px; "
            "correct cx, cy, w or h."
        )
    return camera, lens, notes


def _model(values: Mapping[str, Any], file: Path) -> LensModel:
    name = values.get("camera_model", "OPENCV_FISHEYE" if values.get("is_fisheye") else "OPENCV")
    other = next((key for key in _OTHER_KEYS if values.get(key)), None)
    if other is not None or name not in _PERSPECTIVE + _FISHEYE:
        raise InputError(
            f"{file} has a camera of model {other or name!s:.40}; only "
            f"{', '.join(_PERSPECTIVE + _FISHEYE)} are read: export perspective images."
        )
    return LensModel.FISHEYE if name in _FISHEYE else LensModel.BROWN_CONRADY


def _lens(values: Mapping[str, Any], model: LensModel, file: Path) -> Lens | None:
    k1, k2, k3, k4, k5, k6, p1, p2 = (
        _number(values, key, 0.0) for key in ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
    )
    if model is LensModel.FISHEYE:
        if k5 or k6 or max(abs(p1), abs(p2)) > _UNUSED_TANGENTIAL:
            raise InputError(f"{file} has a fisheye with k5, k6, p1 or p2, which OPENCV_FISHEYE lacks; remove them.")
        return lens_of((k1, k2, k3, k4), model)
    if k4 and not (k5 or k6 or values.get("camera_model") == "FULL_OPENCV"):
        # nerfstudio's k4 is a fourth coefficient of the polynomial, OpenCV's is in the denominator.
        raise InputError(
            f"{file} has k4 = {k4:g} in a camera of model OPENCV, which is not read; undistort the images."
        )
    return lens_of((k1, k2, p1, p2, k3, k4, k5, k6))


def _number(values: Mapping[str, Any], key: str, default: float) -> float:
    value = values.get(key)
    if isinstance(value, bool | str):
        raise RecordError(f"{key} must be a number, not {value!r:.40}.")
    return default if value is None else finite(value, key)


def _side(values: Mapping[str, Any], key: str) -> int | None:
    if values.get(key) is None:
        return None
    side = _number(values, key, 0.0)
    if not side.is_integer() or side < 1:
        raise RecordError(f"{key} must be a whole number of pixels, not {side:g}.")
    return int(side)


def _angle(values: Mapping[str, Any], key: str) -> tuple[float, bool] | None:
    """Angle of view [rad], and whether it was in degrees; None without."""
    if values.get(key) is None:
        return None
    angle = _number(values, key, 0.0)
    is_degrees = angle > math.pi
    if is_degrees:
        angle = math.radians(angle)
    if not 0 < angle < math.pi:
        raise RecordError(f"{key} must be an angle between 0 and pi, not {values[key]!r:.40}.")
    return angle, is_degrees


def _focal(
    values: Mapping[str, Any], key: str, angle: tuple[float, bool] | None, side: int, model: LensModel
) -> float | None:
    if values.get(key) is not None:
        return _number(values, key, 0.0)
    if angle is None or model is LensModel.FISHEYE:
        return None
    return side / 2 / math.tan(angle[0] / 2)

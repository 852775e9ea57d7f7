"""The calibration of Azure Kinect and of the Orbbec cameras that record like it.

The raw calibration, ``calibration.json``: ``CalibrationInformation.Cameras[]`` with ``Location``, ``SensorWidth``,
``SensorHeight``, ``Rt`` (``Rotation`` row by row and ``Translation`` [m], from the world into the camera) and
``Intrinsics.ModelParameters``: cx, cy, fx, fy as shares of the sensor with 0 at the outer corner of the first pixel,
k1 to k6, codx, cody, p2, p1. Cuts and sizes of the modes:
https://github.com/microsoft/Azure-Kinect-Sensor-SDK, src/calibration/calibration.c,
src/transformation/mode_specific_calibration.c and src/transformation/extrinsic_transformation.c.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.geometry.lens import Lens, lens_of
from pipeline.geometry.projections import pose_of
from pipeline.records import Camera
from pipeline.records.checks import finite_tuple
from pipeline.records.errors import InputError, RecordError

# By size of the images [px]: size of the whole sensor after binning, and the corner at which the images are cut out.
# A size names one mode: NFOV 2x2 binned, NFOV unbinned, WFOV 2x2 binned, WFOV unbinned.
_DEPTH_MODES = {
    (320, 288): ((512, 512), (96, 90)),
    (640, 576): ((1024, 1024), (192, 180)),
    (512, 512): ((512, 512), (0, 0)),
    (1024, 1024): ((1024, 1024), (0, 0)),
}
_COLOUR_MODES = {
    (1280, 720): ((1280, 960), (0, 120)),
    (1920, 1080): ((1920, 1440), (0, 180)),
    (2560, 1440): ((2560, 1920), (0, 240)),
    (2048, 1536): ((2048, 1536), (0, 0)),
    (3840, 2160): ((3840, 2880), (0, 360)),
    (4096, 3072): ((4096, 3072), (0, 0)),
}
# Older calibrations of the colour camera are for 16:9, cut out of the sensor of 4:3.
_SENSOR_4_3, _CUT_16_9, _OFFSET_16_9 = (4096, 3072), (4096, 2304), 384
_MODEL = "CALIBRATION_LensDistortionModelBrownConrady"


@dataclass(frozen=True, eq=False)
class Calibration:
    """Both cameras in the modes of a recording.

    Args:
        image_camera: Intrinsics of the colour images.
        image_lens: Their distortion; None without.
        depth_camera: Intrinsics of the depth.
        depth_lens: Its distortion; None without.
        depth_to_image: float64 (4, 4), from the depth camera's frame into the colour camera's [m].
    """

    image_camera: Camera
    image_lens: Lens | None
    depth_camera: Camera
    depth_lens: Lens | None
    depth_to_image: np.ndarray


def read_calibration(data: bytes, image_size: tuple[int, int], depth_size: tuple[int, int]) -> Calibration:
    """The calibration of a recording.

    Args:
        data: The content of ``calibration.json``.
        image_size: (width, height) of the colour images [px].
        depth_size: (width, height) of the depth [px].

    Raises:
        InputError: If it is damaged, or the sizes are of no mode.
    """
    try:
        cameras = {one["Location"]: one for one in json.loads(data.rstrip(b"\0"))["CalibrationInformation"]["Cameras"]}
        depth, colour = cameras["CALIBRATION_CameraLocationD0"], cameras["CALIBRATION_CameraLocationPV0"]
        depth_camera, depth_lens = _in_mode(depth, depth_size, _DEPTH_MODES)
        image_camera, image_lens = _in_mode(colour, image_size, _COLOUR_MODES)
        to_image = _placed(colour) @ np.linalg.inv(_placed(depth))
    except (
        RecordError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        np.linalg.LinAlgError,
    ) as error:
        raise InputError(f"its calibration.json is damaged ({type(error).__name__}: {error!s:.80})") from None
    return Calibration(image_camera, image_lens, depth_camera, depth_lens, to_image)


def _in_mode(
    entry: Mapping[str, Any], size: tuple[int, int], modes: Mapping[tuple[int, int], tuple[Any, Any]]
) -> tuple[Camera, Lens | None]:
    if size not in modes:
        known = ", ".join(f"{width} x {height}" for width, height in modes)
        raise InputError(f"it has images of {size[0]} x {size[1]} px, which no mode of the camera has ({known})")
    intrinsics = entry["Intrinsics"]
    if intrinsics["ModelType"] != _MODEL:
        raise InputError(
            f"its calibration has the distortion model {intrinsics['ModelType']!r:.60}; it must be {_MODEL}"
        )
    cx, cy, fx, fy, k1, k2, k3, k4, k5, k6, codx, cody, p2, p1 = finite_tuple(
        intrinsics["ModelParameters"][:14], 14, "Parameters of a lens"
    )
    if codx or cody:
        raise InputError("its calibration has a centre of distortion, which is not read; calibrate it without")
    (width, height), (left, top) = modes[size]
    if modes is _COLOUR_MODES and entry["SensorWidth"] * 9 // 16 == entry["SensorHeight"]:
        cy, fy = (cy * _CUT_16_9[1] + _OFFSET_16_9) / _SENSOR_4_3[1], fy * _CUT_16_9[1] / _SENSOR_4_3[1]
    elif entry["SensorWidth"] * height != entry["SensorHeight"] * width:
        raise InputError("its calibration is for a sensor of another shape; record it again")
    camera = Camera(fx * width, fy * height, cx * width - left - 0.5, cy * height - top - 0.5, *size)
    return camera, lens_of((k1, k2, p1, p2, k3, k4, k5, k6))


def _placed(entry: Mapping[str, Any]) -> np.ndarray:
    """From the world into a camera [m]."""
    rotation = finite_tuple(entry["Rt"]["Rotation"], 9, "A rotation")
    matrix = np.reshape(rotation, (3, 3))
    if np.abs(matrix @ matrix.T - np.eye(3)).max() > 0.01:
        raise ValueError("a rotation is none")
    return pose_of(matrix, finite_tuple(entry["Rt"]["Translation"], 3, "A translation"))

"""Cameras and poses of ETH3D, in the text format of COLMAP.

``cameras.txt`` has one line ``ID MODEL WIDTH HEIGHT PARAMETERS`` per camera, ``images.txt`` two lines per image, the
first of them ``ID QW QX QY QZ TX TY TZ CAMERA_ID NAME`` (world to camera); lines that begin with # are comments.
https://colmap.github.io/format.html
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.geometry.projections import pose_of
from pipeline.ingest.files import existing_file
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError

# Models whose parameters begin with fx, fy, cx, cy.
MODELS = ("THIN_PRISM_FISHEYE", "PINHOLE", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV")


@dataclass(frozen=True, eq=False)
class Calibration:
    """Cameras of a scene, with the camera and pose of each image.

    Args:
        cameras: The linear part of each camera, by its number.
        images: Number of the camera and camera-to-world pose, float64 (4, 4) [m], by the image's name.
    """

    cameras: dict[int, Camera]
    images: dict[str, tuple[int, np.ndarray]]


@lru_cache(maxsize=32)
def read_calibration(folder: Path) -> Calibration:
    """Read ``cameras.txt`` and ``images.txt``.

    COLMAP counts pixels from the corner of the top-left one; cameras here count from its centre.

    Raises:
        InputError: If a file is missing or damaged, or names an unknown camera model.
    """
    cameras_file, images_file = (
        existing_file(folder / name, "a calibration") for name in ("cameras.txt", "images.txt")
    )
    cameras = {}
    for line in filter(str.strip, _lines(cameras_file)):
        fields = line.split()
        if len(fields) > 1 and fields[1] not in MODELS:
            raise InputError(
                f"{cameras_file} has a camera of model {fields[1]}; it must be one of {', '.join(MODELS)}."
            )
        try:
            fx, fy, cx, cy = (float(number) for number in fields[4:8])
            cameras[int(fields[0])] = Camera(fx, fy, cx - 0.5, cy - 0.5, int(fields[2]), int(fields[3]))
        except (ValueError, IndexError):
            raise _damaged(cameras_file) from None
    images = {}
    for line in _lines(images_file)[::2]:
        if not line.strip():
            continue
        fields = line.split(maxsplit=9)
        try:
            w, x, y, z, *shift = (float(number) for number in fields[1:8])
            camera, name = int(fields[8]), fields[9]
            to_world = Rotation.from_quat((x, y, z, w)).as_matrix().T
        except (ValueError, IndexError):
            raise _damaged(images_file) from None
        images[name] = camera, pose_of(to_world, -to_world @ np.array(shift))
    return Calibration(cameras, images)


def _lines(file: Path) -> list[str]:
    """Lines without comments. Empty lines stay, as an image may have no points."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if not line.startswith("#")]


def _damaged(file: Path) -> InputError:
    return InputError(f"{file} has a line that is not of COLMAP's text format; copy it again.")

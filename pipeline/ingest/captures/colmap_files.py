"""Cameras and poses of COLMAP, as text and in binary form.

``cameras.txt`` has one line ``ID MODEL WIDTH HEIGHT PARAMETERS`` per camera, ``images.txt`` two lines per image, the
first of them ``ID QW QX QY QZ TX TY TZ CAMERA_ID NAME`` (world to camera); lines that begin with # are comments.
``cameras.bin`` and ``images.bin`` hold the same, little-endian, after a count of 8 bytes.
https://colmap.github.io/format.html, https://github.com/colmap/colmap/blob/main/scripts/python/read_write_model.py
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.geometry.lens import Lens, LensModel
from pipeline.geometry.projections import pose_of
from pipeline.ingest.files import existing_file
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError, RecordError

# Models by their numbers, with the numbers of their parameters.
# https://github.com/colmap/colmap/blob/main/src/colmap/sensor/models.h
_MODELS = (
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16),
    ("SIMPLE_DIVISION", 4),
    ("DIVISION", 5),
    ("SIMPLE_FISHEYE", 3),
    ("FISHEYE", 4),
    ("EUCM", 6),
    ("EQUIRECTANGULAR", 2),
)
_COUNTS = dict(_MODELS)
# Models whose one focal length is that of both axes.
_ONE_FOCAL = (
    "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "SIMPLE_DIVISION",
    "SIMPLE_FISHEYE",
)  # fmt: skip
# Models that a lens stands for exactly, by what their further parameters mean.
_BROWN_CONRADY = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
_FISHEYE = ("OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "SIMPLE_FISHEYE", "FISHEYE")
# Bytes of a camera before its parameters, of an image before its name, and of a point of an image.
_CAMERA, _IMAGE, _POINT = struct.Struct("<iiQQ"), struct.Struct("<i7di"), struct.Struct("<ddq")
_COUNT = struct.Struct("<Q")
_LONGEST_NAME = 4096
# Of a quaternion; COLMAP writes unit quaternions.
_LEAST_LENGTH = 1e-6


@dataclass(frozen=True)
class ModelCamera:
    """A camera as COLMAP describes it.

    Args:
        model: Name of its model.
        width: Width of its images [px].
        height: Height of its images [px].
        parameters: Focal lengths and principal point [px, from the corner of the top-left pixel], then distortion.
    """

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]

    @property
    def pinhole(self) -> Camera:
        """The linear part, with the principal point from the centre of the top-left pixel.

        Raises:
            RecordError: If its numbers are unusable.
        """
        numbers = self.parameters if self.model not in _ONE_FOCAL else (self.parameters[0], *self.parameters)
        fx, fy, cx, cy = numbers[:4]
        return Camera(fx, fy, cx - 0.5, cy - 0.5, self.width, self.height)

    @property
    def lens(self) -> Lens | None:
        """The distortion, exactly as COLMAP's formulas have it; None without.

        Raises:
            InputError: If no lens stands for it.
        """
        rest = self.parameters[3 if self.model in _ONE_FOCAL else 4 :]
        if self.model in _BROWN_CONRADY:
            return Lens(LensModel.BROWN_CONRADY, rest) if any(rest) else None
        if self.model in _FISHEYE:
            return Lens(LensModel.FISHEYE, rest)
        if self.model == "THIN_PRISM_FISHEYE":
            k1, k2, p1, p2, k3, k4, sx1, sy1 = rest
            if not any((p1, p2, sx1, sy1)):
                return Lens(LensModel.FISHEYE, (k1, k2, k3, k4))
        raise InputError(
            f"A camera of model {self.model} cannot be read with its distortion; "
            "run colmap image_undistorter and give the folder that it writes."
        )


@dataclass(frozen=True, eq=False)
class Calibration:
    """Cameras of a scene, with the camera and pose of each image.

    Args:
        cameras: The linear part of each camera, by its number.
        images: Number of the camera and camera-to-world pose, float64 (4, 4) [m, or without a unit], by the image's
            name.
        models: Each camera with its distortion, by its number.
    """

    cameras: dict[int, Camera]
    images: dict[str, tuple[int, np.ndarray]]
    models: dict[int, ModelCamera] = field(default_factory=dict)


def has_calibration(folder: Path) -> bool:
    """Whether a folder holds cameras and images, in either form."""
    return any(all((folder / f"{name}.{suffix}").is_file() for name in ("cameras", "images")) for suffix in _READERS)


def read_calibration(folder: Path) -> Calibration:
    """Read ``cameras`` and ``images``, binary where both are there, else text.

    COLMAP counts pixels from the corner of the top-left one; cameras here count from its centre.

    Raises:
        InputError: If a file is missing or damaged, or names an unknown camera model.
    """
    binary = all((folder / f"{name}.bin").is_file() for name in ("cameras", "images"))
    suffix = "bin" if binary else "txt"
    cameras_file, images_file = (
        existing_file(folder / f"{name}.{suffix}", "a calibration") for name in ("cameras", "images")
    )
    read_cameras, read_images = _READERS[suffix]
    models = read_cameras(cameras_file)
    try:
        cameras = {number: camera.pinhole for number, camera in models.items() if camera.model != "EQUIRECTANGULAR"}
    except RecordError as error:
        raise InputError(f"{cameras_file} has an unusable camera: {error}") from None
    return Calibration(cameras, read_images(images_file), models)


@lru_cache(maxsize=32)
def cached_calibration(folder: Path) -> Calibration:
    """As ``read_calibration``, read once: for files that do not change."""
    return read_calibration(folder)


def _text_cameras(file: Path) -> dict[int, ModelCamera]:
    cameras = {}
    for line in filter(str.strip, _lines(file)):
        fields = line.split()
        try:
            number, model, width, height, *numbers = fields
            cameras[int(number)] = _camera(file, model, int(width), int(height), tuple(map(float, numbers)))
        except ValueError:
            raise _damaged(file) from None
    return cameras


def _text_images(file: Path) -> dict[str, tuple[int, np.ndarray]]:
    images = {}
    for line in _lines(file)[::2]:
        if not line.strip():
            continue
        fields = line.split(maxsplit=9)
        try:
            numbers, camera, name = tuple(map(float, fields[1:8])), int(fields[8]), fields[9].strip()
        except (ValueError, IndexError):
            raise _damaged(file) from None
        images[name] = camera, _pose(file, numbers)
    return images


def _binary_cameras(file: Path) -> dict[int, ModelCamera]:
    data = file.read_bytes()
    cameras, at = {}, _COUNT.size
    try:
        for _ in range(_count(data, 0, _CAMERA.size, file)):
            number, model, width, height = _CAMERA.unpack_from(data, at)
            at += _CAMERA.size
            name, count = _MODELS[model] if 0 <= model < len(_MODELS) else (f"number {model}", 0)
            cameras[number] = _camera(file, name, width, height, struct.unpack_from(f"<{count}d", data, at))
            at += 8 * count
    except struct.error:
        raise _cut_off(file) from None
    return cameras


def _binary_images(file: Path) -> dict[str, tuple[int, np.ndarray]]:
    images, at = {}, _COUNT.size
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for _ in range(_count(data, 0, _IMAGE.size + 1 + _COUNT.size, file)):
                _, *numbers, camera = _IMAGE.unpack_from(data, at)
                at += _IMAGE.size
                end = data.find(b"\0", at, at + _LONGEST_NAME)
                if end < 0:
                    raise _cut_off(file)
                name = data[at:end].decode("utf-8")
                at = end + 1
                at += _COUNT.size + _POINT.size * _count(data, at, _POINT.size, file)
                images[name] = camera, _pose(file, tuple(numbers))
        except struct.error:
            raise _cut_off(file) from None
        except UnicodeDecodeError:
            raise InputError(
                f"{file} names an image in bytes that are not UTF-8; rename it and run COLMAP again."
            ) from None
    return images


_READERS = {"bin": (_binary_cameras, _binary_images), "txt": (_text_cameras, _text_images)}


def _count(data: bytes | mmap.mmap, at: int, least_bytes: int, file: Path) -> int:
    """A stored count of entries that have so many bytes at least."""
    (count,) = _COUNT.unpack_from(data, at)
    if count * least_bytes > len(data) - at - _COUNT.size:
        raise _cut_off(file)
    return int(count)


def _camera(file: Path, model: str, width: int, height: int, numbers: tuple[float, ...]) -> ModelCamera:
    if model not in _COUNTS:
        raise InputError(f"{file} has a camera of model {model:.40}; it must be one of {', '.join(_COUNTS)}.")
    if len(numbers) != _COUNTS[model] or not np.isfinite(numbers).all():
        raise _damaged(file)
    return ModelCamera(model, width, height, numbers)


def _pose(file: Path, numbers: tuple[float, ...]) -> np.ndarray:
    """Camera-to-world pose of a quaternion (w, x, y, z) and a translation, world to camera."""
    w, x, y, z, *shift = numbers
    length = float(np.linalg.norm((w, x, y, z)))
    if not np.isfinite((length, *shift)).all() or length < _LEAST_LENGTH:
        raise _damaged(file)
    to_world = Rotation.from_quat((x, y, z, w)).as_matrix().T
    return pose_of(to_world, -to_world @ np.array(shift))


def _lines(file: Path) -> list[str]:
    """Lines without comments. Empty lines stay, as an image may have no points."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if not line.startswith("#")]


def _damaged(file: Path) -> InputError:
    form = "binary" if file.suffix == ".bin" else "text"
    return InputError(f"{file} has an entry that is not of COLMAP's {form} format; copy it again.")


def _cut_off(file: Path) -> InputError:
    return InputError(f"{file} is cut off or not of COLMAP's binary format; copy it again.")

"""Recordings of the app Record3D.

A ``.r3d`` file is a ZIP archive with ``metadata`` (JSON) and, for every frame N, ``rgbd/N.jpg``, ``rgbd/N.depth``
(LZFSE, float32 metres, row by row) and ``rgbd/N.conf`` (LZFSE, uint8, 0 to 2); a folder may hold the same, unpacked.
By the app's author: files in https://github.com/marek-simonik/record3d/issues/93, ``K`` and
``perFrameIntrinsicCoeffs`` (fx, fy, cx, cy of the image) in issues 83 and 99, ``poses`` (qx, qy, qz, qw, px, py, pz)
as camera to world in issues 33 and 36, in OpenGL's axes in issue 64. ``K`` is stored column by column and ``dw``,
``dh`` are the size of the depth
(https://github.com/codekansas/usa/blob/master/usa/tasks/datasets/r3d.py).

Orientation: image, depth, ``K`` and poses are all for the orientation in which the images are stored, portrait or
landscape (https://github.com/nerfstudio-project/nerfstudio/blob/main/nerfstudio/process_data/record3d_utils.py).

World: ``initPose`` leads from the world of the poses to ARKit's
(https://github.com/notmahi/clip-fields/blob/main/dataloaders/record3d.py). Older versions let the world begin at the
first camera without it (issue 27): nothing says where down is, and images stay as they are stored.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from pipeline.ingest.captures.arkit import (
    MAX_TEXT_BYTES,
    WORLD_DOWN,
    camera_of,
    json_object,
    lidar_depth,
    numbers_of,
    poses_of,
    stored_rgb,
    with_opencv_axes,
)
from pipeline.ingest.captures.base import Capture, CapturedFrame, within
from pipeline.ingest.captures.lzfse_stream import decompressed
from pipeline.ingest.depth_files import MAX_VALUES
from pipeline.ingest.files import decoding, existing_file, printable
from pipeline.ingest.resampling import same_aspect, size_of
from pipeline.records import DepthKind, DepthMap, ScaleSource
from pipeline.records.errors import InputError

_IDENTITY = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
# The size of the depth of a LiDAR recording in versions that do not name it, issue 86.
_LIDAR_SIZE = (192, 256)
_MAX_JPEG_BYTES = 256 * 2**20
_NO_TURN = 1e-4


class Record3D(Capture):
    """A recording of Record3D; see the module for its files.

    Only frames that have a pose, an image and depth and, where the recording has any, confidence are frames of it.
    Recordings of the camera above the screen have no poses.
    """

    format = "Record3D"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        what = f"The metadata of {path}"
        with _Files(path) as files:
            values = json_object(files.read("metadata", MAX_TEXT_BYTES), path, "metadata")
            names = files.names()
        if missing := [key for key in ("poses", "K", "w", "h") if key not in values]:
            raise InputError(f"{what} has no {missing[0]!r}; export the recording as .r3d again.")
        given = numbers_of(values["poses"], (-1, 7), f"{what}: poses")
        self._size = _sides(values["w"], values["h"], f"{what}: w and h")
        width, height = _LIDAR_SIZE
        self._depth_size = _sides(values.get("dw", width), values.get("dh", height), f"{what}: dw and dh")
        self._poses, self._world_down = _in_world(given, values.get("initPose"), what)
        self._cameras = _cameras(values, len(given), what)
        self._has_confidence = any(name.endswith(".conf") for name in names)
        parts = (".jpg", ".depth", *((".conf",) if self._has_confidence else ()))
        self._numbers = [n for n in range(len(given)) if all(f"rgbd/{n}{part}" in names for part in parts)]
        if not self._numbers:
            raise InputError(f"{path} has no frame with a pose, an image and depth; export the recording again.")
        self.left_out = len(given) - len(self._numbers)
        times_s = _times(values, len(given), what)[self._numbers]
        self._times_s = times_s - times_s[0]

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the path is an archive, or a folder with metadata and frames."""
        if path.is_dir():
            return (path / "metadata").is_file() and (path / "rgbd").is_dir()
        try:
            with path.open("rb") as stream:
                return path.is_file() and stream.read(2) == b"PK"
        except OSError:
            return False

    @property
    def times_s(self) -> Sequence[float]:
        """Time of every frame from the first [s]."""
        times: list[float] = self._times_s.tolist()
        return times

    def frames(self, indices: Sequence[int]) -> Iterator[CapturedFrame]:
        """Decode frames; see ``Capture.frames``."""
        with _Files(self.path) as files:
            for number in (self._numbers[index] for index in indices):
                what = f"frame {number} of {self.path}"
                rgb = _image(files.read(f"rgbd/{number}.jpg", _MAX_JPEG_BYTES), self._size, what)
                values = self._array(files, f"rgbd/{number}.depth", "<f4")
                depth = DepthMap.from_values(values, DepthKind.METRIC, ScaleSource.SENSOR, "file")
                levels = self._array(files, f"rgbd/{number}.conf", "u1") if self._has_confidence else None
                yield CapturedFrame(
                    rgb,
                    printable(f"{self.path.name} frame {number}"),
                    camera_of(self._cameras[number].tolist(), self._size, f"The camera of {what}"),
                    depth=lidar_depth(depth, levels, size_of(rgb), what),
                    pose=None if self._poses is None else self._poses[number],
                    world_down=self._world_down,
                )

    def _array(self, files: _Files, name: str, dtype: str) -> np.ndarray:
        width, height = self._depth_size
        size = width * height * np.dtype(dtype).itemsize
        # What does not compress grows by little.
        data = files.read(name, 2 * size + 4096)
        return np.frombuffer(decompressed(data, size, self.path, name), dtype).reshape(height, width)


class _Files:
    """The files of a recording, in an archive or a folder; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive: zipfile.ZipFile | None = None

    def __enter__(self) -> _Files:
        if not self._path.is_dir():
            with decoding(existing_file(self._path, "a recording"), "a recording of Record3D"):
                self._archive = zipfile.ZipFile(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._archive is not None:
            self._archive.close()

    def names(self) -> set[str]:
        """Names of the files, with ``/``.

        Raises:
            InputError: If one leads out of the archive.
        """
        if self._archive is None:
            return {f"rgbd/{file.name}" for file in (self._path / "rgbd").iterdir()}
        names = self._archive.namelist()
        for name in names:
            if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
                raise InputError(
                    f"{self._path} has a file {name!r:.80} that leads out of it; it was not made by Record3D."
                )
        return set(names)

    def read(self, name: str, most: int) -> bytes:
        """The bytes of a file, of which there may be so many.

        Raises:
            InputError: If it is missing, damaged or larger.
        """
        if self._archive is None:
            file = existing_file(within(self._path, name, f"A file of {self._path}"), "a file of a recording")
            size = file.stat().st_size
        else:
            with decoding(self._path, "a recording of Record3D"):
                if name not in self._archive.NameToInfo:
                    raise InputError(f"{self._path} has no file {name!r}; export the recording as .r3d again.")
                size = self._archive.getinfo(name).file_size
        if size > most:
            raise InputError(f"{name} of {self._path} has {size} bytes, more than the {most} expected of it.")
        with decoding(self._path, "a recording of Record3D"):
            return file.read_bytes() if self._archive is None else self._archive.read(name)


def _image(data: bytes, size: tuple[int, int], what: str) -> np.ndarray:
    file = Path(what)
    with warnings.catch_warnings(), decoding(file, "an image"):
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if not same_aspect(image.size, size):
                raise InputError(
                    f"The image of {what} has {image.width} x {image.height} px, the metadata say "
                    f"{size[0]} x {size[1]} px; export the recording again."
                )
            return stored_rgb(image)


def _sides(width: Any, height: Any, what: str) -> tuple[int, int]:
    sides = numbers_of([width, height], (2,), what)
    if sides.min() < 1 or sides.prod() > MAX_VALUES or (sides != np.floor(sides)).any():
        raise InputError(f"{what} must be whole numbers of pixels, not {width!r:.40} x {height!r:.40}.")
    return int(sides[0]), int(sides[1])


def _in_world(given: np.ndarray, start: Any, what: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Poses in OpenCV's axes, and the direction of gravity; None each where they are unknown."""
    if len(given) > 1 and (given == _IDENTITY).all():
        return None, None
    poses = poses_of(given[:, :4], given[:, 4:], what)
    if start is not None:
        first = numbers_of(start, (7,), f"{what}: initPose")[None]
        poses = poses_of(first[:, :4], first[:, 4:], f"{what}: initPose") @ poses
    begins_at_camera = np.allclose(poses[0, :3, :3], np.eye(3), atol=_NO_TURN)
    return with_opencv_axes(poses), None if begins_at_camera else WORLD_DOWN


def _cameras(values: dict[str, Any], count: int, what: str) -> np.ndarray:
    """fx, fy, cx, cy of every frame, float64 (N, 4)."""
    each = values.get("perFrameIntrinsicCoeffs")
    if each:
        cameras = numbers_of(each, (-1, 4), f"{what}: perFrameIntrinsicCoeffs")
        if len(cameras) == count:
            return cameras
    matrix = numbers_of(values["K"], (9,), f"{what}: K").reshape(3, 3).T
    return np.tile(matrix[(0, 1, 0, 1), (0, 1, 2, 2)], (count, 1))


def _times(values: dict[str, Any], count: int, what: str) -> np.ndarray:
    """Times of all frames [s]."""
    if values.get("frameTimestamps"):
        times = numbers_of(values["frameTimestamps"], (-1,), f"{what}: frameTimestamps")
        if len(times) == count and (np.diff(times) >= 0).all():
            return times
    rate_hz = float(numbers_of([values.get("fps", 30)], (1,), f"{what}: fps")[0])
    if not 0.01 <= rate_hz <= 10_000:
        raise InputError(f"{what}: fps must be a rate in Hz, not {rate_hz:g}.")
    return np.arange(count) / rate_hz

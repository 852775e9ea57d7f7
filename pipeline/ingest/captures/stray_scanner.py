"""Recordings of the app Stray Scanner.

A folder with ``rgb.mp4``, ``odometry.csv``, ``camera_matrix.csv``, ``depth/NNNNNN.png`` (uint16, millimetres; older
versions ``.npy``) and ``confidence/NNNNNN.png`` (0 to 2). Specification:
https://github.com/strayrobots/scanner/blob/main/docs/format.md. A row of ``odometry.csv`` names its frame by the
number that is the name of its depth file and its place in the video; later versions add ``fx, fy, cx, cy`` to it.

Axes: the app turns ARKit's camera by half a turn about x before it writes the quaternion (``q_WA * q_AC`` in
https://github.com/strayrobots/scanner/blob/main/StrayScanner/Helpers/OdometryEncoder.swift), so poses lead from
OpenCV's camera to ARKit's world; https://github.com/kekeblom/StrayVisualizer back-projects with them unchanged, and
https://github.com/strayrobots/scanner/issues/11 says so.

Images: the app counts images of the video from -1 and lets time start at 0 (``DatasetEncoder.swift`` and
``VideoEncoder.swift`` beside it), so the edit list hides the first; it counts. Early versions wrote a display matrix
for portrait; the camera matrix is for the stored orientation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.ingest.captures.arkit import (
    WORLD_DOWN,
    bounded_text,
    camera_of,
    lidar_depth,
    numbers_of,
    poses_of,
    stored_grey,
)
from pipeline.ingest.captures.base import Capture, CapturedFrame
from pipeline.ingest.captures.numbered_video import NumberedVideo
from pipeline.ingest.depth_files import stored_depth
from pipeline.ingest.files import printable
from pipeline.ingest.resampling import size_of
from pipeline.records import DepthKind, ScaleSource
from pipeline.records.errors import InputError

_POSE = ("x", "y", "z", "qx", "qy", "qz", "qw")
_LENS = ("fx", "fy", "cx", "cy")


@dataclass(frozen=True, eq=False)
class _Odometry:
    """Rows of ``odometry.csv`` by ascending number: numbers, times [s], poses (N, 4, 4) and cameras (N, 4) or None."""

    numbers: list[int]
    times_s: np.ndarray
    poses: np.ndarray
    cameras: np.ndarray | None


class StrayScanner(Capture):
    """A recording of Stray Scanner; see the module for its files.

    Only frames that have an image, a pose, depth and, where the recording has any, confidence are frames of it.
    """

    format = "Stray Scanner"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        rows = _odometry(path / "odometry.csv")
        self._video = NumberedVideo(path / "rgb.mp4")
        self._depth = _numbered(path / "depth", (".png", ".npy"))
        self._confidence = _numbered(path / "confidence", (".png",))
        kept = [
            index
            for index, number in enumerate(rows.numbers)
            if number < len(self._video)
            and number in self._depth
            and (not self._confidence or number in self._confidence)
        ]
        if not kept:
            raise InputError(
                f"{path} has no frame with an image, a row in odometry.csv, depth and confidence; copy all its files."
            )
        self.left_out = len(rows.numbers) - len(kept)
        self._numbers = [rows.numbers[index] for index in kept]
        self._times_s = rows.times_s[kept] - rows.times_s[kept[0]]
        self._poses = rows.poses[kept]
        self._cameras = None if rows.cameras is None else rows.cameras[kept]

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the folder has the video and the table of poses."""
        return (path / "odometry.csv").is_file() and (path / "rgb.mp4").is_file()

    @property
    def times_s(self) -> Sequence[float]:
        """Time of every frame from the first [s]."""
        times: list[float] = self._times_s.tolist()
        return times

    @cached_property
    def _matrix(self) -> np.ndarray:
        """fx, fy, cx, cy of ``camera_matrix.csv``, which is that of the last frame."""
        file = self.path / "camera_matrix.csv"
        rows = [line.split(",") for line in bounded_text(file, "a camera matrix").splitlines() if line.strip()]
        matrix = numbers_of([[_number(word) for word in row] for row in rows], (3, 3), str(file))
        return matrix[(0, 1, 0, 1), (0, 1, 2, 2)]

    def frames(self, indices: Sequence[int]) -> Iterator[CapturedFrame]:
        """Decode frames; see ``Capture.frames``."""
        numbers = [self._numbers[index] for index in indices]
        for index, number, rgb in zip(indices, numbers, self._video.images(numbers), strict=True):
            what = f"frame {number} of {self.path}"
            depth = stored_depth(
                self._depth[number], kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR, scale=0.001
            )
            levels = stored_grey(self._confidence[number]) if self._confidence else None
            camera = self._matrix if self._cameras is None else self._cameras[index]
            yield CapturedFrame(
                rgb,
                printable(f"{self.path.name} frame {number}"),
                camera_of(camera.tolist(), size_of(rgb), f"The camera of {what}"),
                depth=lidar_depth(depth, levels, size_of(rgb), what),
                pose=self._poses[index],
                world_down=WORLD_DOWN,
            )


def _odometry(file: Path) -> _Odometry:
    lines = [line for line in bounded_text(file, "a table of poses").splitlines() if line.strip()]
    columns = {name.strip().lower(): index for index, name in enumerate(lines[0].split(","))} if lines else {}
    names = ("timestamp", "frame", *_POSE)
    if missing := [name for name in names if name not in columns]:
        raise InputError(f"{file} has no column {missing[0]!r}; its first line must be that of Stray Scanner.")
    has_cameras = all(name in columns for name in _LENS)
    wanted = [columns[name] for name in (*names, *(_LENS if has_cameras else ()))]
    cells = [line.split(",") for line in lines[1:]]
    if not cells or any(len(row) <= max(wanted) for row in cells):
        raise InputError(f"{file} is cut off: it needs at least one row, and all columns in each; copy it again.")
    table = numbers_of([[_number(row[at]) for at in wanted] for row in cells], (-1, len(wanted)), f"{file}: every row")
    table = table[np.argsort(table[:, 1], kind="stable")]
    numbers = table[:, 1].tolist()
    if any(number < 0 or number != math.floor(number) for number in numbers) or len(set(numbers)) < len(numbers):
        raise InputError(f"{file} must name every frame once by a whole number from 0; copy it again.")
    if (np.diff(table[:, 0]) < 0).any():
        raise InputError(f"The timestamps of {file} do not ascend with the numbers of frames; copy it again.")
    poses = poses_of(table[:, 5:9], table[:, 2:5], str(file))
    return _Odometry(list(map(int, numbers)), table[:, 0], poses, table[:, 9:13] if has_cameras else None)


def _number(word: str) -> float | str:
    """The number of a cell; the cell itself where it is none."""
    try:
        return float(word)
    except ValueError:
        return word


def _numbered(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    """The files of a folder by the number in their name."""
    if not folder.is_dir():
        return {}
    files = (file for file in folder.iterdir() if file.suffix.lower() in suffixes)
    return {int(file.stem): file for file in files if file.stem.isascii() and file.stem.isdecimal()}

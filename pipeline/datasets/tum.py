"""TUM RGB-D: sequences of Kinect frames with poses of a motion-capture system (Sturm et al. 2012). CC BY 4.0.

Format, of https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats: a sequence's folder has ``rgb.txt`` and
``depth.txt`` with lines ``TIME FILE`` [s, path within the folder], the files they name, and mostly ``groundtruth.txt``
with lines ``TIME tx ty tz qx qy qz qw`` (camera to world, metres, unit quaternion). Depth is PNG, uint16, registered to
the image; ``number / 5000`` is z [m], 0 where nothing is known. Images and depth are joined by their times. The
lens distortion of Freiburg 1 and 2 is not undone, neither in the image nor in the depth registered to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.datasets.arguments import check_optional_camera, existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.formats.sequences import associate, sequences
from pipeline.datasets.listed import ImageFiles, ListedDataset, stored_truth
from pipeline.ingest.cameras import camera_for
from pipeline.ingest.images import read_image
from pipeline.ingest.text_files import number_table, text_lines
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import InputError
from pipeline.records.settings import Count, Positive

UNIT_M = 1 / 5000
CAMERAS = {
    "freiburg1": Camera(517.3, 516.5, 318.6, 255.3, 640, 480),
    "freiburg2": Camera(520.9, 521.0, 325.1, 249.7, 640, 480),
    "freiburg3": Camera(535.4, 539.2, 320.1, 247.6, 640, 480),
}
"""Calibrated colour cameras, by a part of the sequence's name [px]."""
NOMINAL = Camera(525.0, 525.0, 319.5, 239.5, 640, 480, CameraSource.ASSUMED)
"""The camera that the drivers of the first Kinect assume [px]."""
_HOW = "unpack sequences of https://cvg.cit.tum.de/data/datasets/rgbd-dataset/download there"


@reader
class TumRgbd(ListedDataset):
    """Sequences of TUM RGB-D, one group each.

    Args:
        path: A sequence's folder, or one that holds several.
        most_apart_s: Longest time between an image and its depth or its pose [s].
        camera: fx, fy, cx, cy of the colour camera [px], with width and height where they are of another size; None
            takes the calibrated one of the Freiburg that the folder's name holds, else the nominal one.
        step: Take every n-th pair of a sequence.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no sequence that can be used.
        ConfigError: If an argument is not usable.
    """

    name = "tum"

    most_apart_s: Positive = 0.02
    camera: Mapping[str, Any] | None = None
    step: Count = 1

    def __post_init__(self) -> None:
        """List the frames."""
        check_optional_camera(self.camera)
        folder = existing_folder(self.path, "sequences of TUM RGB-D", _HOW)
        found = sequences(folder, lambda place: (place / "rgb.txt").is_file())
        files = self.files_of(found, lambda sequence: _frames(sequence, self.most_apart_s)[:: self.step])
        missing = f"{folder} holds no sequence with rgb.txt, depth.txt and files of equal times; {_HOW}."
        self.set_files(files, missing)

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image and its depth.

        Raises:
            InputError: If a file is missing or damaged, or the given camera has another shape than the image.
        """
        rgb = read_image(entry.image)
        known = next((camera for key, camera in CAMERAS.items() if key in entry.group), NOMINAL)
        camera = camera_for(rgb.shape[1], rgb.shape[0], self.camera or known)
        return entry.sample(rgb, camera, stored_truth(entry.depth, UNIT_M))


def _frames(sequence: Path, most_apart_s: float) -> list[ImageFiles]:
    """Pairs of a sequence, each with the pose that is closest in time."""
    colors, depths = _stream(sequence / "rgb.txt"), _stream(sequence / "depth.txt")
    times, poses = _poses(sequence / "groundtruth.txt")
    files = []
    for at, other in associate([time for time, _, _ in colors], [time for time, _, _ in depths], most_apart_s):
        time_s, written, image = colors[at]
        gaps_s = np.abs(times - time_s)
        pose = poses[gaps_s.argmin()] if len(gaps_s) and gaps_s.min() <= most_apart_s else None
        name = f"{sequence.name} {written}"
        files.append(ImageFiles(name, sequence.name, image, depths[other][2], time_s, pose))
    return files


def _stream(file: Path) -> list[tuple[float, str, Path]]:
    """Times, as numbers and as they are written, and files of a list."""
    found = []
    for number, line in enumerate(text_lines(file, "list"), start=1):
        time, _, name = line.strip().partition(" ")
        if not time or time.startswith("#"):
            continue
        try:
            time_s = float(time)
        except ValueError:
            time_s = math.nan
        if not math.isfinite(time_s):
            raise InputError(f"Line {number} of {file} does not begin with a time [s]: {line[:60]!r}.")
        found.append((time_s, time, file.parent / name.strip()))
    return found


def _poses(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times (N,) [s] and poses (N, 4, 4); none where the file is missing."""
    if not file.is_file():
        return np.empty(0), np.empty((0, 4, 4))
    rows = number_table(file, 8, "trajectory")
    if not np.isfinite(rows).all() or (np.linalg.norm(rows[:, 4:], axis=1) < 0.5).any():
        raise InputError(f"The trajectory {file} holds a quaternion that is not a rotation; copy it again.")
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3, :3] = Rotation.from_quat(rows[:, 4:]).as_matrix()
    poses[:, :3, 3] = rows[:, 1:4]
    return rows[:, 0], poses

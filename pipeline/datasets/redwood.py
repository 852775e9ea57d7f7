"""Redwood's RGB-D sequences, and others in the form that Open3D's reconstruction takes (Choi et al. 2015).

Format, of http://redwood-data.org/indoor/fileformat.html and https://redwood-data.org/3dscan (each set's licence is on
its page; the object scans are public domain): images in ``color``, ``image`` or ``rgb``, depth in ``depth``, or both
side by side as ``rgb_NUMBER.jpg`` and ``depth_NUMBER.png``. Depth is PNG, uint16, ``number / 1000`` is z [m], 0 where
nothing is known. Names are numbers, or ``NUMBER-MICROSECONDS`` of two streams, which are then joined by time.
``trajectory.log`` has five lines for each frame: three numbers, then its camera-to-world matrix (4 x 4).
``camera_intrinsic.json`` of Open3D has ``width``, ``height`` and ``intrinsic_matrix`` (3 x 3, column by column).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.arguments import check_optional_camera, existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.formats.rgbd_files import read_poses
from pipeline.datasets.formats.sequences import associate, sequences
from pipeline.datasets.listed import MILLIMETRE_M, ImageFiles, ListedDataset, stored_truth
from pipeline.datasets.tum import NOMINAL
from pipeline.ingest.cameras import camera_for
from pipeline.ingest.files import natural_key
from pipeline.ingest.images import read_image
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError
from pipeline.records.settings import Count, Text

COLORS = tuple(f"{place}.{suffix}" for place in ("color/*", "image/*", "rgb/*", "rgb_*") for suffix in ("jpg", "png"))
"""Patterns of images; the first that matches is taken."""
DEPTHS = ("depth/*.png", "depth_*.png")
_INTRINSICS = "camera_intrinsic.json"
_TIMED = re.compile(r"(\d+)-(\d{9,})\Z")
# Both streams of the scanner run at 30 Hz.
_MOST_APART_S = 1 / 60
_HOW = "unpack a sequence with color, image or rgb beside depth there, or give dataset.color and dataset.depth"


@reader
class Redwood(ListedDataset):
    """Sequences in Redwood's form, one group each.

    Args:
        path: A sequence's folder, or one that holds several.
        color: Pattern of the images within a sequence's folder; None takes the usual ones.
        depth: Pattern of the depth files; None takes the usual ones.
        trajectory: Name of the trajectory within it; None takes ``trajectory.log`` or the only ``.log``, if there is
            one.
        camera: fx, fy, cx, cy of the camera [px], with width and height where they are of another size; None takes
            ``camera_intrinsic.json`` of the sequence or of the folder above it, else the nominal one.
        step: Take every n-th pair of a sequence.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no sequence that can be used.
        ConfigError: If an argument is not usable.
    """

    name = "redwood"

    color: Text | None = None
    depth: Text | None = None
    trajectory: Text | None = None
    camera: Mapping[str, Any] | None = None
    step: Count = 1

    def __post_init__(self) -> None:
        """List the frames."""
        check_optional_camera(self.camera)
        patterns = ((self.color,) if self.color else COLORS), ((self.depth,) if self.depth else DEPTHS)
        folder = existing_folder(self.path, "Redwood's sequences", _HOW)
        self._cameras: dict[str, Mapping[str, Any] | Camera] = {}

        def read(sequence: Path) -> list[ImageFiles]:
            colors, depths = (_found(sequence, each) for each in patterns)
            frames = _frames(sequence, colors, depths, self.trajectory)
            self._cameras[sequence.name] = self.camera or _camera(sequence)
            return frames[:: self.step]

        found = sequences(folder, lambda place: all(_found(place, each) for each in patterns))
        self.set_files(self.files_of(found, read), f"{folder} holds no sequence of images with depth; {_HOW}.")

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image and its depth.

        Raises:
            InputError: If a file is missing or damaged.
        """
        rgb = read_image(entry.image)
        camera = camera_for(rgb.shape[1], rgb.shape[0], self._cameras[entry.group])
        return entry.sample(rgb, camera, stored_truth(entry.depth, MILLIMETRE_M))


def _found(sequence: Path, patterns: tuple[str, ...]) -> list[Path]:
    for pattern in patterns:
        try:
            files = sorted(sequence.glob(pattern), key=natural_key)
        except (ValueError, NotImplementedError):
            raise InputError(f"{pattern!r} is not a pattern of files within {sequence}, such as color/*.jpg.") from None
        if files:
            return files
    return []


def _frames(sequence: Path, colors: list[Path], depths: list[Path], trajectory: str | None) -> list[ImageFiles]:
    poses = _poses(sequence, trajectory)
    pairs = _pairs(sequence, colors, depths)
    if poses and len(poses) < len(depths):
        raise InputError(f"{sequence} has {len(depths)} depth files but only {len(poses)} poses; copy its .log again.")
    return [
        ImageFiles(
            f"{sequence.name} {colors[at].stem}",
            sequence.name,
            colors[at],
            depths[to],
            pose=poses[to] if poses else None,
        )
        for at, to in pairs
    ]


def _pairs(sequence: Path, colors: list[Path], depths: list[Path]) -> list[tuple[int, int]]:
    """Positions of images and depth files that belong together, by time where their names have it, else by number."""
    timed = [[_TIMED.search(file.stem) for file in files] for files in (colors, depths)]
    if all(all(stream) for stream in timed):
        first_s, second_s = ([int(match[2]) * 1e-6 for match in stream if match] for stream in timed)
        return associate(first_s, second_s, _MOST_APART_S)
    numbers = [[_number(file) for file in files] for files in (colors, depths)]
    positions = {number: position for position, number in enumerate(numbers[1])}
    lonely = [color.name for color, number in zip(colors, numbers[0], strict=True) if number not in positions]
    if lonely or len(positions) < len(depths) or len(set(numbers[0])) < len(colors):
        what = f"no depth belongs to {lonely[0]}" if lonely else "two files have the same number"
        raise InputError(f"The images and depth files of {sequence} cannot be joined by their numbers: {what}.")
    return [(position, positions[number]) for position, number in enumerate(numbers[0])]


def _number(file: Path) -> int | str:
    """The last number of a name, or the name where it has none."""
    numbers = re.findall(r"\d+", file.stem)
    return int(numbers[-1]) if numbers else file.stem


def _poses(sequence: Path, trajectory: str | None) -> list[np.ndarray]:
    if trajectory is not None:
        return read_poses(sequence / trajectory)
    logs = sorted(sequence.glob("*.log"))
    named = [log for log in logs if log.name == "trajectory.log"] or logs
    return read_poses(named[0]) if len(named) == 1 else []


def _camera(sequence: Path) -> Camera:
    file = next((place / _INTRINSICS for place in (sequence, sequence.parent) if (place / _INTRINSICS).is_file()), None)
    if file is None:
        return NOMINAL
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        matrix = np.array(stored["intrinsic_matrix"], dtype=float).reshape(3, 3).T
        return Camera(
            matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], int(stored["width"]), int(stored["height"])
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise InputError(
            f"{file} does not hold width, height and the nine numbers of intrinsic_matrix; write it again."
        ) from None

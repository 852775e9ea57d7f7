"""MPI Sintel: frames of an animated film with rendered depth (Butler et al. 2012; depth of 2015).

Format, of the archives ``MPI-Sintel-complete`` and ``MPI-Sintel-depth-training`` from http://sintel.is.tue.mpg.de,
unpacked into one folder: ``training/final/SCENE/frame_0001.png`` (``clean`` without blur and fog),
``training/depth/SCENE/frame_0001.dpt`` (float32 202021.25 as a tag, int32 width and height, then float32 z, rows from
the top, all little-endian) and ``training/camdata_left/SCENE/frame_0001.cam`` (the tag, then float64 3 x 3 intrinsics
and 3 x 4 world to camera). The film is CC BY 3.0, (c) Blender Foundation. Its unit of length is called a metre here.
The sky is very far away; ``farthest_m`` excludes it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.datasets.arguments import existing_folder, existing_parts
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth
from pipeline.geometry.projections import pose_of
from pipeline.ingest.depth_files import MAX_VALUES
from pipeline.ingest.files import existing_file
from pipeline.ingest.images import read_image
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError
from pipeline.records.settings import Positive

TAG = 202021.25
_CAMERA_BYTES = 4 + 8 * 9 + 8 * 12
_HOW = "unpack MPI-Sintel-complete and MPI-Sintel-depth-training from http://sintel.is.tue.mpg.de into it"


@reader
class Sintel(ListedDataset):
    """The training sequences of MPI Sintel, one group each.

    Args:
        path: The folder ``training``, or the one that holds it.
        render_pass: ``final`` or ``clean``.
        farthest_m: Depth beyond this is background and does not count [m]; None keeps everything.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or lacks a part.
        ConfigError: If an argument is not usable.
    """

    name = "sintel"

    render_pass: Literal["final", "clean"] = "final"
    farthest_m: Positive | None = 1000.0

    def __post_init__(self) -> None:
        """List the frames."""
        folder = existing_folder(self.path, "the MPI Sintel data set", _HOW)
        folder = folder / "training" if (folder / "training").is_dir() else folder
        existing_parts(folder, (self.render_pass, "depth", "camdata_left"), "the training part of MPI Sintel", _HOW)
        files = [
            ImageFiles(
                f"{depth.parent.name}/{depth.stem}",
                depth.parent.name,
                folder / self.render_pass / depth.parent.name / f"{depth.stem}.png",
                depth,
            )
            for depth in sorted((folder / "depth").glob("*/*.dpt"))
        ]
        self.set_files(files, f"{folder} holds no depth/*/*.dpt; {_HOW}.")

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read a frame, its depth and its camera.

        Raises:
            InputError: If a file is missing or damaged.
        """
        rgb = read_image(entry.image)
        depth = read_dpt(entry.depth)
        file = entry.depth.parents[2] / "camdata_left" / entry.group / f"{entry.depth.stem}.cam"
        matrix, pose = read_cam(file)
        camera = Camera(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], rgb.shape[1], rgb.shape[0])
        known = depth <= (np.inf if self.farthest_m is None else self.farthest_m)
        truth = metric_truth(depth, known, entry.depth)
        return entry.sample(rgb, camera, truth, pose=pose)


def read_dpt(file: Path) -> np.ndarray:
    """Depth of a ``.dpt`` file, float32 (H, W).

    Raises:
        InputError: If it is missing, cut short or of another format.
    """
    header, size = _tagged(file, 12), file.stat().st_size
    if len(header) < 12:
        raise InputError(f"{file} is cut short; copy it again.")
    width, height = struct.unpack_from("<ii", header, 4)
    # Check the size first: an empty file may claim to hold any number of values.
    if width < 1 or height < 1 or width * height > MAX_VALUES or size != 12 + 4 * width * height:
        raise InputError(f"{file} names {width} x {height} px but holds {size} bytes; copy it again.")
    return np.fromfile(file, "<f4", offset=12).reshape(height, width)


def read_cam(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Intrinsics, float64 (3, 3), and camera-to-world pose, float64 (4, 4), of a ``.cam`` file.

    Raises:
        InputError: If it is missing, cut short or of another format.
    """
    content, size = _tagged(file, _CAMERA_BYTES), file.stat().st_size
    if size != _CAMERA_BYTES:
        raise InputError(f"{file} holds {size} bytes, not the {_CAMERA_BYTES} of a camera; copy it again.")
    numbers = np.frombuffer(content, "<f8", offset=4)
    rotation, translation = np.split(numbers[9:].reshape(3, 4), [3], axis=1)
    return numbers[:9].reshape(3, 3), pose_of(rotation.T, (-rotation.T @ translation)[:, 0])


def _tagged(file: Path, most_bytes: int) -> bytes:
    with existing_file(file, "a file of MPI Sintel").open("rb") as stream:
        content = stream.read(most_bytes)
    if content[:4] != struct.pack("<f", TAG):
        raise InputError(f"{file} does not begin with {TAG} as files of MPI Sintel do; copy it again.")
    return content

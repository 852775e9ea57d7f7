"""Hypersim: rendered rooms (Roberts et al. 2021). CC BY-SA 3.0, https://github.com/apple/ml-hypersim.

Format: ``SCENE/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg`` and
``SCENE/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5`` with one array ``dataset``, float16
(768, 1024): the *distance* of each point to the camera [m], NaN in the void. It becomes z-depth with the
published focal length of 886.81 px, by z = distance / sqrt(1 + x^2 + y^2) for a ray (x, y, 1). The cameras of some
scenes differ from it slightly, see contrib/mikeroberts3000 of the repository.

``metadata_images_split_scene_v1.csv`` (evermotion_dataset/analysis) lists which frames are part of the public release
and of which split; it excludes frames with rendering faults.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.formats.hdf5 import check_size
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth
from pipeline.ingest.files import decoding, existing_file
from pipeline.ingest.images import read_image
from pipeline.records.camera import Camera
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.settings import Text

FOCAL_PX, FOCAL_WIDTH_PX = 886.81, 1024
"""Published focal length [px], and the width [px] of the image that it is for."""

_DEPTH = ".depth_meters.hdf5"
_GEOMETRY = "_geometry_hdf5"
_HOW = "download scenes with the scripts of https://github.com/apple/ml-hypersim into it"
_COLUMNS = {"scene_name", "camera_name", "frame_id", "included_in_public_release", "split_partition_name"}


@reader
class Hypersim(ListedDataset):
    """Hypersim, one group per scene.

    Args:
        path: Folder with one subfolder per scene.
        split: ``train``, ``val`` or ``test`` of ``split_file``; None takes all frames in the folder.
        split_file: The published ``metadata_images_split_scene_v1.csv``.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder or the list is missing, or no frame is left.
        ConfigError: If an argument is not usable.
    """

    name = "hypersim"

    split: Literal["train", "val", "test"] | None = None
    split_file: Text | Path | None = None

    def __post_init__(self) -> None:
        """List the frames."""
        if (self.split is None) != (self.split_file is None):
            raise ConfigError("dataset.split and dataset.split_file go together; give both, or neither for all frames.")
        folder = existing_folder(self.path, "the Hypersim data set", _HOW)
        files = [_files(depth) for depth in sorted(folder.glob(f"*/images/scene_*{_GEOMETRY}/*{_DEPTH}"))]
        missing = f"{folder} holds no SCENE/images/scene_cam_XX{_GEOMETRY}/*{_DEPTH}; {_HOW}."
        if files and self.split is not None and self.split_file is not None:
            wanted = read_split(Path(self.split_file).expanduser(), self.split)
            files = [entry for entry in files if entry.name in wanted]
            missing = (
                f"{self.split_file} names no frame of {folder} in the split {self.split}; "
                "download scenes of that split."
            )
        self.set_files(files, missing)

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image, and turn distance into depth.

        Raises:
            InputError: If a file is missing or damaged.
        """
        rgb = read_image(entry.image)
        distance_m = read_distance(entry.depth)
        height, width = rgb.shape[:2]
        focal_px = FOCAL_PX * width / FOCAL_WIDTH_PX
        camera = Camera(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height)
        if distance_m.shape != (height, width):
            raise InputError(f"{entry.depth} is {distance_m.shape}, its image {(height, width)}; copy both again.")
        depth_m = z_of_distance(distance_m, camera)
        truth = metric_truth(depth_m, np.isfinite(depth_m), entry.depth)
        return entry.sample(rgb, camera, truth)


def z_of_distance(distance: np.ndarray, camera: Camera) -> np.ndarray:
    """Depth along the optical axis of points at a distance from the camera.

    Args:
        distance: (H, W), length of the ray to each point, in any unit.
        camera: Intrinsics of an image of that size.

    Returns:
        float64 (H, W), z in the unit of ``distance``.

    Example:
        >>> camera = Camera(1, 1, 0, 0, width=2, height=1)
        >>> z_of_distance(np.array([[3.0, 2**0.5]]), camera).round(6).tolist()
        [[3.0, 1.0]]
    """
    x = (np.arange(distance.shape[1]) - camera.cx) / camera.fx
    y = (np.arange(distance.shape[0]) - camera.cy) / camera.fy
    z: np.ndarray = distance.astype(np.float64) / np.sqrt(1 + x**2 + (y**2)[:, None])
    return z


def read_distance(file: Path) -> np.ndarray:
    """Distance to the camera [m], floating-point (H, W), not finite in the void.

    Raises:
        InputError: If the file is missing, damaged or holds something else.
    """
    import h5py

    path = existing_file(file, "an HDF5 file")
    with decoding(path, "an HDF5 file"), h5py.File(path, "r") as content:
        stored = content["dataset"]
        if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or stored.dtype.kind != "f":
            raise InputError(f"{path} holds no distance per pixel, float (H, W); copy it again.")
        check_size(path, stored, stored.shape)
        values: np.ndarray = stored[()]
    return values


def read_split(file: Path, split: str) -> set[str]:
    """Names of the frames of a split that are part of the public release.

    Raises:
        InputError: If the list is missing or lacks a column.
    """
    path = existing_file(file, "a list of splits")
    with decoding(path, "a list of splits"), path.open(encoding="utf-8", errors="replace", newline="") as stream:
        rows = csv.DictReader(stream)
        lacking = sorted(_COLUMNS - set(rows.fieldnames or ()))
        if lacking:
            raise InputError(f"{file} lacks the columns {', '.join(lacking)}; take metadata_images_split_scene_v1.csv.")
        return {
            f"{row['scene_name']}/{row['camera_name']}/{int(row['frame_id']):04d}"
            for row in rows
            if row["included_in_public_release"] == "True"
            and row["split_partition_name"] == split
            and re.fullmatch(r"[0-9]{1,9}", str(row["frame_id"]))
        }


def _files(depth: Path) -> ImageFiles:
    frame = depth.name.removesuffix(_DEPTH)
    scene, camera = depth.parents[2].name, depth.parent.name.removeprefix("scene_").removesuffix(_GEOMETRY)
    image = depth.parents[1] / f"scene_{camera}_final_preview" / f"{frame}.tonemap.jpg"
    return ImageFiles(f"{scene}/{camera}/{frame.removeprefix('frame.')}", scene, image, depth)

"""iBims-1: 100 images of rooms with the depth of a laser scanner (Koch et al. 2018). Free for research.

Formats, both from https://www.asg.ed.tum.de/lmf/ibims1/:

- ``ibims1_core_raw``: ``rgb/NAME.png``, ``depth/NAME.png`` (uint16, z = number * 50 / 65535 m, 0 unknown),
  ``mask_invalid/NAME.png`` and ``mask_transp/NAME.png`` (0 where depth is wrong or an object is transparent),
  ``calib/NAME.txt`` (fx, fy, cx, cy separated by commas).
- ``ibims1_core_mat``: ``NAME.mat`` (MATLAB 5) with one struct ``data`` of rgb, depth [m], mask_invalid, mask_transp,
  calib (the 3 x 3 matrix of intrinsics, transposed), and edges and planes that are not read here.

``imagelist.txt``, in the folder or beside it, names the images in their order. Principal points count pixels
from 1, as the authors' evaluation does. Names tell the kind of room but not the room, so every image is a
group of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.formats.matlab import read_matlab
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth
from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.files import existing_file
from pipeline.ingest.images import read_image
from pipeline.records import Camera, DepthKind, ScaleSource
from pipeline.records.errors import InputError

METRES_PER_NUMBER = 50 / 65535
FORMATS = {"raw": "depth/*.png", "mat": "*.mat"}
"""Formats, with the pattern of their files of depth."""

_FIELDS = ("rgb", "depth", "mask_invalid", "mask_transp", "calib")
_LIST = "imagelist.txt"
_HOW = "unpack ibims1_core_raw.zip or ibims1_core_mat.zip from https://www.asg.ed.tum.de/lmf/ibims1/"


@reader
class Ibims(ListedDataset):
    """iBims-1.

    Args:
        path: The folder ``ibims1_core_raw`` or ``ibims1_core_mat``, or the one that holds them.
        file_format: ``raw`` or ``mat``; None takes the one that is there, ``raw`` first.
        transparent: Whether pixels of glass and other transparent objects count.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds neither format.
        ConfigError: If an argument is not usable.
    """

    name = "ibims1"

    file_format: Literal["raw", "mat"] | None = None
    transparent: bool = False

    def __post_init__(self) -> None:
        """List the images."""
        root = existing_folder(self.path, "the iBims-1 data set", _HOW)
        formats = [*FORMATS] if self.file_format is None else [self.file_format]
        files = next(filter(None, (_listed(root, each) for each in formats)), [])
        missing = f"{root} holds no {' or '.join(FORMATS[each] for each in formats)} of iBims-1; {_HOW}."
        self.set_files(files, missing)

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image, its scan and its masks.

        Raises:
            InputError: If a file is missing or damaged.
        """
        read = _read_mat if entry.depth.suffix == ".mat" else _read_raw
        rgb, depth_m, masks, (fx, fy, cx, cy) = read(entry)
        if {mask.shape for mask in masks} != {depth_m.shape}:
            raise InputError(f"The masks of {entry.depth} are not of the size of its depth; copy them again.")
        known = (depth_m > 0) & masks[0]
        if not self.transparent:
            known = known & masks[1]
        camera = Camera(fx, fy, cx - 1, cy - 1, rgb.shape[1], rgb.shape[0])
        truth = metric_truth(depth_m, known, entry.depth)
        return entry.sample(rgb, camera, truth)


_Read = tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray], tuple[float, float, float, float]]


def _listed(root: Path, file_format: str) -> list[ImageFiles]:
    inner = root / f"ibims1_core_{file_format}"
    folder = inner if inner.is_dir() else root
    names = sorted(path.stem for path in folder.glob(FORMATS[file_format]))
    if not names:
        return []
    lists = [file for file in (folder / _LIST, folder.parent / _LIST) if file.is_file()]
    if lists:
        # A listed image that is missing is reported when it is read.
        lines = lists[0].read_text(encoding="utf-8", errors="replace").split()
        names = list(dict.fromkeys(line.removesuffix(".png") for line in lines))
    if file_format == "mat":
        return [ImageFiles(name, "", folder / f"{name}.mat", folder / f"{name}.mat") for name in names]
    return [ImageFiles(name, "", folder / "rgb" / f"{name}.png", folder / "depth" / f"{name}.png") for name in names]


def _read_raw(entry: ImageFiles) -> _Read:
    depth = read_depth(entry.depth, kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR, scale=METRES_PER_NUMBER)
    folder = entry.depth.parents[1]
    masks = [read_image(folder / part / f"{entry.name}.png")[..., 0] > 0 for part in ("mask_invalid", "mask_transp")]
    file = existing_file(folder / "calib" / f"{entry.name}.txt", "a calibration")
    try:
        fx, fy, cx, cy = (float(number) for number in file.read_text(encoding="utf-8").replace(",", " ").split())
    except ValueError:
        raise InputError(f"{file} must hold four numbers, fx, fy, cx and cy [px]; copy it again.") from None
    return read_image(entry.image), np.where(depth.valid, depth.values, 0), (masks[0], masks[1]), (fx, fy, cx, cy)


def _read_mat(entry: ImageFiles) -> _Read:
    data = read_matlab(entry.depth, "data", _FIELDS)
    lacking = [name for name in _FIELDS if name not in data]
    if lacking or data["calib"].shape != (3, 3):
        what = ", ".join(lacking) or "the 3 x 3 matrix calib"
        raise InputError(f"{entry.depth} lacks {what}, so it is not a file of iBims-1; copy it again.")
    rgb, depth_m = np.ascontiguousarray(data["rgb"]), np.nan_to_num(data["depth"].astype(np.float64))
    masks = (data["mask_invalid"] > 0, data["mask_transp"] > 0)
    matrix = data["calib"].astype(np.float64)
    return rgb, depth_m, masks, (matrix[0, 0], matrix[1, 1], matrix[2, 0], matrix[2, 1])

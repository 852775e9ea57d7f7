"""Folders of RGB-D frames, each with a description of how to read its files.

A description is ``frame.json`` in the folder, or given beside it; see ``conf/dataset/rgbd.yaml``.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.geometry.backprojection import back_project
from pipeline.geometry.projections import moved, rasterised, split_projection
from pipeline.ingest.depth_files import fitted_depth, read_depth
from pipeline.ingest.files import natural_key
from pipeline.ingest.images import read_image
from pipeline.ingest.point_files import read_points
from pipeline.ingest.resampling import same_aspect, size_of
from pipeline.ingest.text_files import text_lines
from pipeline.records import Camera, DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.errors import InputError

logger = logging.getLogger(__name__)

DESCRIPTION = "frame.json"
ENCODINGS = ("scaled", "sun3d", "kinect", "disparity", "points")
# Raw numbers of the first Kinect from this one on mean that nothing was measured.
_KINECT_INVALID = 1084
POINT_VALUES = 6
"""Numbers of a point in a binary file: x, y, z and a colour."""


@dataclass(frozen=True)
class FrameFiles:
    """Files of one frame.

    Args:
        folder: Folder of its description.
        name: Its name.
        color: The image.
        depth: File of its depth.
        description: The whole description.
        pose: Number of its pose in the file of poses, or None.
    """

    folder: Path
    name: str
    color: Path
    depth: Path
    description: Mapping[str, Any] = field(repr=False)
    pose: int | None = None


def find_frames(
    root: Path, descriptions: Mapping[str, Mapping[str, Any] | None], refused: dict[str, str] | None = None
) -> list[FrameFiles]:
    """All frames of a folder's described subfolders, by name.

    Args:
        root: A folder with one subfolder per place, or one such folder.
        descriptions: Descriptions by name of the subfolder; their keys override those of ``frame.json``.
        refused: Receives the name of each folder whose description or files cannot be used, with the reason.

    Raises:
        InputError: If no folder can be used; gives the reason of the first described one.
    """
    folders = [root, *sorted(path for path in root.iterdir() if path.is_dir())]
    refused = {} if refused is None else refused
    frames = []
    for folder in folders:
        try:
            described = {**_described(folder / DESCRIPTION), **(descriptions.get(folder.name) or {})}
            if described:
                frames += _frames_of(folder, described)
        except InputError as error:
            refused[folder.name] = str(error)
            logger.warning("The folder %s is skipped: %s", folder.name, error)
    if not frames and refused:
        raise InputError(next(iter(refused.values())))
    if not frames:
        raise InputError(
            f"{root} holds no described folder of RGB-D frames; "
            f"write {DESCRIPTION} with color, depth and camera, or give dataset.descriptions."
        )
    return frames


def _described(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} cannot be opened ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:
        where = f" from its line {error.lineno} on" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{file} is not JSON{where}; mend it or remove it.") from None
    if not isinstance(described, dict) or not described:
        raise InputError(f"{file} must hold one object with color, depth and camera.")
    return described


def _frames_of(folder: Path, described: Mapping[str, Any]) -> list[FrameFiles]:
    depth, color = described.get("depth"), described.get("color")
    if not isinstance(depth, Mapping) or not isinstance(color, str):
        raise InputError(f"The description of {folder} needs color, a file or pattern, and depth, an object with file.")
    encoding = depth.get("encoding", "scaled")
    if encoding not in ENCODINGS or "file" not in depth:
        raise InputError(
            f"The depth of {folder} needs a file and an encoding of {', '.join(ENCODINGS)}, not {dict(depth)}."
        )
    for name in ("scale_m", "farthest_m"):
        number = depth.get(name, 1.0)
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
            raise InputError(f"The {name} of the depth of {folder} must be a positive number, not {number!r}.")
    colors, depths = _found(folder, color), _found(folder, depth["file"])
    if not colors or len(colors) != len(depths):
        raise InputError(
            f"{folder} has {len(colors)} images {described['color']} and {len(depths)} depth files {depth['file']}; "
            "there must be one of each per frame."
        )
    several = len(colors) > 1
    return [
        FrameFiles(
            folder,
            f"{folder.name} {index}" if several else folder.name,
            *files,
            described,
            index if "poses" in described else None,
        )
        for index, files in enumerate(zip(colors, depths, strict=True))
    ]


def _found(folder: Path, pattern: Any) -> list[Path]:
    try:
        return sorted(folder.glob(pattern), key=lambda file: [natural_key(Path(part)) for part in file.parts])
    except (TypeError, AttributeError, ValueError, NotImplementedError):
        raise InputError(f"{folder} must name its files by a pattern within the folder, not {pattern!r}.") from None


def read_frame(files: FrameFiles, *, any_size: bool = False) -> Frame:
    """Read one frame with its sensor's depth.

    Args:
        files: Its files.
        any_size: Whether depth may be of another size than the image; it then takes the nearest pixel, and its
            sampling tells how many pixels one measurement covers.

    Raises:
        InputError: If a file is missing or damaged, the description lacks what its encoding needs, or depth has
            another size or, where it may, another ratio of width to height than the image.
    """
    rgb = read_image(files.color)
    height, width = rgb.shape[:2]
    if files.description["depth"].get("encoding") == "points":
        camera, depth_m, valid = _read_points(files, width, height)
    else:
        camera = _camera(files.description.get("camera"), files, width, height)
        depth_m, valid = _decoded(files)
        if "camera" in files.description["depth"]:
            depth_m, valid = _registered(files, depth_m, valid, camera)
        if depth_m.shape != (height, width) and not (any_size and same_aspect(size_of(depth_m), (width, height))):
            cause = ", and another ratio of its sides" if any_size else ""
            raise InputError(
                f"{files.depth} has {depth_m.shape} px, its image {(height, width)}{cause}; they must agree, "
                "unless the description gives depth a camera of its own."
            )
    depth = DepthMap(depth_m, valid, DepthKind.METRIC, ScaleSource.SENSOR, backend="file")
    depth = fitted_depth(depth, (width, height))
    pose = None if files.pose is None else _pose(files.folder / str(files.description["poses"]), files.pose)
    return Frame(rgb, camera, pose=pose, given_depth=depth, name=files.name)


def _pose(file: Path, number: int) -> np.ndarray:
    poses = read_poses(file)
    if number >= len(poses):
        raise InputError(f"The trajectory {file} has {len(poses)} poses, fewer than there are frames.")
    return poses[number]


def _camera(given: Any, files: FrameFiles, width: int, height: int) -> Camera:
    if not isinstance(given, Mapping) or not {"fx", "fy", "cx", "cy"} <= set(given):
        raise InputError(f"The description of {files.folder} lacks a camera with fx, fy, cx and cy [px].")
    try:
        fx, fy, cx, cy = (float(given[key]) for key in ("fx", "fy", "cx", "cy"))
    except (TypeError, ValueError):
        raise InputError(f"The camera of {files.folder} must have numbers for fx, fy, cx and cy [px].") from None
    return Camera(fx, fy, cx, cy, width, height)


def _registered(
    files: FrameFiles, depth_m: np.ndarray, valid: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Depth of a camera beside that of the image, as the latter sees it."""
    described = files.description["depth"]
    own = _camera(described["camera"], files, depth_m.shape[1], depth_m.shape[0])
    points = back_project(depth_m, own, valid) + np.array(described.get("translation_m", (0.0, 0.0, 0.0)), dtype=float)
    return rasterised(points, camera)


def _decoded(files: FrameFiles) -> tuple[np.ndarray, np.ndarray]:
    """Metres of a depth file, float32 (H, W), and where they are valid."""
    described = files.description["depth"]
    stored = read_depth(files.depth, kind="depth_affine", scale_source="none", key=described.get("key"), invalid=())
    numbers, known = stored.values, stored.valid
    encoding = described.get("encoding", "scaled")
    if encoding == "scaled":
        depth = numbers * float(described.get("scale_m", 1.0))
    elif encoding == "sun3d":
        whole = numbers.astype(np.uint16)
        # The three lowest bits come first (SUN3D's reader, Xiao et al. 2013).
        depth = ((whole >> 3) | (whole << 13)).astype(np.float64) / 1000
    elif encoding == "kinect":
        # The camera wrote its numbers low byte first into a format that has the high byte first.
        whole = numbers.astype(np.uint16).byteswap()
        known = known & (whole < _KINECT_INVALID)
        # The calibration of NYU Depth v2, Silberman et al. 2012.
        depth = 351.3 / np.where(known, 1092.5 - whole.astype(np.float64), 1)
    else:
        baseline_m, focal_px, offset_px = (_number(files, key) for key in ("baseline_m", "focal_px", "offset_px"))
        known = known & (numbers + offset_px > 0)
        depth = baseline_m * focal_px / np.where(known, numbers + offset_px, 1)
    farthest_m = float(described.get("farthest_m", math.inf))
    known = known & (depth > 0) & (depth <= farthest_m)
    depth = np.where(known, depth, 0).astype(np.float32)
    if "shift_px" in described:
        right, down = (int(number) for number in described["shift_px"])
        return shifted(depth, right, down), shifted(known, right, down)
    return depth, known


def shifted(array: np.ndarray, right: int, down: int) -> np.ndarray:
    """An array (H, W) moved by non-negative whole pixels and filled up with zeros."""
    height, width = array.shape
    return np.pad(array, ((down, 0), (right, 0)))[:height, :width]


def _number(files: FrameFiles, key: str) -> float:
    try:
        return float(files.description["depth"][key])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"The depth of {files.folder} lacks the number {key}, which disparity needs.") from None


def _read_points(files: FrameFiles, width: int, height: int) -> tuple[Camera, np.ndarray, np.ndarray]:
    described = files.description
    matrix = described["depth"].get("projection") or described["info"]["data_list"][0]["images"]["CAM0"]["depth2img"]
    camera, pose = split_projection(np.array(matrix), width, height)
    radius_px = int(described["depth"].get("radius_px", 1))
    return camera, *rasterised(moved(read_points(files.depth, POINT_VALUES)[:, :3], pose), camera, radius_px=radius_px)


def read_poses(file: Path) -> list[np.ndarray]:
    """Camera-to-world matrices of a trajectory in Redwood's ``.log`` format.

    Each frame has a line of three numbers and four lines of a 4 x 4 matrix:
    http://redwood-data.org/indoor/fileformat.html

    Raises:
        InputError: If the file is missing or has other lines.
    """
    lines = list(filter(str.strip, text_lines(file, "trajectory")))
    blocks = [lines[start + 1 : start + 5] for start in range(0, len(lines), 5)]
    try:
        poses = [np.array([[float(number) for number in line.split()] for line in block]) for block in blocks]
    except ValueError:
        raise InputError(
            f"The trajectory {file} has a line with a wrong number of numbers, or with other text."
        ) from None
    if any(pose.shape != (4, 4) for pose in poses):
        raise InputError(f"{file} does not hold a line of three numbers and four of a 4 x 4 matrix per frame.")
    return poses

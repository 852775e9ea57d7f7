"""What recordings of ARKit share: its world, its camera, and depth of the LiDAR scanner with its confidence.

Convention of ARKit: the world's y axis points up
(https://developer.apple.com/documentation/arkit/arconfiguration/worldalignment/gravity). The camera's x axis points to
the right of the image, y up and z towards the viewer, in the orientation in which the image is stored
(https://developer.apple.com/documentation/arkit/arcamera/2866108-transform). The principal point is an offset from the
top-left corner of the image, so a half less from the centre of its first pixel
(https://developer.apple.com/documentation/avfoundation/avcameracalibrationdata/2881135-intrinsicmatrix).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.ingest.files import decoding, existing_file
from pipeline.ingest.images import open_image
from pipeline.ingest.resampling import Size, same_aspect, size_of
from pipeline.records import Camera, DepthMap
from pipeline.records.errors import InputError, RecordError

WORLD_DOWN = np.array((0.0, -1.0, 0.0))
"""Direction of gravity in the world of ARKit."""

# Hours of recording have less.
MAX_TEXT_BYTES = 256 * 2**20
# Share of the pixels that must be left for those of low confidence to be dropped.
_LEAST_LEFT = 0.1
# Share of a side by which the principal point may lie off the middle; phones stay within a twentieth.
_MOST_OFF_CENTRE = 0.25
_MOST_OFF_ROTATION = 0.01


def camera_of(coefficients: Sequence[float], size: tuple[float, float], what: str) -> Camera:
    """The camera of an image.

    Args:
        coefficients: Focal lengths fx and fy, and the principal point from the top-left corner of the image [px].
        size: (width, height) of the image that they are for [px].
        what: Where they come from, for the message.

    Raises:
        InputError: If they are no camera, or one of an image of another size.
    """
    fx, fy, right, down = coefficients
    try:
        camera = Camera(fx, fy, right - 0.5, down - 0.5, *size)  # type: ignore[arg-type]  # it checks whole numbers
    except RecordError as error:
        raise InputError(f"{what}: {error}") from None
    if max(abs(right / size[0] - 0.5), abs(down / size[1] - 0.5)) > _MOST_OFF_CENTRE:
        raise InputError(
            f"{what} has its principal point at ({right:g}, {down:g}) px, far from the middle of {size[0]:g} x "
            f"{size[1]:g} px; use the images in the size in which they were recorded."
        )
    return camera


def poses_of(quaternions: np.ndarray, positions_m: np.ndarray, what: str) -> np.ndarray:
    """Poses as matrices.

    Args:
        quaternions: float (N, 4), x, y, z, w.
        positions_m: float (N, 3) [m].
        what: Where they come from, for the message.

    Returns:
        float64 (N, 4, 4), with the axes of the quaternions.

    Raises:
        InputError: If a number is not finite or a quaternion has not the length 1.
    """
    from scipy.spatial.transform import Rotation

    lengths = np.linalg.norm(quaternions, axis=1)
    if not (np.isfinite(positions_m).all() and (np.abs(lengths - 1) <= _MOST_OFF_ROTATION).all()):
        raise InputError(f"{what} has a pose that is not a unit quaternion and a position; record or export it again.")
    poses = np.tile(np.eye(4), (len(quaternions), 1, 1))
    poses[:, :3, :3] = Rotation.from_quat(quaternions).as_matrix()
    poses[:, :3, 3] = positions_m
    return poses


def pose_of_rows(rows: np.ndarray, what: str) -> np.ndarray:
    """The pose of the upper three rows of its matrix, float64 (4, 4).

    Raises:
        InputError: If they are not a rotation and a position.
    """
    turn = rows[:, :3]
    if not (np.isfinite(rows).all() and np.allclose(turn @ turn.T, np.eye(3), atol=2 * _MOST_OFF_ROTATION)):
        raise InputError(f"{what} has a pose that is not a rotation and a position; record or export it again.")
    if np.linalg.det(turn) < 0:
        raise InputError(f"{what} has a pose that mirrors; record or export it again.")
    return np.vstack((rows, (0.0, 0.0, 0.0, 1.0)))


def with_opencv_axes(poses: np.ndarray) -> np.ndarray:
    """Poses (..., 4, 4) of cameras with ARKit's axes, for cameras with OpenCV's."""
    return poses * np.array((1.0, -1.0, -1.0, 1.0))


def lidar_depth(depth: DepthMap, levels: np.ndarray | None, image: Size, what: str) -> DepthMap:
    """Depth with ARKit's confidence; pixels of low confidence are not valid.

    Where this would leave fewer than a tenth of the pixels, those of low confidence stay valid. ``low``, ``medium``
    and ``high`` are the confidences 1/3, 2/3 and 1
    (https://developer.apple.com/documentation/arkit/arconfidencelevel).

    Args:
        depth: z-depth.
        levels: Integers (H, W): 0 low, 1 medium, 2 high; None where they are unknown.
        image: (width, height) of the image [px].
        what: What the depth belongs to, for the message.

    Raises:
        InputError: If the depth has not the shape of the image, or the confidence not the size of the depth.
    """
    size = size_of(depth.values)
    if not same_aspect(size, image):
        raise InputError(
            f"The depth of {what} has {size[0]} x {size[1]} px, another shape than its image of "
            f"{image[0]} x {image[1]} px; do not turn, crop or exchange files of a recording."
        )
    if levels is None:
        return depth
    if levels.shape != depth.shape:
        raise InputError(
            f"The confidence of {what} has {levels.shape[-1]} x {levels.shape[0]} px, its depth {size[0]} x {size[1]} "
            "px; record or export it again."
        )
    if levels.min() < 0 or levels.max() > 2:
        raise InputError(f"The confidence of {what} has levels other than 0, 1 and 2; record or export it again.")
    confident = depth.valid & (levels > 0)
    valid = confident if confident.mean() >= _LEAST_LEFT else depth.valid
    return replace(depth, valid=valid, confidence=((levels + np.float32(1)) / 3).astype(np.float32))


def stored_rgb(image: Image.Image) -> np.ndarray:
    """The pixels of an opened image as they are stored, uint8 (H, W, 3): cameras and poses ignore EXIF."""
    return np.array(image.convert("RGB"))


def stored_grey(file: Path) -> np.ndarray:
    """The numbers of a PNG of one channel of 8 bits, uint8 (H, W).

    Raises:
        InputError: If it cannot be read or has other pixels.
    """
    with open_image(file) as image:
        if image.mode != "L":
            raise InputError(f"{file} has mode {image.mode}, not one number of 8 bits per pixel; export it again.")
        return np.array(image)


def bounded_text(path: Path, what: str) -> str:
    """The text of a file in UTF-8.

    Raises:
        InputError: If it is missing, empty, not text, or too large.
    """
    file = existing_file(path, what)
    if file.stat().st_size > MAX_TEXT_BYTES:
        raise InputError(f"{file} has more than {MAX_TEXT_BYTES // 2**20} MB, too much for {what}.")
    with decoding(file, what):
        return file.read_text(encoding="utf-8-sig")


def json_object(text: str | bytes, file: Path, what: str) -> dict[str, Any]:
    """The object that a JSON text holds.

    Raises:
        InputError: If it is not JSON or holds something else.
    """
    with decoding(file, what):
        value = json.loads(text)
    if not isinstance(value, dict):
        raise InputError(f"{file} must hold a JSON object as {what}, not {type(value).__name__}; export it again.")
    return value


def numbers_of(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Numbers as float64 of a shape; -1 stands for any length.

    Raises:
        InputError: If the value is something else.
    """
    try:
        array = np.array(value)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0, dtype=object)
    fits = array.ndim == len(shape) and all(want in (-1, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        wanted = " x ".join("N" if side == -1 else str(side) for side in shape) or "one"
        raise InputError(f"{what} must be {wanted} finite numbers; record or export it again.")
    return array.astype(np.float64)

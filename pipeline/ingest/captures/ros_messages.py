"""The messages of ROS that recordings of cameras hold, from their serialised bytes.

Serialisations: ROS 1 (http://wiki.ros.org/msg, little-endian, packed) and the CDR of ROS 2 (OMG DDSI-RTPS 2.5, 10.2:
four bytes of encapsulation, then every number aligned to its own size). Only the types below are known, by the fields
of their published definitions: types that a recording defines itself are never compiled. Bytes after the last field are
ignored, because the RealSense SDK appends one to its images.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.geometry.projections import pose_of
from pipeline.records.errors import InputError

IMAGE, COMPRESSED_IMAGE, CAMERA_INFO = (
    f"sensor_msgs/msg/{name}" for name in ("Image", "CompressedImage", "CameraInfo")
)
TRANSFORMS = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
TRANSFORM = "geometry_msgs/msg/Transform"
FLOAT = "std_msgs/msg/Float32"

_MAX_TRANSFORMS = 100_000
# Beyond the Earth.
_FARTHEST_M = 1e8


class Fields:
    """Reads the fields of one serialised message in their order.

    Args:
        data: The message.
        is_ros1: Whether it is serialised as in ROS 1, not as CDR.

    Raises:
        InputError: If the encapsulation is unknown, and on reading if the message ends too early.
    """

    def __init__(self, data: bytes, is_ros1: bool) -> None:
        self.is_ros1 = is_ros1
        self._data, self._at, self._order = memoryview(data), 0, "<"
        if not is_ros1:
            if len(data) < 4 or data[0] != 0 or data[1] not in (0, 1):
                raise InputError("a message has an unknown serialisation; record it with rosbag2's own format, cdr")
            self._data, self._order = self._data[4:], "<" if data[1] else ">"

    def numbers(self, kind: str, count: int = 1) -> tuple[Any, ...]:
        """The next numbers of one kind of ``struct``, such as ``I``, ``i``, ``B``, ``f`` and ``d``."""
        size = struct.calcsize(f"={kind}")
        if not self.is_ros1 and count:
            self._at += -self._at % size
        part = self.taken(size * count)
        return struct.unpack(f"{self._order}{count}{kind}", part)

    def number(self, kind: str) -> Any:
        """The next number."""
        return self.numbers(kind)[0]

    def data(self) -> memoryview:
        """The next sequence of bytes, not copied."""
        return self.taken(self.number("I"))

    def text(self) -> str:
        """The next text; CDR ends it with a zero."""
        return bytes(self.data()).rstrip(b"\0").decode("utf-8", errors="replace")

    def taken(self, size: int) -> memoryview:
        """The next bytes."""
        if size > len(self._data) - self._at:
            raise InputError(f"a message names {size} bytes and has {len(self._data) - self._at}; copy the file again")
        part = self._data[self._at : self._at + size]
        self._at += size
        return part

    @property
    def rest(self) -> memoryview:
        """What follows the fields that were read."""
        return self._data[self._at :]


@dataclass(frozen=True)
class Header:
    """``std_msgs/Header``: when and in which frame.

    Args:
        stamp_ns: Time of the measurement [ns]; 0 where nobody set it.
        frame: Name of the coordinate frame, without a leading slash.
    """

    stamp_ns: int
    frame: str


def header_of(fields: Fields) -> Header:
    """The header, with which most messages begin."""
    if fields.is_ros1:
        _, seconds, nanoseconds = fields.numbers("I", 3)
    else:
        seconds, nanoseconds = fields.number("i"), fields.number("I")
    return Header(seconds * 10**9 + nanoseconds, fields.text().lstrip("/"))


@dataclass(frozen=True, eq=False)
class RosImage:
    """``sensor_msgs/Image`` and ``sensor_msgs/CompressedImage``.

    Args:
        header: The camera's optical frame, and the time of exposure.
        encoding: The encoding of an image, or the format of a compressed one.
        data: Its bytes.
        is_compressed: Whether they are compressed.
        height: Rows of an image.
        width: Columns of an image.
        is_bigendian: Whether its numbers are big-endian.
        step: Bytes of a row.
        depth_unit_m: Metres per stored number, where the RealSense SDK appended it.
    """

    header: Header
    encoding: str
    data: memoryview
    is_compressed: bool = False
    height: int = 0
    width: int = 0
    is_bigendian: bool = False
    step: int = 0
    depth_unit_m: float | None = None


def image_of(data: bytes, is_ros1: bool, kind: str) -> RosImage:
    """An image without decoding it.

    http://docs.ros.org/en/noetic/api/sensor_msgs/html/msg/Image.html, .../CompressedImage.html; the RealSense SDK
    appends the unit of depth to an image with version "1" in the place of the frame:
    https://github.com/IntelRealSense/librealsense/blob/master/third-party/realsense-file/rosbag/msgs/sensor_msgs/Image.h

    Raises:
        InputError: If it is cut off.
    """
    fields = Fields(data, is_ros1)
    header = header_of(fields)
    if kind == COMPRESSED_IMAGE:
        encoding = fields.text()
        return RosImage(header, encoding, fields.data(), is_compressed=True)
    height, width = fields.numbers("I", 2)
    encoding = fields.text()
    is_bigendian, step = bool(fields.number("B")), fields.number("I")
    pixels = fields.data()
    unit = None
    if is_ros1 and header.frame == "1" and len(fields.rest) == 4:
        unit = fields.number("f")
        unit = unit if math.isfinite(unit) and unit > 0 else None
    return RosImage(header, encoding, pixels, False, height, width, is_bigendian, step, unit)


@dataclass(frozen=True)
class CameraInfo:
    """``sensor_msgs/CameraInfo``; see ``ros_cameras`` for what it means.

    Args:
        header: The camera's optical frame.
        height: Rows at full resolution.
        width: Columns at full resolution.
        model: Name of the distortion model.
        distortion: D.
        intrinsics: K, row by row.
        projection: P, row by row.
        binning: Along x and y; 0 is 1.
        region: x, y, height, width of the region of interest at full resolution; zeros are all of it.
    """

    header: Header
    height: int
    width: int
    model: str
    distortion: tuple[float, ...]
    intrinsics: tuple[float, ...]
    projection: tuple[float, ...]
    binning: tuple[int, int] = (0, 0)
    region: tuple[int, int, int, int] = (0, 0, 0, 0)


def camera_info_of(data: bytes, is_ros1: bool) -> CameraInfo:
    """Intrinsics of a camera.

    http://docs.ros.org/en/noetic/api/sensor_msgs/html/msg/CameraInfo.html

    Raises:
        InputError: If it is cut off.
    """
    fields = Fields(data, is_ros1)
    header = header_of(fields)
    height, width = fields.numbers("I", 2)
    model = fields.text()
    distortion = fields.numbers("d", fields.number("I"))
    intrinsics, _, projection = fields.numbers("d", 9), fields.numbers("d", 9), fields.numbers("d", 12)
    binning_x, binning_y, x, y, region_height, region_width = fields.numbers("I", 6)
    return CameraInfo(
        header, height, width, model, distortion, intrinsics, projection,
        (binning_x, binning_y), (x, y, region_height, region_width),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Transform:
    """``geometry_msgs/TransformStamped``.

    Args:
        stamp_ns: Its time [ns].
        parent: Frame into which it takes points.
        child: Frame out of which it takes them.
        matrix: float64 (4, 4) [m].
    """

    stamp_ns: int
    parent: str
    child: str
    matrix: np.ndarray


def transforms_of(data: bytes, is_ros1: bool) -> list[Transform]:
    """The transforms of a message of /tf or /tf_static; those that are no rigid motion are left out.

    ``header.frame_id`` is the parent, and the transform takes coordinates of the child into it:
    http://docs.ros.org/en/noetic/api/geometry_msgs/html/msg/TransformStamped.html

    Raises:
        InputError: If it is cut off or holds too many.
    """
    fields = Fields(data, is_ros1)
    count = fields.number("I")
    if count > _MAX_TRANSFORMS:
        raise InputError(f"a message of transforms holds {count} of them; copy the file again")
    found = []
    for _ in range(count):
        header, child = header_of(fields), fields.text().lstrip("/")
        matrix = _matrix(fields)
        if matrix is not None:
            found.append(Transform(header.stamp_ns, header.frame, child, matrix))
    return found


def transform_of(data: bytes, is_ros1: bool) -> np.ndarray | None:
    """The matrix float64 (4, 4) [m] of ``geometry_msgs/Transform``; None where it is no rigid motion.

    Raises:
        InputError: If it is cut off.
    """
    return _matrix(Fields(data, is_ros1))


def float_of(data: bytes, is_ros1: bool) -> float:
    """The number of ``std_msgs/Float32``.

    Raises:
        InputError: If it is cut off.
    """
    return float(Fields(data, is_ros1).number("f"))


def _matrix(fields: Fields) -> np.ndarray | None:
    """Translation x, y, z, then quaternion x, y, z, w."""
    numbers = fields.numbers("d", 7)
    length = math.hypot(*numbers[3:])
    if not 0.5 < length < 2 or not max(map(abs, numbers[:3])) < _FARTHEST_M or not all(map(math.isfinite, numbers)):
        return None
    return pose_of(Rotation.from_quat(numbers[3:]).as_matrix(), numbers[:3])

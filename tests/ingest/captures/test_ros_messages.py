"""Messages by hand, from http://wiki.ros.org/msg and the CDR of DDSI-RTPS, beside those that rosbags writes."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from ingest.captures.ros_recordings import ROS1, ROS2, START_NS, Said, info, message_of, transforms

from pipeline.ingest.captures import ros_messages
from pipeline.ingest.captures.ros_messages import Fields, camera_info_of, float_of, header_of, image_of, transforms_of
from pipeline.records.errors import InputError

IMAGE_ROS1 = (
    struct.pack("<III", 7, 12, 345)
    + struct.pack("<I3s", 3, b"cam")
    + struct.pack("<II", 1, 2)
    + struct.pack("<I4s", 4, b"rgb8")
    + struct.pack("<BI", 0, 6)
    + struct.pack("<I6s", 6, b"abcdef")
)


def cdr_image(order: str) -> bytes:
    body = struct.pack(f"{order}iI", 12, 345)
    body += struct.pack(f"{order}I4s", 4, b"cam\0")
    body += struct.pack(f"{order}II", 1, 2)
    body += struct.pack(f"{order}I5s", 5, b"rgb8\0") + b"\0"
    body += b"\0\0" + struct.pack(f"{order}I", 6)
    # The flag takes one byte, and the next number begins at a multiple of four.
    body += struct.pack(f"{order}I6s", 6, b"abcdef")
    return bytes((0, int(order == "<"), 0, 0)) + body


@pytest.mark.parametrize(("data", "is_ros1"), [(IMAGE_ROS1, True), (cdr_image("<"), False), (cdr_image(">"), False)])
def test_an_image_is_read_from_its_bytes(data: bytes, is_ros1: bool) -> None:
    image = image_of(data, is_ros1, ros_messages.IMAGE)
    assert (image.header.stamp_ns, image.header.frame) == (12_000_000_345, "cam")
    assert (image.height, image.width, image.encoding, image.step) == (1, 2, "rgb8", 6)
    assert bytes(image.data) == b"abcdef" and not image.is_bigendian


def test_the_realsense_sdk_appends_the_unit_of_depth() -> None:
    versioned = IMAGE_ROS1.replace(struct.pack("<I3s", 3, b"cam"), struct.pack("<I1s", 1, b"1"))
    assert image_of(versioned + struct.pack("<f", 0.00025), True, ros_messages.IMAGE).depth_unit_m == pytest.approx(
        2.5e-4
    )
    assert image_of(versioned + struct.pack("<f", math.nan), True, ros_messages.IMAGE).depth_unit_m is None
    assert image_of(versioned, True, ros_messages.IMAGE).depth_unit_m is None


def serialised(said: Said, is_ros1: bool) -> bytes:
    store = ROS1 if is_ros1 else ROS2
    serialise = store.serialize_ros1 if is_ros1 else store.serialize_cdr
    return bytes(serialise(message_of(store, said.kind, said.values), said.kind))


@pytest.mark.parametrize("is_ros1", [True, False])
@pytest.mark.parametrize("numbers", [(), (0.1, 0.2, 0.3, 0.4, 0.5)])
@pytest.mark.parametrize("frame", ["", "/eye", "camera_a"])
def test_a_camera_info_is_read_as_rosbags_writes_it(is_ros1: bool, numbers: tuple, frame: str) -> None:
    said = info("/camera_info", frame, (640, 480), range(9), d=numbers, binning=(2, 3), roi=(4, 5, 6, 7))
    found = camera_info_of(serialised(said, is_ros1), is_ros1)
    assert (found.header.stamp_ns, found.header.frame) == (START_NS, frame.lstrip("/"))
    assert (found.width, found.height, found.model) == (640, 480, "plumb_bob")
    assert found.distortion == numbers and found.intrinsics == tuple(range(9))
    assert found.projection == (0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0)
    assert (found.binning, found.region) == ((2, 3), (4, 5, 6, 7))


@pytest.mark.parametrize("is_ros1", [True, False])
def test_transforms_take_the_child_into_the_parent(is_ros1: bool) -> None:
    half = math.sqrt(0.5)
    said = transforms("/tf", ("map", "/base", (1, 2, 3), (0, 0, half, half)), ("a", "b", (0, 0, 0), (0, 0, 0, 0)))
    (found,) = transforms_of(serialised(said, is_ros1), is_ros1)
    assert (found.parent, found.child, found.stamp_ns) == ("map", "base", START_NS)
    assert found.matrix == pytest.approx(np.array([[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]))


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e300])
def test_a_transform_that_is_no_motion_is_left_out(number: float) -> None:
    said = transforms("/tf", ("a", "b", (number, 0, 0), (0, 0, 0, 1)))
    assert transforms_of(serialised(said, True), True) == []


@pytest.mark.parametrize("cut", range(0, len(IMAGE_ROS1), 3))
def test_messages_that_end_too_early_are_refused(cut: int) -> None:
    with pytest.raises(InputError, match="copy the file again"):
        image_of(IMAGE_ROS1[:cut], True, ros_messages.IMAGE)
    with pytest.raises(InputError):
        image_of(cdr_image("<")[:cut], False, ros_messages.IMAGE)


@pytest.mark.parametrize("is_ros1", [True, False])
def test_a_declared_length_takes_no_memory(is_ros1: bool) -> None:
    data = IMAGE_ROS1 if is_ros1 else cdr_image("<")
    huge = data[:-10] + struct.pack("<I", 2_000_000_000) + data[-6:]
    with pytest.raises(InputError, match="names 2000000000 bytes and has 6"):
        image_of(huge, is_ros1, ros_messages.IMAGE)
    with pytest.raises(InputError, match="holds 4000000000"):
        transforms_of((b"" if is_ros1 else b"\0\1\0\0") + struct.pack("<I", 4_000_000_000), is_ros1)


@pytest.mark.parametrize("data", [b"", b"\0", b"\1\1\0\0abcdefgh", b"\0\7\0\0abcdefgh"])
def test_an_unknown_serialisation_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="unknown serialisation"):
        header_of(Fields(data, False))


def test_a_float_is_read() -> None:
    assert float_of(struct.pack("<f", 0.5), True) == float_of(b"\0\1\0\0" + struct.pack("<f", 0.5), False) == 0.5

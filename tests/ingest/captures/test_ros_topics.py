from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from ingest.captures.ros_recordings import HEIGHT, WIDTH, Said, compressed, image, info, transforms, write

from pipeline.geometry.projections import moved
from pipeline.ingest.captures.ros_storage import opened_bag
from pipeline.ingest.captures.ros_topics import Chosen, chosen_topics
from pipeline.ingest.captures.ros_transforms import TransformGraph
from pipeline.records.errors import InputError

RGB = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
GREY = RGB[..., 0]
DEPTH = np.full((HEIGHT, WIDTH), 1000, np.uint16)
METRES = DEPTH.astype(np.float32)
JPEG = bytes(cv2.imencode(".jpg", RGB)[1])
PNG = bytes(12) + bytes(cv2.imencode(".png", DEPTH)[1])
STILL = ((0, 0, 0), (0, 0, 0, 1))


def chosen(folder: Path, *messages: Said) -> Chosen:
    with opened_bag(write(folder / "a.mcap", *messages)) as bag:
        return chosen_topics(bag)


@pytest.mark.parametrize(
    ("messages", "images", "depth", "is_registered"),
    [
        # Depth that is aligned to colour comes before the depth camera's own.
        (
            [
                image("/camera/color/image_raw", RGB, "rgb8"),
                image("/camera/depth/image_rect_raw", DEPTH, "16UC1", "depth"),
                image("/camera/aligned_depth_to_color/image_raw", DEPTH, "16UC1"),
                transforms("/tf_static", ("depth", "color", *STILL)),
            ],
            "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw", True,
        ),
        # Also by its name, where nobody set frames.
        (
            [
                image("/camera/rgb/image_color", RGB, "bgr8", ""),
                image("/camera/depth/image", METRES, "32FC1", ""),
                image("/camera/depth_registered/image", METRES, "32FC1", ""),
            ],
            "/camera/rgb/image_color", "/camera/depth_registered/image", True,
        ),
        # The name of another device does not count.
        (
            [
                image("/left/rgb/image_color", RGB, "bgr8", ""),
                image("/right/depth_registered/image", METRES, "32FC1", ""),
            ],
            "/left/rgb/image_color", "/right/depth_registered/image", False,
        ),
        # Of several cameras, the one with depth.
        (
            [
                image("/a/image_raw", RGB, "rgb8", "a"),
                image("/b/image_raw", RGB, "rgb8", "b"),
                image("/b/depth", DEPTH, "16UC1", "b"),
            ],
            "/b/image_raw", "/b/depth", True,
        ),
        # Or the one that a transform leads to.
        (
            [
                image("/a/image_raw", RGB, "rgb8", "a"),
                image("/b/image_raw", RGB, "rgb8", "b"),
                image("/c/range", DEPTH, "16UC1", "c"),
                transforms("/tf_static", ("c", "b", *STILL)),
            ],
            "/b/image_raw", "/c/range", False,
        ),
        # Types and encodings decide, whatever the names are.
        (
            [image("/first", METRES, "32FC1"), image("/second", RGB, "bgra8"[:3] + "8")],
            "/second", "/first", True,
        ),
        # Raw images come before compressed ones of the same camera.
        (
            [
                image("/eye/image_raw", RGB, "rgb8"),
                compressed("/eye/image_raw/compressed", JPEG, "rgb8; jpeg compressed bgr8"),
                compressed("/eye/depth/compressedDepth", PNG, "16UC1; compressedDepth png"),
                compressed("/eye/depth/compressed", JPEG, "16UC1; jpeg compressed"),
            ],
            "/eye/image_raw", "/eye/depth/compressedDepth", True,
        ),
        # Infrared images, masks and drawings come last, infrared in 16 bits is no depth.
        (
            [
                image("/camera/infra1/image_rect_raw", GREY, "mono8"),
                image("/camera/color/image_raw", RGB, "rgb8"),
                image("/camera/a_depth_view", RGB, "rgb8"),
                image("/camera/ir/image_raw", DEPTH, "16UC1"),
                image("/confidence/map", METRES, "32FC1"),
                image("/disparity", METRES, "32FC1"),
            ],
            "/camera/color/image_raw", None, False,
        ),
        ([image("/camera/infra1/image_rect_raw", GREY, "mono8")], "/camera/infra1/image_rect_raw", None, False),
        # Grey in 16 bits is depth where the topic says so.
        (
            [image("/depth/image", DEPTH, "mono16"), image("/grey/image", DEPTH, "mono16")],
            "/grey/image", "/depth/image", True,
        ),
    ],
)  # fmt: skip
def test_contents_and_frames_choose_the_topics(
    tmp_path: Path, messages: list[Said], images: str, depth: str | None, is_registered: bool
) -> None:
    found = chosen(tmp_path, *messages)
    assert found.images.topic.name == images
    assert (found.depth and found.depth.topic.name) == depth
    assert found.is_registered == is_registered


def test_cameras_of_their_namespace_or_their_frame_are_found(tmp_path: Path) -> None:
    found = chosen(
        tmp_path,
        image("/camera/color/image_raw", RGB, "rgb8"),
        image("/other/depth/image_rect", DEPTH, "16UC1", "far"),
        info("/camera/color/camera_info", "anything", intrinsics=(40, 0, 1, 0, 41, 2, 0, 0, 1)),
        info("/elsewhere/camera_info", "far", intrinsics=(50, 0, 1, 0, 51, 2, 0, 0, 1), d=(0.1, 0, 0, 0, 0)),
    )
    assert found.images.camera is not None and found.images.camera.fx == 40
    # An image_rect has no distortion any more.
    assert found.depth is not None and found.depth.camera is not None and found.depth.camera.fx == 50
    assert found.depth.lens is None


@pytest.mark.parametrize(("names", "count"), [("abc", 3), ("a", 1)])
def test_cameras_are_counted_by_their_frames(tmp_path: Path, names: str, count: int) -> None:
    colours = [image(f"/{name}/image_raw", RGB, "rgb8", name) for name in names]
    twice = compressed("/a/image_raw/compressed", JPEG, "jpeg", "a")
    infrared = image("/a/infra1/image", GREY, "mono8", "ir")
    assert chosen(tmp_path, *colours, twice, infrared).cameras == count


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([info("/camera_info")], "no topic with images that can be read"),
        ([image("/depth", DEPTH, "16UC1")], "depth but no colour images"),
        ([image("/eye", RGB, "thermal")], r"/eye in 'thermal'"),
        ([compressed("/eye/compressed", b"x", "h264")], "'h264'"),
        ([image("/eye", RGB, "rgb8"), info("/camera_info", distortion_model="odd", d=(1,))], "/eye: its camera_info"),
    ],
)
def test_a_recording_without_usable_images_says_what_it_has(tmp_path: Path, messages: list[Said], words: str) -> None:
    with pytest.raises(InputError, match=words):
        chosen(tmp_path, *messages)


def realsense(kind: str, stream: str, pixels: np.ndarray, encoding: str, sensor: int) -> list[Said]:
    prefix = f"/device_0/sensor_{sensor}/{stream}_0"
    return [
        image(f"{prefix}/image/data", pixels, encoding, "1"),
        info(f"{prefix}/info/camera_info", "", distortion_model="Inverse Brown Conrady", p=(0,) * 12, r=(0,) * 9),
        Said(f"{prefix}/tf/0", "geometry_msgs/msg/Transform", 1, ((0.1 * sensor, 0, 0), (0, 0, 0, 1))),
    ]


def test_the_layout_of_the_realsense_sdk_is_known(tmp_path: Path) -> None:
    messages = [
        *realsense("depth", "Depth", DEPTH, "mono16", 0),
        *realsense("infrared", "Infrared", GREY, "8UC1", 0),
        *realsense("color", "Color", RGB, "rgb8", 1),
        Said("/device_0/sensor_0/option/Depth Units/value", "std_msgs/msg/Float32", 1, 0.00025),
        Said("/device_0/sensor_0/option/Exposure/value", "std_msgs/msg/Float32", 1, 0.5),
        Said("/device_0/sensor_1/option/Depth Units/value", "std_msgs/msg/Float32", 1, 0.75),
    ]
    with opened_bag(write(tmp_path / "a.bag", *messages)) as bag:
        found = chosen_topics(bag)
    assert found.images.topic.name == "/device_0/sensor_1/Color_0/image/data"
    assert found.depth is not None and found.depth.topic.name == "/device_0/sensor_0/Depth_0/image/data"
    assert found.depth.unit_m == pytest.approx(0.00025)
    assert not found.is_registered and found.cameras == 1
    assert found.images.camera is not None and found.images.camera.fx == 30
    # The SDK stores where points of the reference are in the stream's frame: 0.1 m further along x in that of colour.
    to_image = TransformGraph(found.transforms).between(found.depth.frame, found.images.frame)
    assert moved(np.zeros((1, 3)), to_image)[0] == pytest.approx((0.1, 0, 0))

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from commands import CommandLine, results_in
from ingest.captures.ros_recordings import (
    FRAME_NS,
    HEIGHT,
    ROS1,
    START_NS,
    WIDTH,
    Said,
    compressed,
    image,
    info,
    message_of,
    transforms,
    write,
)
from scipy.spatial.transform import Rotation

from pipeline.geometry.lens import Lens
from pipeline.ingest.captures import ros_bag, ros_images
from pipeline.ingest.captures.finish import finished
from pipeline.ingest.captures.registry import capture_format
from pipeline.ingest.captures.ros_bag import RosBag
from pipeline.ingest.item import Item
from pipeline.ingest.source import FileSource
from pipeline.ingest.source_images import IngestSettings, read_images
from pipeline.records import Camera
from pipeline.records.errors import InputError

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
MILLIMETRES = RNG.integers(400, 4000, (HEIGHT, WIDTH), dtype=np.uint16)
CAMERA = Camera(30, 31, 15.5, 11.5, WIDTH, HEIGHT)
COLOUR, ALIGNED = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"
STILL = ((0, 0, 0), (0, 0, 0, 1))


def rgbd(count: int = 3, **changes: Any) -> list[Said]:
    """Frames of a RealSense camera as its node of ROS publishes them."""
    said = [info("/camera/color/camera_info"), info("/camera/aligned_depth_to_color/camera_info")]
    for index in range(count):
        said.append(image(COLOUR, RGB + index, "rgb8", index=index, **changes))
        said.append(image(ALIGNED, MILLIMETRES + index, "16UC1", index=index, shift_ns=4_000_000))
    return said


@pytest.mark.parametrize("name", ["a.bag", "a.mcap", "a.db3", "folder"])
def test_frames_come_back_as_they_were_recorded(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, *rgbd())
    assert capture_format(path) is RosBag
    bag = RosBag(path)
    assert bag.times_s == pytest.approx([0, 0.1, 0.2]) and bag.has_times
    frames = list(bag.frames([0, 2]))
    assert [frame.name for frame in frames] == [f"{name} at 0.00 s", f"{name} at 0.20 s"]
    for frame, index in zip(frames, (0, 2), strict=True):
        assert (frame.rgb == RGB + index).all()
        assert frame.camera == CAMERA and frame.lens is None and frame.pose is None and frame.notes == ()
        assert frame.depth is not None and frame.depth.values == pytest.approx((MILLIMETRES + index) / 1000)
        assert frame.depth_camera is None, "it shows the view of the image"


def test_compressed_topics_of_a_small_recording(tmp_path: Path) -> None:
    said = []
    for index in range(2):
        jpeg = cv2.imencode(".png", cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR))[1].tobytes()
        said.append(compressed(f"{COLOUR}/compressed", jpeg, "rgb8; png compressed bgr8", index=index))
        depth = struct.pack("<iff", 0, 0, 0) + cv2.imencode(".png", MILLIMETRES)[1].tobytes()
        said.append(compressed(f"{ALIGNED}/compressedDepth", depth, "16UC1; compressedDepth png", index=index))
    bag = RosBag(write(tmp_path / "a.bag", *said, info("/camera/color/camera_info")))
    (frame,) = bag.frames([1])
    assert (frame.rgb == RGB).all() and frame.camera == CAMERA
    assert frame.depth is not None and frame.depth.values == pytest.approx(MILLIMETRES / 1000)


def test_listing_decodes_no_image_and_frames_only_those_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.mcap", *rgbd(6))
    decoded = []
    monkeypatch.setattr(ros_bag, "rgb_of", lambda message: decoded.append(message) or ros_images.rgb_of(message))
    bag = RosBag(path)
    assert len(bag.times_s) == 6 and decoded == []
    next(bag.frames([3, 4]))
    assert len(decoded) == 1


def test_images_without_depth_at_their_time_are_left_out(tmp_path: Path) -> None:
    said = [image(COLOUR, RGB + index, "rgb8", index=index) for index in range(4)]
    # 40 ms from the second image, 60 ms from the first.
    said.append(image(ALIGNED, MILLIMETRES, "16UC1", index=1, shift_ns=-40_000_000))
    said.append(image(ALIGNED, MILLIMETRES, "16UC1", index=3))
    bag = RosBag(write(tmp_path / "a.bag", *said))
    assert bag.times_s == pytest.approx([0, 0.2])
    frames = list(bag.frames([0, 1]))
    assert [(frame.rgb == RGB + 1).all() for frame in frames] == [True, False]
    assert [note.code for note in frames[0].notes] == ["images_without_depth"]


def test_stamps_order_the_frames_and_not_the_times_of_recording(tmp_path: Path) -> None:
    late = image(COLOUR, RGB, "rgb8", index=0)._replace(recorded_ns=START_NS + 10**9)
    said = [late, image(COLOUR, RGB + 1, "rgb8", index=1)]
    bag = RosBag(write(tmp_path / "a.mcap", *said))
    assert bag.times_s == pytest.approx([0, 0.1])
    assert [(frame.rgb == RGB + index).all() for index, frame in enumerate(bag.frames([0, 1]))] == [True, True]


def test_times_of_recording_stand_in_for_stamps_that_nobody_set(tmp_path: Path) -> None:
    said = [image(COLOUR, RGB + index, "rgb8", index=index, header=(0, "eye")) for index in range(3)]
    bag = RosBag(write(tmp_path / "a.bag", *said))
    assert bag.times_s == pytest.approx([0, 0.1, 0.2])
    assert (next(bag.frames([2])).rgb == RGB + 2).all()


def test_messages_recorded_at_one_time_are_told_apart(tmp_path: Path) -> None:
    said = [image(COLOUR, RGB + index, "rgb8", index=index)._replace(recorded_ns=START_NS) for index in range(3)]
    bag = RosBag(write(tmp_path / "a.db3", *said))
    assert [(frame.rgb == RGB + index).all() for index, frame in enumerate(bag.frames([0, 1, 2]))] == [True] * 3


OWN_DEPTH = "/camera/depth/image_rect_raw"
COLOUR_INFO = info("/camera/color/camera_info")
OWN_INFO = info("/camera/depth/camera_info", "depth", intrinsics=(25, 0, 15, 0, 26, 12, 0, 0, 1))


@pytest.mark.parametrize(
    "chain",
    [
        [transforms("/tf_static", ("color", "depth", (0.1, 0, 0), (0, 0, 0, 1)))],
        [transforms("/tf_static", ("depth", "color", (-0.1, 0, 0), (0, 0, 0, 1)))],
        [
            transforms("/tf_static", ("link", "color", (0.3, 0, 0), (0, 0, 0, 1))),
            transforms("/tf", ("link", "depth", (0.4, 0, 0), (0, 0, 0, 1)), at_ns=30_000_000),
        ],
    ],
)
@pytest.mark.parametrize("name", ["a.bag", "a.mcap"])
def test_depth_of_a_second_camera_has_its_place(tmp_path: Path, chain: list[Said], name: str) -> None:
    said = [
        image(COLOUR, RGB, "rgb8"),
        info("/camera/color/camera_info", d=(0.1, 0, 0, 0, 0)),
        image(OWN_DEPTH, np.full((HEIGHT, WIDTH), 2000, np.uint16), "16UC1", "depth"),
        OWN_INFO,
    ]
    (frame,) = RosBag(write(tmp_path / name, *said, *chain)).frames([0])
    assert frame.depth_camera == Camera(25, 26, 15, 12, WIDTH, HEIGHT)
    assert frame.lens == Lens("brown_conrady", (0.1,)) and frame.depth_lens is None
    # A point of the depth camera lies 0.1 m further to the right for the colour camera.
    assert frame.depth_to_image[:3, 3] == pytest.approx((0.1, 0, 0))
    done = finished(frame)
    assert [note.code for note in done.notes] == ["lens_undone", "depth_registered"]
    assert done.depth is not None and done.depth.values[done.depth.valid] == pytest.approx(2)


def test_registered_depth_without_distortion_beside_a_distorted_image(tmp_path: Path) -> None:
    said = [
        image(COLOUR, RGB, "rgb8"),
        info("/camera/color/camera_info", d=(0.1, 0, 0, 0, 0)),
        image("/camera/depth_registered/image_rect", MILLIMETRES, "16UC1"),
        info("/camera/depth_registered/camera_info"),
    ]
    (frame,) = RosBag(write(tmp_path / "a.bag", *said)).frames([0])
    assert frame.depth_camera == CAMERA and (frame.depth_to_image == np.eye(4)).all() and frame.depth_lens is None


def test_registered_depth_lends_its_camera_to_the_image(tmp_path: Path) -> None:
    said = [image(COLOUR, RGB, "rgb8"), image(ALIGNED, MILLIMETRES, "16UC1")]
    said.append(info("/camera/aligned_depth_to_color/camera_info", "other"))
    (frame,) = RosBag(write(tmp_path / "a.bag", *said)).frames([0])
    assert frame.camera == CAMERA and frame.depth_camera is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([OWN_INFO, COLOUR_INFO], "no transform between them"),
        ([transforms("/tf_static", ("color", "depth", *STILL))], "no camera_info of both"),
        (
            [
                OWN_INFO,
                info("/camera/color/camera_info", intrinsics=(0,) * 9),
                transforms("/tf", ("color", "depth", *STILL)),
            ],
            "no camera_info of both",
        ),
        (
            [OWN_INFO, COLOUR_INFO, transforms("/tf", ("color", "depth", *STILL), at_ns=200_000_000)],
            "no transform between them",
        ),
        ([info("/camera/color/camera_info", size=(WIDTH, 2 * HEIGHT))], "its camera_info is for 32 x 48 px"),
        ([info("/camera/color/camera_info", intrinsics=(float("nan"),) * 9)], "camera_info is unusable"),
    ],
)  # fmt: skip
def test_depth_without_a_place_is_refused(tmp_path: Path, said: list[Said], words: str) -> None:
    said = [*said, image(COLOUR, RGB, "rgb8"), image(OWN_DEPTH, MILLIMETRES, "16UC1", "depth")]
    path = write(tmp_path / "a.bag", *said)
    with pytest.raises(InputError, match=words) as caught:
        list(RosBag(path).frames([0]))
    assert str(path) in str(caught.value) and str(caught.value).endswith(".")


def test_depth_of_other_times_is_refused(tmp_path: Path) -> None:
    said = [image(COLOUR, RGB, "rgb8"), image(ALIGNED, MILLIMETRES, "16UC1", index=9)]
    with pytest.raises(InputError, match="synchronise the clocks"):
        RosBag(write(tmp_path / "a.bag", *said))


@pytest.mark.parametrize("name", ["a.bag", "a.mcap"])
def test_poses_follow_the_robot_in_a_world_whose_z_axis_points_up(tmp_path: Path, name: str) -> None:
    optical = (-0.5, 0.5, -0.5, 0.5)  # x right, y down, z forward in a body of x forward, y left, z up
    said = [image(COLOUR, RGB, "rgb8", index=index) for index in range(4)]
    said.append(transforms("/tf_static", ("base_link", "color", (0, 0, 0.5), optical)))
    for index in (0, 1, 3):
        at_ns = index * FRAME_NS + 20_000_000
        said.append(transforms("/tf", ("odom", "base_link", (index, 0, 0), (0, 0, 0, 1)), at_ns=at_ns))
        said.append(transforms("/tf", ("map", "odom", (0, 7, 0), (0, 0, 0, 1)), at_ns=at_ns))
    # The third image is 80 ms from a transform, a fourth 2 s.
    said.append(image(COLOUR, RGB, "rgb8", index=23))
    frames = list(RosBag(write(tmp_path / name, *said)).frames([0, 1, 2, 4]))
    assert [frame.pose is None for frame in frames] == [False, False, False, True]
    for frame, x in zip(frames, (0, 1, 1), strict=False):
        assert frame.pose == pytest.approx(
            np.array([[0, 0, 1, x], [-1, 0, 0, 7], [0, -1, 0, 0.5], [0, 0, 0, 1]]), abs=1e-9
        )
        assert (frame.world_down == (0, 0, -1)).all()
        assert finished(frame).notes == (), "a camera that is level stays as it is"


def test_a_camera_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    # The camera's x axis points down, its z axis along the world's x axis.
    quaternion = Rotation.from_matrix([[0, 0, 1], [0, 1, 0], [-1, 0, 0]]).as_quat()
    said = [image(COLOUR, RGB, "rgb8"), transforms("/tf_static", ("world", "color", (0, 0, 0), quaternion))]
    (frame,) = RosBag(write(tmp_path / "a.bag", *said)).frames([0])
    assert (finished(frame).rgb == np.rot90(RGB, 3)).all()


def test_of_several_cameras_a_note_says_which(tmp_path: Path) -> None:
    said = [image(f"/{name}/image_raw", RGB, "rgb8", name) for name in ("left", "right")]
    (frame,) = RosBag(write(tmp_path / "a.bag", *said)).frames([0])
    assert [note.text() for note in frame.notes] == ["The recording has several cameras; /left/image_raw was read."]


def realsense_image(pixels: np.ndarray, encoding: str, index: int, unit_m: float) -> bytes:
    """An image as the RealSense SDK stores it: version "1" in the place of the frame, the unit of depth at the end."""
    said = image("", pixels, encoding, "1", index)
    standard = ROS1.serialize_ros1(message_of(ROS1, said.kind, said.values), said.kind)
    return bytes(standard) + struct.pack("<f", unit_m)


def test_a_recording_of_the_realsense_sdk(tmp_path: Path) -> None:
    depth, colour = "/device_0/sensor_0/Depth_0", "/device_0/sensor_1/Color_0"
    kind = "sensor_msgs/msg/Image"
    said = [
        Said("/file_version", "std_msgs/msg/UInt32", 1, 3),
        info(f"{depth}/info/camera_info", "", distortion_model="Brown Conrady", p=(0,) * 12),
        info(f"{colour}/info/camera_info", "", distortion_model="Inverse Brown Conrady", p=(0,) * 12),
        Said(f"{depth}/tf/0", "geometry_msgs/msg/Transform", 1, STILL),
        Said(f"{colour}/tf/0", "geometry_msgs/msg/Transform", 1, ((0.015, 0, 0), (0, 0, 0, 1))),
    ]
    for index in range(2):
        at_ns = START_NS + index * FRAME_NS
        data = realsense_image(np.full((HEIGHT, WIDTH), 8000, np.uint16), "mono16", index, 0.00025)
        said.append(Said(f"{depth}/image/data", kind, at_ns, data))
        said.append(Said(f"{colour}/image/data", kind, at_ns + 1, realsense_image(RGB, "rgb8", index, 0)))
    frames = list(RosBag(write(tmp_path / "a.bag", *said, compression="LZ4")).frames([0, 1]))
    assert len(frames) == 2
    assert (frames[1].rgb == RGB).all() and frames[1].depth is not None
    assert frames[1].depth.values == pytest.approx(2) and frames[1].depth_to_image[0, 3] == pytest.approx(0.015)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"height": 9}, "bytes per row has"),
        ({"step": 7}, "bytes per row has"),
        ({"width": 0}, "0 x 24 px"),
        ({"data": np.zeros(0, np.uint8)}, "has 0 bytes"),
    ],
)
def test_an_image_that_contradicts_itself_is_told_with_its_topic(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    path = write(tmp_path / "a.mcap", image(COLOUR, RGB, "rgb8", **changes))
    with pytest.raises(InputError, match=words) as caught:
        list(RosBag(path).frames([0]))
    assert f"{path}: {COLOUR}: " in str(caught.value)


def test_a_message_of_two_gigabytes_is_told(tmp_path: Path) -> None:
    said = image(COLOUR, RGB, "rgb8")
    data = bytes(ROS1.serialize_ros1(message_of(ROS1, said.kind, said.values), said.kind))
    at = len(data) - RGB.size - 4
    data = data[:at] + struct.pack("<I", 2_000_000_000) + data[at + 4 :]
    path = write(tmp_path / "a.bag", Said(COLOUR, said.kind, START_NS, data))
    with pytest.raises(InputError, match="names 2000000000 bytes"):
        RosBag(path)


@pytest.mark.parametrize("name", ["a.bag", "a.mcap", "a.db3"])
def test_every_cut_gives_frames_or_one_sentence(tmp_path: Path, name: str) -> None:
    whole = write(tmp_path / name, *rgbd(8)).read_bytes()
    for share in range(24):
        path = tmp_path / f"{share}{Path(name).suffix}"
        path.write_bytes(whole[: len(whole) * share // 24])
        with pytest.raises(InputError) as caught:
            list(RosBag(path).frames([0]))
        assert "\n" not in str(caught.value)


def test_a_file_source_reads_the_whole_way(tmp_path: Path) -> None:
    path = write(tmp_path / "drive.mcap", *rgbd(5))
    source = FileSource(path, question="Is the cup left of the plate?", video_frames=3)
    assert source.count() == 1
    (item,) = source.items()
    assert item.id == "drive"
    scene = source.scene(item)
    assert [frame.timestamp_s for frame in scene.frames] == pytest.approx([0, 0.2, 0.4])
    assert [frame.camera for frame in scene.frames] == [CAMERA] * 3
    for frame, index in zip(scene.frames, (0, 2, 4), strict=True):
        assert (frame.rgb == RGB + index).all()
        assert frame.given_depth.values == pytest.approx((MILLIMETRES + index) / 1000)


def test_a_folder_is_an_item(tmp_path: Path) -> None:
    folder = write(tmp_path / "drive", *rgbd(2))
    images = read_images(Item("drive", (folder,)), IngestSettings())
    assert [one.timestamp_s for one in images] == pytest.approx([0, 0.1])


def test_the_command_line_verifies_claims_about_a_recording(tmp_path: Path, command_line: CommandLine) -> None:
    depth = np.full((HEIGHT, WIDTH), 3000, np.uint16)
    depth[4:20, 2:14] = 1000
    said = [info("/camera/color/camera_info"), info("/camera/aligned_depth_to_color/camera_info")]
    said += [image(COLOUR, RGB, "rgb8"), image(ALIGNED, depth, "16UC1")]
    path = write(tmp_path / "drive.mcap", *said)
    claims = tmp_path / "claims.json"
    regions = [{"label": "box", "box_px": [2, 4, 14, 20]}, {"label": "wall", "box_px": [18, 2, 31, 22]}]
    claim = {"relation": "closer", "subject": "box", "object": "wall"}
    claims.write_text(json.dumps({"regions": regions, "claims": [claim]}))
    done = command_line("verify", f"input={path}", f"claims={claims}", "depth=file", f"output_dir={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    (result,) = results_in(tmp_path / "out")
    assert result.verdicts[0].status == "supported"

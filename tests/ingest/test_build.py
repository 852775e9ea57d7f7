from __future__ import annotations

import json
import math
import os
import shutil

import numpy as np
import pytest
from ingest.refusals import refused
from PIL import Image

from pipeline.ingest.annotations import parse_annotations
from pipeline.ingest.build import IngestSettings, build_scene
from pipeline.ingest.given_images import frame_from
from pipeline.ingest.item import Item
from pipeline.ingest.manifest import read_manifest
from pipeline.ingest.source import FileSource
from pipeline.records import DepthKind, ScaleSource
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.claim import encode_mask
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.settings import shown

CAMERA = {"fx": 40, "fy": 40, "cx": 15.5, "cy": 11.5}
CLAIM = {"relation": "behind", "subject": "cup", "object": "plate"}
IDENTITY = np.eye(4).tolist()


@pytest.fixture
def depth(tmp_path):
    path = tmp_path / "depth.npy"
    np.save(path, np.arange(1, 24 * 32 + 1, dtype=np.float32).reshape(24, 32) / 100)
    return path


def test_everything_that_an_item_names_is_in_the_scene(image, depth):
    mask = np.zeros((24, 32), dtype=bool)
    mask[4:8, 6:10] = True
    item = Item(
        "a",
        [image("1.png"), image("2.png", colour=(1, 2, 3))],
        "Which is nearer?",
        CAMERA,
        [depth, shutil.copy(depth, depth.with_name("other.npy"))],
        poses=[IDENTITY, IDENTITY],
        timestamps_s=[0, 0.5],
        regions=[{"label": "cup", "bbox_2d": [0, 0, 500, 500]}, {"label": "plate", "mask": encode_mask(mask)}],
        claims=[CLAIM],
    )
    scene = build_scene(item)
    first, second = scene.frames
    assert (scene.id, scene.questions, len(scene.claims)) == ("a", ("Which is nearer?",), 1)
    assert second.rgb[0, 0].tolist() == [1, 2, 3]
    assert first.camera == Camera(40, 40, 15.5, 11.5, 32, 24, CameraSource.GIVEN)
    assert first.given_depth.values[0, 1] == pytest.approx(0.02)
    assert (second.timestamp_s, second.name) == (0.5, "2.png")
    assert (first.pose == np.eye(4)).all()
    assert [region.box_px for region in scene.regions] == [(0, 0, 16, 12), (6, 4, 10, 8)]


def test_a_bound_on_the_size_shrinks_everything(image, depth):
    mask = np.zeros((24, 32), dtype=bool)
    mask[4:8, 6:10] = True
    region = {"label": "cup", "box_px": [6, 4, 10, 8], "mask": encode_mask(mask)}
    scene = build_scene(
        Item("a", image(), camera=CAMERA, depth=depth, regions=[region]), IngestSettings(max_side_px=16)
    )
    frame = scene.frames[0]
    assert frame.rgb.shape == (12, 16, 3)
    assert frame.camera == Camera(20, 20, 7.5, 5.5, 16, 12)
    assert frame.given_depth.shape == (12, 16)
    assert scene.regions[0].box_px == (3, 2, 5, 4)
    assert np.argwhere(scene.regions[0].mask).tolist() == [[2, 3], [2, 4], [3, 3], [3, 4]]


def test_annotations_of_all_items_and_of_this_one_are_added(image, tmp_path):
    (tmp_path / "own.json").write_text(json.dumps({"items": {"a": {"claims": [CLAIM]}}}))
    shared = parse_annotations(
        {"regions": [{"label": "cup", "box_px": [0, 0, 1, 1]}], "items": {"b": {"claims": [CLAIM]}}}, tmp_path, "x"
    )
    scene = build_scene(Item("a", image(), claims=tmp_path / "own.json"), annotations=shared)
    assert len(scene.regions) == len(scene.claims) == 1


def test_depth_stored_like_an_image_that_exif_turns_is_turned_with_it(image, depth, tmp_path):
    photo = image("photo.jpg", orientation=6)
    scene = build_scene(Item("a", photo, depth=depth))
    assert scene.frames[0].given_depth.values.tolist() == np.rot90(np.load(depth), 3).tolist()
    assert [note.code for note in scene.notes] == ["depth_turned_as_exif"]
    np.save(tmp_path / "upright.npy", np.ones((32, 24)))
    scene = build_scene(Item("a", photo, depth=tmp_path / "upright.npy"))
    assert scene.frames[0].rgb.shape == (32, 24, 3)
    assert scene.frames[0].given_depth.shape == (32, 24)
    assert scene.notes == ()


def test_a_video_becomes_frames_with_times(video):
    scene = build_scene(Item("a", video(), camera={"fx": 64, "fy": 64, "cx": 31.5, "cy": 23.5}))
    assert len(scene.frames) == 8
    assert [scene.frames[index].timestamp_s for index in (0, -1)] == [0, pytest.approx(0.9)]
    assert scene.frames[-1].name == "clip.mp4 at 0.90 s"
    assert scene.frames[0].camera.fx == 64
    half = build_scene(Item("a", video()), IngestSettings(video_rate_hz=5, max_side_px=32))
    assert [round(frame.timestamp_s, 3) for frame in half.frames] == [0, 0.2, 0.4, 0.6, 0.8]
    assert half.frames[0].rgb.shape == (24, 32, 3)


def test_a_video_wants_as_many_depth_files_as_frames(video, depth):
    with pytest.raises(InputError, match=r"'a', depth: 2 given for 8 frames sampled from clip\.mp4"):
        build_scene(Item("a", video(), depth=[depth, depth.with_name("other.npy")]))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"regions": [{"label": "cup", "box_px": [90, 0, 99, 9]}]}, "'a', region 'cup': its box .* outside"),
        ({"claims": [{**CLAIM, "frames": [0, 3]}]}, "'a': the claim '.*' names frames"),
        ({"poses": [np.zeros((4, 4)).tolist()]}, "'a': The upper left 3 x 3 of a pose"),
        ({"regions": [{"label": "cup", "box_px": [9, 0, 1, 9]}]}, "'a'.* box of 'cup' must be"),
        ({"anchors": [{"to_camera_px": [32, 0], "value": 1, "unit": "m"}]}, "pixel outside its frame of 32 x 24 px"),
        ({"anchors": [{"plane": "floor", "frame": 1}]}, "names frame 1, but item a has 1"),
    ],
)
def test_parts_that_do_not_fit_are_named_with_their_item(image, values, words):
    refused(words, build_scene, Item("a", image(), **values))


@pytest.mark.shared
def test_the_recorded_manifest_becomes_scenes(shared_dir):
    sources = []
    for item in read_manifest(shared_dir / "recorded" / "manifest.jsonl"):
        (frame,) = build_scene(item, IngestSettings(max_side_px=640)).frames
        assert frame.given_depth.kind is DepthKind.SCALE_INVARIANT
        assert frame.given_depth.valid.all()
        sources.append(frame.camera.source)
        if item.id == "3d_grounding-11":
            assert (frame.width, frame.height) == (640, 360)
            assert frame.camera.fx == pytest.approx(1266.417203046554 * 0.4)
    assert (len(sources), sources.count(CameraSource.GIVEN)) == (10, 3), "one sees the same angle along both sides"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "rgb", "depth", "scale", "metres"),
    [
        ("redwood", "rgb_00000.jpg", "depth_00000.png", 0.001, (0.5, 10)),
        ("tum", "rgb.png", "depth.png", 0.0002, (0.3, 10)),
    ],
)
def test_real_sensor_depth_lies_where_rooms_are(shared_dir, folder, rgb, depth, scale, metres):
    frames = sorted((shared_dir / "rgbd" / folder).glob(rgb)) or sorted((shared_dir / "rgbd" / folder).glob("rgb*"))
    item = Item("a", frames[0], depth=shared_dir / "rgbd" / folder / depth, depth_scale=scale)
    given = build_scene(item).frames[0].given_depth
    assert given.scale_source is ScaleSource.SENSOR
    assert metres[0] < np.median(given.values[given.valid]) < metres[1]


@pytest.mark.parametrize(("given", "expected"), [(None, "file"), ("midas", "midas")])
def test_depth_of_a_file_is_named_after_its_network(tmp_path, given, expected):
    Image.fromarray(np.full((6, 8, 3), 90, np.uint8)).save(tmp_path / "image.png")
    np.save(tmp_path / "depth.npy", np.linspace(1, 2, 48, dtype=np.float32).reshape(6, 8))
    item = {"frames": "image.png", "depth": "depth.npy", "depth_kind": "disparity_affine", "depth_backend": given}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(item))
    source = FileSource(tmp_path / "manifest.jsonl", depth_backend="zoedepth" if given else None)
    (frame,) = source.scene(next(source.items())).frames
    assert frame.given_depth.backend == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("fov_deg", value) for value in (0, 180)),
        *((key, value) for key in ("video_frames", "video_max_frames") for value in (0, None)),
        ("max_side_px", -1),
        *(("video_rate_hz", value) for value in (0, 10_001)),
        *((key, math.inf) for key in ("video_start_s", "video_end_s")),
    ],
)
def test_a_setting_out_of_range_is_named_by_its_key(key, value):
    with pytest.raises(ConfigError, match=f"^{key} must be .*, not {shown(value)}\\.$"):
        IngestSettings(**{key: value})


def test_names_of_frames_are_valid_text(image):
    path = image(os.fsdecode(b"caf\xe9\n.png"))
    (frame,) = build_scene(Item("a", path)).frames
    assert frame.name == frame_from(path).name == r"caf\udce9\n.png"


def test_the_pixels_of_anchors_follow_an_image_that_is_shrunk(image):
    anchors = [
        {"between_px": [[0, 0], [31, 23]], "value": 1, "unit": "m"},
        {"size": "cup", "measure": "width", "value": 8, "unit": "cm"},
    ]
    item = Item("a", image(), anchors=anchors)
    assert build_scene(item).anchors == item.anchors
    shrunk = build_scene(item, IngestSettings(max_side_px=16)).anchors
    assert shrunk[0].points_px == ((-0.25, -0.25), (15.25, 11.25))
    assert shrunk[1] == item.anchors[1]

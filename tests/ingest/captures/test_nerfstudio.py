from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import CommandLine, results_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest.captures.nerfstudio_projects import CAMERA, IDENTITY, SIZE, frame, save_depth, save_project
from ingest.refusals import refused
from PIL import Image

from pipeline.geometry.lens import LensModel
from pipeline.ingest.captures.base import CapturedFrame
from pipeline.ingest.captures.nerfstudio import Nerfstudio
from pipeline.ingest.captures.registry import capture_format
from pipeline.ingest.source import FileSource
from pipeline.records import Camera, DepthKind, ScaleSource
from pipeline.records.errors import InputError

DEPTH = {"depth_file_path": "depth/1.png"}


def only(path: Path) -> CapturedFrame:
    """The single frame of a project."""
    (found,) = Nerfstudio(path).frames([0])
    return found


def codes(found: CapturedFrame) -> list[str]:
    return [note.code for note in found.notes]


def opengl(rotation: np.ndarray, position: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, position
    return pose


def about(axis: int, degrees: float) -> np.ndarray:
    """A rotation about one axis, by the right hand."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = cosine
    turn[second, first], turn[first, second] = sine, -sine
    return turn


def test_a_point_seen_from_two_poses_lies_at_one_place_in_the_world(tmp_path: Path) -> None:
    point = np.array([0.2, 0.1, -3.0])
    poses = [opengl(np.eye(3), np.zeros(3)), opengl(about(1, 25) @ about(0, -10), np.array([1.2, -0.4, 0.3]))]
    frames = []
    for number, pose in enumerate(poses):
        entry = frame(f"images/{number}.png", depth_file_path=f"depth/{number}.npy", transform_matrix=pose.tolist())
        x, y, z = np.linalg.inv(pose)[:3] @ (*point, 1)
        # The camera looks along -z, and y points up.
        save_depth(tmp_path / f"depth/{number}.npy", np.full((48, 64), -z, np.float32))
        entry["pixel"] = (60 * x / -z + 33, 25 - 61 * y / -z)
        frames.append(entry)
    save_project(tmp_path, *frames)
    for found, entry in zip(Nerfstudio(tmp_path).frames([0, 1]), frames, strict=True):
        assert found.camera == Camera(60, 61, 32.5, 24.5, 64, 48), "pixels count from the centre of the first"
        assert found.pose is not None and found.depth is not None
        u, v = np.array(entry["pixel"]) - 0.5
        z = float(found.depth.values[round(v), round(u)])
        seen = np.array([(u - found.camera.cx) / found.camera.fx * z, (v - found.camera.cy) / found.camera.fy * z, z])
        assert found.pose[:3, :3] @ seen + found.pose[:3, 3] == pytest.approx(point, abs=1e-5)


@pytest.mark.parametrize("name", ["transforms.json", "transforms_train.json", "my scan.json"])
def test_a_file_is_recognised_by_its_content(tmp_path: Path, name: str) -> None:
    folder = save_project(tmp_path, name=name)
    assert capture_format(folder / name) is Nerfstudio
    assert capture_format(folder) is (Nerfstudio if name == "transforms.json" else None)


def test_images_are_sorted_by_name(tmp_path: Path) -> None:
    folder = save_project(tmp_path, frame("images/10.png"), frame("images/9.png"))
    capture = Nerfstudio(folder)
    assert not capture.has_times and list(capture.times_s) == [0, 1]
    assert [found.name for found in capture.frames([0, 1])] == ["9.png", "10.png"]


def test_blender_leaves_out_the_suffix_and_gives_an_angle_of_view(tmp_path: Path) -> None:
    save_project(tmp_path, frame("./train/r_0"), name="transforms_train.json")
    content = {"camera_angle_x": 2 * math.atan(32 / 50), "frames": [{**frame("./train/r_0"), "rotation": 0.01}]}
    (tmp_path / "transforms_train.json").write_text(json.dumps(content))
    found = only(tmp_path / "transforms_train.json")
    assert found.name == "r_0.png"
    assert found.camera.fx == pytest.approx(50) and found.camera.fy == pytest.approx(50)
    assert (found.camera.cx, found.camera.cy) == (31.5, 23.5)
    assert found.pose is None and codes(found) == ["poses_without_unit"]


def test_poses_with_measured_depth_are_in_metres(tmp_path: Path) -> None:
    found = only(save_project(tmp_path, frame(**DEPTH)))
    assert found.depth.kind is DepthKind.METRIC and found.depth.scale_source is ScaleSource.SENSOR
    assert found.depth.values[0, 0] == pytest.approx(2.0) and found.depth.shape == (24, 32)
    assert found.pose == pytest.approx(np.diag((1, -1, -1, 1))) and codes(found) == []
    assert found.world_down is None


@pytest.mark.parametrize(
    ("keys", "scale"),
    [
        ({"applied_scale": 0.25}, 0.25),
        ({"applied_transform": [[0, 2, 0, 0], [0, 0, 2, 0], [2, 0, 0, 7]]}, 2.0),
        ({"applied_scale": 0.25, "applied_transform": [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 7]]}, 0.25),
    ],
)
def test_a_scale_that_was_applied_to_poses_is_undone(tmp_path: Path, keys: dict[str, Any], scale: float) -> None:
    moved = [[1, 0, 0, 3], [0, 1, 0, -1], [0, 0, 1, 2], [0, 0, 0, 1]]
    found = only(save_project(tmp_path, frame(**DEPTH, transform_matrix=moved), **keys))
    assert found.pose[:3, 3] == pytest.approx(np.array((3, -1, 2)) / scale) and codes(found) == ["scale_undone"]
    assert found.depth.values[0, 0] == pytest.approx(2.0), "depth was not scaled"


def test_an_applied_rotation_changes_no_unit(tmp_path: Path) -> None:
    keys = {"applied_transform": [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 7]], "applied_scale": 1}
    assert codes(only(save_project(tmp_path, frame(**DEPTH), **keys))) == []


def test_the_scale_of_a_camera_in_blender_does_not_move_it(tmp_path: Path) -> None:
    scaled = opengl(3 * about(2, 30), np.array([1, 2, 3])).tolist()
    found = only(save_project(tmp_path, frame(**DEPTH, transform_matrix=scaled)))
    assert found.pose[:3, :3] @ [1, 0, 0] == pytest.approx(about(2, 30) @ [1, 0, 0])
    assert found.pose[:3, 3] == pytest.approx([1, 2, 3])


def test_a_world_that_needs_no_turn_has_its_z_axis_up(tmp_path: Path) -> None:
    found = only(save_project(tmp_path, frame(**DEPTH), orientation_override="none"))
    assert found.world_down == pytest.approx([0, 0, -1])
    assert only(save_project(tmp_path, orientation_override="none")).world_down is None, "without a pose there is none"


def test_depth_with_poses_of_colmap_is_known_up_to_scale(tmp_path: Path) -> None:
    found = only(save_project(tmp_path, frame(**DEPTH, colmap_im_id=1)))
    assert found.pose is None and found.depth.kind is DepthKind.SCALE_INVARIANT
    assert codes(found) == ["poses_without_unit", "depth_without_unit"]


@pytest.mark.parametrize("count", [5, 80])
def test_depth_of_reconstructed_points_is_left_out(tmp_path: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    points = np.zeros((48, 64), np.uint16)
    points[rng.integers(0, 48, count), rng.integers(0, 64, count)] = rng.integers(1500, 4000, count)
    save_depth(tmp_path / "depth/1.png", points)
    found = only(save_project(tmp_path, frame(**DEPTH, colmap_im_id=1)))
    assert found.depth is None and codes(found) == ["poses_without_unit", "depth_of_points"]


@pytest.mark.parametrize(
    ("name", "values", "keys", "expected"),
    [
        ("d.png", np.full((24, 32), 1500, np.uint16), {}, 1.5),
        ("d.png", np.full((24, 32), 15000, np.uint16), {"depth_unit_scale_factor": 0.0001}, 1.5),
        ("d.npy", np.full((24, 32), 1.5, np.float32), {}, 1.5),
        ("d.npy", np.full((24, 32), 1500, np.int32), {}, 1.5),
        ("d.npy", np.full((24, 32), 1500.0, np.float32), {"depth_unit_scale_factor": 0.001}, 1.5),
    ],
)
def test_the_unit_of_depth(
    tmp_path: Path, name: str, values: np.ndarray, keys: dict[str, Any], expected: float
) -> None:
    save_depth(tmp_path / name, values)
    found = only(save_project(tmp_path, frame(depth_file_path=name), **keys))
    assert found.depth.values[5, 5] == pytest.approx(expected)


@pytest.mark.parametrize(("values", "keys"), [(1500.0, {}), (1.5, {"depth_unit_scale_factor": 0.001}), (0.001, {})])
def test_floats_that_cannot_be_metres_are_refused(tmp_path: Path, values: float, keys: dict[str, Any]) -> None:
    save_depth(tmp_path / "d.npy", np.full((24, 32), values, np.float32))
    folder = save_project(tmp_path, frame(depth_file_path="d.npy"), **keys)
    refused("set depth_unit_scale_factor in transforms.json", only, folder)


def test_depth_of_instant_ngp_has_its_own_factor(tmp_path: Path) -> None:
    entry = frame("images/0", depth_path="images/0.depth.png")
    found = only(save_project(tmp_path, entry, integer_depth_scale=10 / 65535))
    assert found.depth.values[0, 0] == pytest.approx(2000 * 10 / 65535) and found.pose is not None
    refused("no integer_depth_scale", only, save_project(tmp_path, entry))


def test_masks_are_ignored_and_cameras_of_a_frame_take_precedence(tmp_path: Path) -> None:
    entry = frame(mask_path="masks/none.png", fl_x=70.0, camera_model="OPENCV_FISHEYE", k1=0.1)
    found = only(save_project(tmp_path, entry, k1=0.3))
    assert (found.camera.fx, found.camera.fy) == (70, 61)
    assert found.lens.model is LensModel.FISHEYE and found.lens.coefficients[0] == 0.1


def test_backslashes_of_windows_are_read(tmp_path: Path) -> None:
    folder = save_project(tmp_path)
    (folder / "transforms.json").write_text(json.dumps({**CAMERA, "frames": [frame("images\\1.png")]}))
    assert only(folder).name == "1.png"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"{", "cannot be read as a project"),
        (b"\xff\xfe{}", "cannot be read as a project"),
        (b"[" * 100_000, "cannot be read as a project"),
        (b"[]", "must hold an object"),
        (b"{}", "lists no frames"),
        (b'{"frames": []}', "lists no frames"),
        (b'{"frames": {"a": 1}}', "lists no frames"),
        (b'{"frames": [1]}', "a frame without file_path"),
        (b'{"frames": [{"file_path": 7}]}', "a frame without file_path"),
    ],
)
def test_files_that_are_no_projects_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "transforms.json").write_bytes(content)
    assert capture_format(tmp_path) is Nerfstudio
    refused(words, Nerfstudio, tmp_path)


@pytest.mark.parametrize(
    ("entry", "keys", "words"),
    [
        ({"file_path": "../secret.png"}, {}, "outside of"),
        ({"file_path": "/etc/passwd"}, {}, "outside of"),
        ({"file_path": "..\\secret.png"}, {}, "outside of"),
        ({"file_path": "a\0b"}, {}, "must name a file"),
        ({"file_path": "images/none.png"}, {}, "does not exist"),
        ({"depth_file_path": "../secret.png"}, {}, "outside of"),
        ({"depth_file_path": ["a"]}, {}, "must name a file"),
        ({**DEPTH, "transform_matrix": [[1, 0], [0, 1]]}, {}, "unusable transform_matrix"),
        ({**DEPTH, "transform_matrix": "x"}, {}, "unusable transform_matrix"),
        ({**DEPTH, "transform_matrix": [[math.nan] * 4] * 4}, {}, "unusable transform_matrix"),
        ({**DEPTH, "transform_matrix": [[0] * 4] * 4}, {}, "unusable transform_matrix"),
        ({**DEPTH, "transform_matrix": np.diag((1, 1, -1, 1)).tolist()}, {}, "unusable transform_matrix .no rotation"),
        ({**DEPTH, "transform_matrix": [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]}, {}, "no rotation"),
        (DEPTH, {"applied_scale": 0}, "unusable applied_scale"),
        (DEPTH, {"applied_scale": "big"}, "unusable applied_scale"),
        (DEPTH, {"applied_transform": [1, 2]}, "unusable applied_scale or applied_transform"),
        (DEPTH, {"depth_unit_scale_factor": -1}, "unusable depth_unit_scale_factor"),
        (DEPTH, {"depth_unit_scale_factor": None}, "unusable depth_unit_scale_factor"),
        ({}, {"w": 48, "h": 64}, "camera of .* is for 48 x 64 px"),
    ],
)
def test_hostile_entries_are_refused(tmp_path: Path, entry: dict[str, Any], keys: dict[str, Any], words: str) -> None:
    folder = save_project(tmp_path / "scan", frame(**{key: DEPTH[key] for key in DEPTH.keys() & entry.keys()}), **keys)
    Image.new("RGB", SIZE).save(tmp_path / "secret.png")
    content = json.loads((folder / "transforms.json").read_text())
    content["frames"][0].update(entry)
    (folder / "transforms.json").write_text(json.dumps(content))
    refused(words, only, folder)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=3), part, max_size=2),
    max_leaves=6,
)
FRAME_KEYS = ("file_path", "transform_matrix", "depth_file_path", "depth_path", "colmap_im_id", "fl_x", "k1", "w")
KEYS = (
    *FRAME_KEYS, "fl_y", "cx", "cy", "h", "k2", "k4", "p1", "camera_model", "camera_angle_x", "is_fisheye", "frames",
    "applied_scale", "applied_transform", "depth_unit_scale_factor", "integer_depth_scale", "orientation_override",
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=3),
    entry=st.dictionaries(st.sampled_from(FRAME_KEYS), ANYTHING, max_size=2),
)
def test_any_values_give_a_frame_or_one_sentence(tmp_path: Path, keys: dict[str, Any], entry: dict[str, Any]) -> None:
    folder = save_project(tmp_path, frame(**DEPTH))
    content = json.loads((folder / "transforms.json").read_text())
    content["frames"][0].update(entry)
    content.update(keys)
    (folder / "transforms.json").write_text(json.dumps(content))
    try:
        found = only(folder)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert found.camera is not None and found.rgb.shape == (48, 64, 3)


def test_a_missing_matrix_is_named(tmp_path: Path) -> None:
    entry = {key: value for key, value in frame(**DEPTH).items() if key != "transform_matrix"}
    refused("lacks transform_matrix", only, save_project(tmp_path, entry))
    assert IDENTITY[0][0] == 1


def test_depth_of_another_shape_than_its_image_is_refused(tmp_path: Path) -> None:
    save_depth(tmp_path / "depth/1.png", np.full((32, 24), 2000, np.uint16))
    refused("depth of .* is for 24 x 32 px", only, save_project(tmp_path, frame(**DEPTH)))


def flat_scene(folder: Path) -> Path:
    """Two views of a near cup before a far wall, the second from 0.1 m further to the right."""
    depth = np.full((48, 64), 3000, np.uint16)
    depth[10:40, 20:40] = 1000
    shifted = np.full((48, 64), 3000, np.uint16)
    shifted[10:40, 14:34] = 1000
    save_depth(folder / "depth/1.png", depth)
    save_depth(folder / "depth/2.png", shifted)
    second = opengl(np.eye(3), np.array([0.1, 0, 0])).tolist()
    return save_project(
        folder,
        frame("images/1.png", **DEPTH),
        frame("images/2.png", depth_file_path="depth/2.png", transform_matrix=second),
    )


CLAIMS = {
    "regions": [
        {"label": "cup", "box_px": [20, 10, 40, 40]},
        {"label": "wall", "box_px": [45, 2, 64, 46]},
        {"label": "cup", "box_px": [14, 10, 34, 40], "frame": 1},
    ],
    "claims": [{"relation": "in_front_of", "subject": "cup", "object": "wall"}],
}


def test_a_project_is_one_item_whose_frames_are_its_images(tmp_path: Path) -> None:
    source = FileSource(flat_scene(tmp_path / "my scan"), claims=CLAIMS)
    (item,) = source.items()
    assert source.count() == 1 and item.id == "my scan"
    scene = source.scene(item)
    assert [found.name for found in scene.frames] == ["1.png", "2.png"]
    assert [found.timestamp_s for found in scene.frames] == [None, None]
    first, second = scene.frames
    assert second.pose is not None and second.pose[:3, 3] == pytest.approx([0.1, 0, 0])
    assert first.given_depth is not None and first.given_depth.values[20, 30] == pytest.approx(1.0)
    assert first.camera.fx == 60 and len(scene.regions) == 3 and scene.notes == ()
    (one,) = FileSource(tmp_path / "my scan" / "transforms.json", video_frames=1).items()
    assert one.id == "transforms"


@pytest.mark.parametrize("wanted", ["", "transforms.json"])
def test_the_command_line_judges_claims_about_a_project(tmp_path: Path, success: CommandLine, wanted: str) -> None:
    folder = flat_scene(tmp_path / "scan")
    (tmp_path / "claims.json").write_text(json.dumps(CLAIMS))
    out = tmp_path / "out"
    success(
        "verify", f"input={folder / wanted}", "depth=file", f"claims={tmp_path / 'claims.json'}",
        f"output_dir={out}", "cache_dir=null",
    )  # fmt: skip
    (result,) = results_in(out)
    assert [str(verdict.status) for verdict in result.verdicts] == ["supported"]
    assert [found.depth_kind for found in result.frames] == ["metric", "metric"]

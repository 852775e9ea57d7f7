"""The readers of recordings of phones together: places in the world, real frames, items."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import CommandLine, results_in
from ingest.captures.phone_files import WRITERS, ArkitFrame, blob_frames, record3d_parts, write_r3d, write_stray
from ingest.refusals import refused

from pipeline.ingest.captures.arkit import (
    bounded_text,
    camera_of,
    json_object,
    lidar_depth,
    numbers_of,
    pose_of_rows,
    poses_of,
    with_opencv_axes,
)
from pipeline.ingest.images import open_image
from pipeline.ingest.source import FileSource
from pipeline.records import DepthMap, Frame


def frames_of(path: Path) -> tuple[Frame, ...]:
    source = FileSource(path)
    (item,) = source.items()
    assert item.id == "c0ffee" and source.count() == 1
    return source.scene(item).frames


def in_world(frame: Frame, column: float, row: float, depth_m: float) -> np.ndarray:
    camera = frame.camera
    ray = np.array(((column - camera.cx) / camera.fx, (row - camera.cy) / camera.fy, 1.0))
    return (frame.pose @ (*(ray * depth_m), 1))[:3]


@pytest.mark.parametrize("direction", ["landscape", "portrait", "upside_down", "other_landscape"])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_spot_is_at_one_place_of_the_world_and_images_are_upright(tmp_path: Path, kind: str, direction: str) -> None:
    written, place = blob_frames(direction)
    frames = frames_of(WRITERS[kind](tmp_path, written))
    assert len(frames) == 2
    for frame, given in zip(frames, written, strict=True):
        row, column = np.unravel_index(cv2.GaussianBlur(frame.rgb[..., 1], (0, 0), 1.5).argmax(), frame.rgb.shape[:2])
        depth = frame.given_depth
        assert (depth.backend, str(depth.kind), str(depth.scale_source)) == ("file", "metric", "sensor")
        assert (depth.confidence == 1).all() and depth.valid.all()
        assert in_world(frame, column, row, depth.values[row, column]) == pytest.approx(place, abs=0.03)
        # The spot is below the camera, to the right of the first; a quarter turn too many would put it aside.
        assert (frame.pose[:3, :3] @ (0, 1, 0))[1] < -0.98
        assert frame.rgb.shape[:2] == ((72, 96) if "landscape" in direction else (96, 72))
        assert frame.pose[:3, 3] == pytest.approx(given.transform[:3, 3], abs=1e-5)
    assert [frame.timestamp_s for frame in frames] == pytest.approx([0, 1 / 30], abs=1e-5)


def real_frames(folder: Path, names: list[str]) -> tuple[list[ArkitFrame], list[np.ndarray]]:
    """Frames of an iPhone as the sensor took them, and their upright images."""
    poses, cameras = (json.loads((folder / f"{name}.json").read_text()) for name in ("poses", "camera"))
    frames, upright = [], []
    for name in names:
        with open_image(folder / "rgb" / f"{name}.jpg") as image:
            # Stored as the sensor took it; its EXIF turns it.
            rgb = cv2.resize(np.array(image), (480, 360), interpolation=cv2.INTER_AREA)
        upright.append(np.rot90(rgb, -1))
        depth_mm, confidence = (
            np.rot90(cv2.imread(str(folder / part / f"{name}.png"), cv2.IMREAD_UNCHANGED))
            for part in ("depth_mm", "confidence")
        )
        # Upright, OpenCV: x is the sensor's y, y its x, z its -z, all in ARKit's axes.
        pose = np.array(poses[name]["camera_to_world"])
        transform = pose[:, (1, 0, 2, 3)] * (1, 1, -1, 1)
        camera = cameras[name]
        lens = (camera["fy"] / 4, camera["fx"] / 4, (camera["cy"] + 0.5) / 4, (1440 - camera["cx"] - 0.5) / 4)
        frames.append(ArkitFrame(rgb, transform, lens, depth_mm / 1000, confidence, poses[name]["time_s"]))
    start_s = frames[0].time_s
    for frame in frames:
        frame.time_s -= start_s
    return frames, upright


def warped_error(source: Frame, target: Frame) -> tuple[float, float]:
    """Median relative difference of depth moved from one frame into another, and the share of pixels compared."""
    depth, other = source.given_depth, target.given_depth
    rows, columns = np.nonzero(depth.valid & (depth.confidence == 1))
    rows, columns = rows[::7], columns[::7]
    z = depth.values[rows, columns]
    camera = source.camera
    points = np.stack(((columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z, np.ones_like(z)))
    x, y, z = (np.linalg.inv(target.pose) @ source.pose @ points)[:3]
    camera = target.camera
    u, v = (np.rint(part).astype(int) for part in (x / z * camera.fx + camera.cx, y / z * camera.fy + camera.cy))
    seen = (z > 0) & (u >= 0) & (v >= 0) & (u < camera.width) & (v < camera.height)
    u, v, z = u[seen], v[seen], z[seen]
    ok = other.valid[v, u]
    return float(np.median(np.abs(other.values[v, u] - z)[ok] / z[ok])), ok.sum() / len(rows)


@pytest.mark.shared
@pytest.mark.parametrize("kind", WRITERS)
def test_real_frames_of_an_iphone_agree_when_warped_into_each_other(
    tmp_path: Path, shared_dir: Path, kind: str
) -> None:
    written, upright = real_frames(shared_dir / "real" / "iphone_rtsm", ["000", "013", "027"])
    frames = frames_of(WRITERS[kind](tmp_path, written))
    for frame, rgb in zip(frames, upright, strict=True):
        assert frame.rgb.shape == rgb.shape == (480, 360, 3)
        assert np.abs(frame.rgb.astype(int) - rgb).mean() < 4
    # Of the upright image, as the shared folder says.
    camera = frames[0].camera
    assert (camera.fx, camera.fy) == pytest.approx((1338.095 / 4, 1338.095 / 4), rel=1e-4)
    assert (camera.cx, camera.cy) == pytest.approx((718.698 / 4, 963.79 / 4), abs=0.6)
    for source, target in ((0, 1), (1, 2), (2, 0)):
        error, share = warped_error(frames[source], frames[target])
        assert error < 0.02 and share > 0.3


def test_a_folder_of_captures_is_one_item_each(tmp_path: Path) -> None:
    frames, _ = blob_frames("portrait")
    write_stray(tmp_path / "many" / "scan.10", frames)
    write_stray(tmp_path / "many" / "scan.9", frames)
    write_r3d(tmp_path / "many" / "kitchen.r3d", record3d_parts(frames))
    (tmp_path / "many" / "notes.txt").write_text("x")
    for frames_are in ("items", "scene"):
        source = FileSource(tmp_path / "many", frames_are=frames_are)
        assert [item.id for item in source.items()] == ["kitchen", "scan.9", "scan.10"]
        assert source.count() == 3
    assert all(len(source.scene(item).frames) == 2 for item in source.items())
    refused("many items", lambda: FileSource(tmp_path / "many", depth=[tmp_path / "many" / "kitchen.r3d"]).items())


def test_a_folder_with_images_beside_captures_is_a_folder_of_images(tmp_path: Path) -> None:
    frames, _ = blob_frames("portrait")
    write_stray(tmp_path / "many" / "scan", frames)
    cv2.imwrite(str(tmp_path / "many" / "photo.png"), frames[0].rgb)
    source = FileSource(tmp_path / "many")
    assert [item.id for item in source.items()] == ["photo"] and source.count() == 1


def test_a_file_that_is_only_named_like_a_capture_says_so(tmp_path: Path) -> None:
    (tmp_path / "red.R3D").write_bytes(b"\0\0\1\0RED2")
    (tmp_path / "notes.json").write_text("[]")
    source = FileSource(tmp_path / "red.R3D")
    (item,) = source.items()
    refused("none of the captures that can be read", source.scene, item)
    refused("not named like an image", FileSource(tmp_path / "notes.json").items)


def test_depth_files_of_a_folder_are_not_for_captures(tmp_path: Path) -> None:
    write_stray(tmp_path / "scan", blob_frames("portrait")[0])
    (tmp_path / "depth").mkdir()
    np.save(tmp_path / "depth" / "scan.npy", np.ones((2, 2)))
    (bad,) = FileSource(tmp_path / "scan", depth=tmp_path / "depth").items()
    assert "is a capture; list one depth file per sampled frame" in bad.reason


def test_a_capture_is_verified_on_the_command_line(tmp_path: Path, command_line: CommandLine) -> None:
    frames, _ = blob_frames("portrait", 3)
    write_stray(tmp_path / "c0ffee", frames)
    # The wall faces the camera a little from the side.
    regions = [{"label": name, "box_px": [x, 20, x + 25, 70]} for name, x in (("lamp", 5), ("chair", 42))]
    claims = [{"relation": "left_of", "subject": "lamp", "object": "chair"}]
    (tmp_path / "claims.json").write_text(json.dumps({"regions": regions, "claims": claims}))
    done = command_line("verify", "input=c0ffee", "claims=claims.json", "depth=file", "output_dir=out")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    (result,) = results_in(tmp_path / "out")
    assert result.item_id == "c0ffee" and [str(verdict.status) for verdict in result.verdicts] == ["supported"]


DEPTH = DepthMap.from_values(np.full((3, 4), 2.0), "metric", "sensor", "file")


def test_depth_of_low_confidence_is_dropped_unless_little_else_is_left() -> None:
    levels = np.array([[0, 1, 2, 2], [2, 2, 2, 2], [2, 2, 2, 2]])
    found = lidar_depth(DEPTH, levels, (8, 6), "it")
    assert (found.valid == (levels > 0)).all()
    assert found.confidence[0] == pytest.approx([1 / 3, 2 / 3, 1, 1]) and found.confidence.dtype == np.float32
    levels = np.zeros((3, 4), int)
    levels[0, :2] = 2
    assert not lidar_depth(DEPTH, levels, (8, 6), "it").valid[1:].any()
    assert lidar_depth(DEPTH, np.zeros((3, 4), int), (8, 6), "it").valid.all()
    assert lidar_depth(DEPTH, None, (8, 6), "it") is DEPTH


@pytest.mark.parametrize(
    "levels, image, words",
    [
        (np.ones((3, 5), int), (8, 6), "confidence of it has 5 x 3 px, its depth 4 x 3"),
        (np.full((3, 4), 3), (8, 6), "levels other than 0, 1 and 2"),
        (None, (6, 8), "4 x 3 px, another shape than its image of 6 x 8 px"),
    ],
)
def test_depth_that_does_not_fit_is_refused(levels: np.ndarray | None, image: tuple[int, int], words: str) -> None:
    refused(words, lidar_depth, DEPTH, levels, image, "it")


def test_the_principal_point_counts_from_the_centre_of_the_first_pixel() -> None:
    camera = camera_of((50, 51, 32, 24), (64, 48), "it")
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (50, 51, 31.5, 23.5)


@pytest.mark.parametrize(
    "numbers, size, words",
    [
        ((0, 0, 0, 0), (64, 48), "focal lengths must be positive"),
        ((50, float("nan"), 32, 24), (64, 48), "finite"),
        ((50, 50, 64, 48), (64, 48), "far from the middle of 64 x 48 px"),
        ((50, 50, 32, 24), (1e300, 48), "whole number of pixels"),
    ],
)
def test_a_camera_of_another_image_is_refused(numbers: tuple[float, ...], size: tuple[int, int], words: str) -> None:
    assert refused(words, camera_of, numbers, size, "The lens").startswith("The lens")


def test_poses_turn_like_their_quaternions() -> None:
    half = np.sqrt(0.5)
    (pose,) = poses_of(np.array([[0, 0, half, half]]), np.array([[1.0, 2, 3]]), "it")
    assert pose == pytest.approx(np.array([[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1.0]]), abs=1e-12)
    assert with_opencv_axes(pose)[:3, :3] == pytest.approx(np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1.0]]), abs=1e-12)
    for wrong in ([0, 0, 0, 0], [0, 0, 0, 2], [np.nan, 0, 0, 1]):
        refused("unit quaternion", poses_of, np.array([wrong]), np.zeros((1, 3)), "it")
    refused("unit quaternion", poses_of, np.array([[0, 0, 0, 1.0]]), np.full((1, 3), np.inf), "it")


def test_rows_of_a_pose_must_be_a_rotation() -> None:
    assert (pose_of_rows(np.eye(4)[:3], "it") == np.eye(4)).all()
    refused("not a rotation", pose_of_rows, 2 * np.eye(4)[:3], "it")
    refused("not a rotation", pose_of_rows, np.full((3, 4), np.nan), "it")
    refused("mirrors", pose_of_rows, np.eye(4)[:3] * (1, 1, -1, 1), "it")


@pytest.mark.parametrize(
    "value", ["1, 2", None, [1], [1, "2"], [1, [2]], [1, float("inf")], [True, False], [1, 10**400]]
)
def test_numbers_are_numbers(value: object) -> None:
    refused("it must be 2 finite numbers", numbers_of, value, (2,), "it")
    assert numbers_of([1, 2.5], (2,), "it").tolist() == [1, 2.5]
    assert numbers_of([], (-1,), "it").tolist() == []


def test_texts_are_read_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"\xef\xbb\xbf{}")
    assert json_object(bounded_text(file, "a table"), file, "a table") == {}
    refused("must hold a JSON object as a table, not list", json_object, "[]", file, "a table")
    refused("cannot be read as a table", json_object, "[" * 100_000, file, "a table")
    file.write_bytes(b"\xff\xfe")
    refused("cannot be read as a table", bounded_text, file, "a table")
    monkeypatch.setattr("pipeline.ingest.captures.arkit.MAX_TEXT_BYTES", 1)
    refused("too much for a table", bounded_text, file, "a table")
    refused("does not exist", bounded_text, tmp_path / "none", "a table")

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest.refusals import refused
from PIL import Image

from pipeline.ingest.build import build_scene
from pipeline.ingest.item import Item
from pipeline.ingest.lidar import (
    camera_of_pose,
    depth_of_points,
    lidar_poses,
    pose_of_frame,
    read_lidar_pose,
    scanned_frame,
)
from pipeline.ingest.source import FileSource
from pipeline.records import DepthMap
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError

CAMERA = Camera(50, 50, 80, 60, 160, 120)
# x forward, y left, z up; 0.5 m above the camera and 0.25 m behind it.
POSE = ((0, -1, 0, 0), (0, 0, -1, -0.5), (1, 0, 0, -0.25), (0, 0, 0, 1.0))
KITTI = (
    "P0: 50 0 80 0 0 50 60 0 0 0 1 0\nP2: 50 0 80 -5 0 50 60 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\n"
    "Tr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.5 1 0 0 -0.25\n"
)


def scan(folder: Path, points: np.ndarray | None = None) -> Path:
    """A wall 4 m before the camera, from 1 m left to 1 m right of it; and as many points behind it."""
    if points is None:
        y, z = np.meshgrid(np.linspace(-1, 1, 30), np.linspace(-1, 0.5, 20))
        wall = np.stack((np.full(y.size, 4.25), y.ravel(), z.ravel(), np.full(y.size, 0.5)), axis=1)
        points = np.vstack((wall, wall * (-1, 1, 1, 1)))
    (folder / "scan.bin").write_bytes(points.astype("<f4").tobytes())
    return folder / "scan.bin"


def test_points_become_scattered_depth_of_a_sensor(tmp_path: Path) -> None:
    depth = depth_of_points(scan(tmp_path), POSE, CAMERA)
    assert depth.backend == "lidar" and depth.sampling.is_scattered
    assert np.allclose(depth.values[depth.valid], 4.0)
    rows, columns = np.nonzero(depth.valid)
    # Left is where y is positive; 1 m below the scanner is 0.5 m below the camera.
    assert (columns.min(), columns.max()) == (round(80 - 50 / 4), round(80 + 50 / 4))
    assert (rows.min(), rows.max()) == (round(60 - 50 * 1.0 / 4), round(60 + 50 * 0.5 / 4))


def test_the_nearest_point_of_a_pixel_counts(tmp_path: Path) -> None:
    points = np.array([(8.25, 0, -0.5, 0.5), (4.25, 0, -0.5, 0.25), (6.25, 0, -0.5, 0.75)])
    depth = depth_of_points(scan(tmp_path, points), POSE, CAMERA)
    assert depth.valid.sum() == 1 and depth.values[60, 80] == 4


@pytest.mark.parametrize(
    "pose, words",
    [
        (np.linalg.inv(np.array(POSE)), "probably its inverse, which leads from .* .50% of the points would"),
        (np.eye(4), "probably it leads to a frame with x forward and z up, .* .50% of the points would"),
        (np.array(POSE) + np.outer((0, 1, 0, 0), (0, 0, 0, 1499.5)), "puts the scanner 1499 m from the camera"),
    ],
)
def test_a_pose_that_shows_nothing_is_refused_with_its_cause(tmp_path: Path, pose: np.ndarray, words: str) -> None:
    (given,) = lidar_poses(pose)
    text = refused(words, depth_of_points, scan(tmp_path), given, CAMERA)
    assert text.startswith("Only 0.00% of the points of")


def test_a_pose_that_nothing_explains_is_refused(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal((20, 0, 0), 0.5, (500, 3))
    scan(tmp_path, np.hstack((points, np.ones((500, 1)))))
    (turned,) = lidar_poses(np.array(POSE) @ np.diag((-1, -1, 1, 1)))
    refused("wrong: it must lead to the camera's frame", depth_of_points, tmp_path / "scan.bin", turned, CAMERA)


def test_millimetres_are_told_and_read_with_a_scale(tmp_path: Path) -> None:
    y, z = np.meshgrid(np.linspace(-1000, 1000, 30), np.linspace(-1000, 500, 20))
    points = np.stack((np.full(y.size, 4250.0), y.ravel(), z.ravel(), np.full(y.size, 0.5)), axis=1)
    refused("in millimetres, give depth_scale=0.001", depth_of_points, scan(tmp_path, points), POSE, CAMERA)
    assert np.allclose(np.unique(depth_of_points(scan(tmp_path, points), POSE, CAMERA, scale_m=0.001).values), (0, 4))


@pytest.mark.parametrize(
    "value",
    [
        [list(row) for row in POSE],
        [list(row) for row in POSE[:3]],
        [number for row in POSE for number in row],
        [number for row in POSE[:3] for number in row],
        np.array(POSE),
        json.dumps(POSE),
        [POSE],
        POSE,
    ],
)
def test_a_matrix_may_have_several_forms(value: Any) -> None:
    assert lidar_poses(value) == (POSE,)
    assert lidar_poses(lidar_poses(value)) == (POSE,)


def test_poses_may_be_paths_and_one_per_frame(tmp_path: Path) -> None:
    assert lidar_poses("calib/a.txt", tmp_path) == (tmp_path / "calib/a.txt",)
    assert lidar_poses(["a.txt", POSE], tmp_path) == (tmp_path / "a.txt", POSE)
    assert [pose_of_frame([POSE], index) for index in (0, 3)] == [POSE, POSE]
    assert pose_of_frame([POSE, tmp_path], 1) == tmp_path


@pytest.mark.parametrize(
    "value, words",
    [
        ([], "it must not be"),
        (7, "it must not be 7"),
        ({"matrix": 1}, "it must not be"),
        ("[1, 2", "is not JSON"),
        ("[" * 100000, "is not JSON"),
        ([" "], "must not be empty"),
        ([[1, 2], [3, 4]], "4 x 4 matrix of finite numbers"),
        ([[1, 2], [3]], "4 x 4 matrix of finite numbers"),
        ([["a"] * 4] * 4, "4 x 4 matrix of finite numbers|it must"),
        ([[float("nan")] * 4] * 4, "finite numbers"),
        ([[10**400] * 4] * 4, "finite numbers"),
        (np.array(POSE).T, "last row .* probably transposed"),
        (np.eye(4) * 2, "last row"),
        (np.diag((2, 2, 2, 1)), "not a rotation"),
        (np.array([[50, 0, 80, 0], [0, 50, 60, 0], [0, 0, 1, 0.0]]), "not a rotation; .* without the intrinsics"),
        (np.diag((-1, 1, 1, 1)), "mirrors"),
    ],
)
def test_what_is_no_pose_is_refused(value: Any, words: str) -> None:
    refused(words, lidar_poses, value)


def test_a_kitti_calibration_gives_pose_and_camera(tmp_path: Path) -> None:
    (tmp_path / "000000.txt").write_text(KITTI)
    matrix, projection = read_lidar_pose(tmp_path / "000000.txt")
    # Camera 2 stands 0.1 m to the right of camera 0.
    assert np.allclose(matrix, np.array(POSE) + np.eye(4, k=3) * -0.1)
    assert projection is not None and projection[0].tolist() == [50, 0, 80, -5]
    camera = camera_of_pose([tmp_path / "000000.txt"], 0, 160, 120)
    assert camera == CAMERA
    assert camera_of_pose([POSE], 0, 160, 120) is camera_of_pose([], 0, 160, 120) is None


@pytest.mark.parametrize(
    "content, words",
    [
        ("", "is an empty file"),
        ("P2: 1 2\n", "lacks P2, R0_rect, Tr_velo_to_cam"),
        (KITTI.replace("P2: 50", "P2: 0"), "cannot be used: A projection must be a regular matrix"),
        (KITTI.replace("R0_rect: 1", "R0_rect: 2"), "cannot be used: the 3 x 3 part .* is not a rotation"),
        (KITTI.replace("-0.25", "nan"), "lacks Tr_velo_to_cam"),
    ],
)
def test_a_damaged_calibration_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "000000.txt").write_text(content)
    refused(words, read_lidar_pose, tmp_path / "000000.txt")


def files(folder: Path) -> Path:
    Image.new("RGB", (160, 120)).save(folder / "street.png")
    (folder / "calib.txt").write_text(KITTI)
    return scan(folder)


def depth_of(source: FileSource) -> tuple[Camera, DepthMap]:
    (item,) = source.items()
    assert isinstance(item, Item), item
    (frame,) = source.scene(item).frames
    assert frame.given_depth is not None
    return frame.camera, frame.given_depth


def test_an_image_takes_points_as_its_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path)
    camera = {"fx": 50, "fy": 50, "cx": 80, "cy": 60}
    source = FileSource(tmp_path / "street.png", depth=tmp_path / "scan.bin", camera=camera, lidar_to_camera=POSE)
    assert np.allclose(np.unique(depth_of(source)[1].values), (0, 4))
    monkeypatch.chdir(tmp_path)
    found, depth = depth_of(FileSource("street.png", depth="scan.bin", lidar_to_camera="calib.txt"))
    assert (found.fx, found.cx, found.source) == (50, 80, "given") and depth.backend == "lidar"
    # 0.1 m to the left at 4 m are 1.25 px.
    assert np.nonzero(depth.valid)[1].min() == round(80 - 50 * 1.1 / 4)
    small = depth_of(FileSource("street.png", depth="scan.bin", lidar_to_camera="calib.txt", max_side_px=80))
    assert small[0].width == 80 and small[1].shape == (60, 80) and np.allclose(np.unique(small[1].values), (0, 4))


@pytest.mark.parametrize("name", ["manifest.jsonl", "manifest.csv"])
def test_a_manifest_names_the_calibration_beside_it(tmp_path: Path, name: str) -> None:
    files(tmp_path)
    (tmp_path / "manifest.jsonl").write_text(
        json.dumps({"frames": "street.png", "depth": "scan.bin", "lidar_to_camera": "calib.txt"})
    )
    (tmp_path / "manifest.csv").write_text("frames,depth,lidar_to_camera\nstreet.png,scan.bin,calib.txt\n")
    assert depth_of(FileSource(tmp_path / name))[1].backend == "lidar"


def test_a_folder_of_scans_belongs_to_a_folder_of_images(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "velodyne").mkdir()
    files(tmp_path)
    (tmp_path / "street.png").rename(tmp_path / "images/street.png")
    (tmp_path / "scan.bin").rename(tmp_path / "velodyne/street.bin")
    source = FileSource(tmp_path / "images", depth=tmp_path / "velodyne", lidar_to_camera=tmp_path / "calib.txt")
    assert depth_of(source)[1].backend == "lidar"


@pytest.mark.parametrize(
    "given, words",
    [
        ({}, "holds points of a scanner; give lidar_to_camera"),
        ({"lidar_to_camera": POSE, "depth_kind": "disparity_affine"}, "leave depth_kind out"),
        ({"lidar_to_camera": [POSE, POSE]}, "2 given for 1 frames"),
        ({"lidar_to_camera": [[1]]}, "'a', lidar_to_camera: it must be a 4 x 4 matrix"),
        ({"lidar_to_camera": "lost.txt"}, "lost.txt does not exist"),
    ],
)
def test_points_without_a_use_are_told(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    files(tmp_path)

    def read() -> None:
        build_scene(Item("a", (tmp_path / "street.png",), depth=(tmp_path / "scan.bin",), **given))

    refused(words, read)
    with pytest.raises(InputError):
        plain = {"id": "a", "frames": "street.png", "depth": "scan.bin", **given}
        build_scene(Item.from_plain(plain, tmp_path, "a"))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["000000", "000004", "000114"])
def test_real_scans_lie_where_their_depth_maps_say(shared_dir: Path, name: str) -> None:
    folder = shared_dir / "real" / "kitti"
    if not folder.is_dir():
        pytest.skip("the frames of KITTI are not there")
    source = FileSource(
        folder / "image_2" / f"{name}.png",
        depth=folder / "velodyne" / f"{name}.bin",
        lidar_to_camera=folder / "calib" / f"{name}.txt",
    )
    depth = depth_of(source)[1]
    stored = np.array(Image.open(folder / "lidar_depth" / f"{name}.png")) / 256
    both = depth.valid & (stored > 0)
    assert both.sum() > 0.97 * max(depth.valid.sum(), (stored > 0).sum())
    assert np.median(np.abs(depth.values - stored)[both]) < 0.01


def test_returns_are_scattered_depth_of_a_frame() -> None:
    points = np.array([(0, 0, 4.0), (0, 0, 2.0), (2.0, 0, 5.0)])
    frame = scanned_frame(np.zeros((120, 160, 3), np.uint8), CAMERA, points, name="street")
    depth = frame.given_depth
    assert depth is not None and depth.sampling.is_scattered
    assert depth.backend == "lidar" and frame.name == "street"
    assert depth.valid.sum() == 2 and depth.values[60, 80] == 2 and depth.values[60, 100] == 5

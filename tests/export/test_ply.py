from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.palette import region_colours
from pipeline.export.ply import coloured_points, region_map, write_ply
from pipeline.geometry.backprojection import back_project
from pipeline.records import DepthMap, Frame, Region, Result, Scene
from pipeline.records.camera import Camera
from pipeline.records.errors import ExportError

WIDTH, HEIGHT = 40, 30
CAMERA = Camera(35, 36, 19.2, 14.1, WIDTH, HEIGHT)
GENERATOR = np.random.default_rng(7)
RGB = GENERATOR.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
DEPTH_M = GENERATOR.uniform(0.5, 4, (HEIGHT, WIDTH)).astype(np.float32)
VALID = GENERATOR.random((HEIGHT, WIDTH)) > 0.2
REGIONS = (Region("cup", (5, 5, 15, 15)), Region("sign", (20, 20, 30, 25), origin="ocr"), Region("lid", (8, 8, 10, 10)))


def scene(kind: str = "metric", poses: tuple[np.ndarray | None, ...] = (None,)) -> Scene:
    source = "sensor" if kind == "metric" else "none"
    depth = DepthMap(DEPTH_M, VALID, kind, source)
    return Scene("item", tuple(Frame(RGB, CAMERA, pose=pose) for pose in poses), depth=(depth,) * len(poses))


def result(regions: tuple[Region, ...] = REGIONS) -> Result:
    return Result("item", None, (), None, regions=regions)


def turned(angle_rad: float, shift_m: tuple[float, float, float]) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle_rad), 0, np.sin(angle_rad)], [0, 1, 0], [-np.sin(angle_rad), 0, np.cos(angle_rad)]]
    pose[:3, 3] = shift_m
    return pose


@pytest.mark.parametrize("kind", ["metric", "scale_invariant"])
def test_the_file_holds_the_back_projection_with_colours_and_regions(tmp_path: Path, kind: str) -> None:
    open3d = pytest.importorskip("open3d")
    path = write_ply(tmp_path / "new" / "cloud.ply", scene(kind), result())
    assert path is not None and [file.name for file in path.parent.iterdir()] == ["cloud.ply"]
    head = path.read_bytes().partition(b"end_header\n")[0].decode("ascii").splitlines()
    assert head[:3] == ["ply", "format binary_little_endian 1.0", f"element vertex {VALID.sum()}"]
    assert [line.split()[1:] for line in head[3:]] == [
        *(["float", name] for name in "xyz"),
        *(["uchar", name] for name in ("red", "green", "blue")),
        ["int", "region"],
    ]
    cloud = open3d.t.io.read_point_cloud(str(path))
    positions = cloud.point.positions.numpy()
    assert len(positions) == VALID.sum()
    np.testing.assert_allclose(positions, back_project(DEPTH_M, CAMERA, VALID), atol=1e-5)
    owners = cloud.point["region"].numpy()[:, 0]
    np.testing.assert_array_equal(owners, region_map(REGIONS, 0, (HEIGHT, WIDTH))[VALID])
    assert set(owners) == {-1, 0, 2}
    colours = cloud.point.colors.numpy()
    np.testing.assert_array_equal(colours[owners == -1], RGB[VALID][owners == -1])
    assert (colours[owners == 2] == region_colours(REGIONS)[2]).all()


@given(st.integers(1, 2000))
def test_never_more_points_than_wanted_and_always_the_same(most: int) -> None:
    posed = scene(poses=(np.eye(4), turned(0.3, (1, 0, 0)), np.eye(4)))
    cloud, again = (coloured_points(posed, result(), most) for _ in range(2))
    assert cloud is not None and again is not None
    total = 3 * int(VALID.sum())
    assert len(cloud.positions) <= most
    assert len(cloud.positions) == -(-total // -(-total // most))
    np.testing.assert_array_equal(cloud.positions, again.positions)
    everything = coloured_points(posed, result(), total)
    assert everything is not None
    np.testing.assert_array_equal(cloud.positions, everything.positions[:: -(-total // most)])


def test_points_far_beyond_all_others_are_left_out() -> None:
    depth_m = np.ones((HEIGHT, WIDTH))
    depth_m[0, 0], depth_m[0, 1] = 79, 1.9
    wild = Scene("item", (Frame(RGB, CAMERA),), depth=(DepthMap.from_values(depth_m, "metric", "sensor"),))
    cloud = coloured_points(wild, result(), 10_000)
    assert cloud is not None and len(cloud.positions) == WIDTH * HEIGHT - 1
    assert cloud.positions[:, 2].max() == pytest.approx(1.9)


def test_depth_near_the_end_of_float32_gives_no_warning(tmp_path: Path) -> None:
    depth_m = np.full((HEIGHT, WIDTH), 3e38)
    wide = Camera(5, 5, 19.2, 14.1, WIDTH, HEIGHT)
    far = Scene("item", (Frame(RGB, wide),), depth=(DepthMap.from_values(depth_m, "metric", "sensor"),))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        cloud = coloured_points(far, result(), 10_000)
        assert write_ply(tmp_path / "cloud.ply", far, result()) is not None
    assert cloud is not None and 0 < len(cloud.positions) < WIDTH * HEIGHT
    assert np.isfinite(cloud.positions.astype(np.float32)).all()


def test_posed_frames_are_merged_in_the_world() -> None:
    pose = turned(0.7, (1.0, -2.0, 3.0))
    cloud = coloured_points(scene(poses=(np.eye(4), pose)), result(), 10_000)
    assert cloud is not None
    local = back_project(DEPTH_M, CAMERA, VALID)
    world = np.concatenate([local, (pose @ np.c_[local, np.ones(len(local))].T).T[:, :3]])
    np.testing.assert_allclose(cloud.positions, world, atol=1e-9)


@pytest.mark.parametrize(
    "kind, poses", [("metric", (None, None)), ("scale_invariant", (np.eye(4), turned(1, (1, 1, 1))))]
)
def test_frames_without_a_common_place_are_not_mixed(kind: str, poses: tuple[np.ndarray | None, ...]) -> None:
    cloud = coloured_points(scene(kind, poses), result(), 10_000)
    assert cloud is not None
    np.testing.assert_array_equal(cloud.positions, back_project(DEPTH_M, CAMERA, VALID))


@pytest.mark.parametrize("kind, reason", [("depth_affine", "no shape"), ("disparity_affine", "no shape")])
def test_depth_without_shape_gives_no_cloud_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, reason: str
) -> None:
    with caplog.at_level(logging.INFO):
        assert write_ply(tmp_path / "cloud.ply", scene(kind), result()) is None
    assert reason in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_missing_and_empty_depth_give_no_cloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = Frame(RGB, CAMERA)
    empty = DepthMap.from_values(np.zeros((HEIGHT, WIDTH)), "metric", "sensor")
    with caplog.at_level(logging.INFO):
        assert write_ply(tmp_path / "a.ply", Scene("item", (frame,)), result()) is None
        assert write_ply(tmp_path / "a.ply", Scene("item", (frame,), depth=(empty,)), result()) is None
    assert "is missing" in caplog.text and "no valid pixel" in caplog.text


def test_a_mask_owns_its_pixels_and_the_smaller_region_wins() -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[6, 6] = True
    regions = (
        Region("inner", (0, 0, 40, 30), mask=mask),
        Region("outer", (6, 6, 8, 8)),
        Region("far", (0, 0, 9, 9), 1),
    )
    owners = region_map(regions, 0, (HEIGHT, WIDTH))
    assert owners[6, 6] == 0
    assert owners[6, 7] == owners[7, 6] == owners[7, 7] == 1
    assert (owners >= 0).sum() == 4


def test_a_path_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match="Cannot write"):
        write_ply(tmp_path / "file" / "cloud.ply", scene(), result())

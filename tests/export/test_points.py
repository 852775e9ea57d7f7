from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.points import ColouredPoints, coloured_points, placed, region_map, without_outliers
from pipeline.geometry.backprojection import back_project
from pipeline.records import DepthMap, Frame, Region, Result, Scene
from pipeline.records.camera import Camera

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


def points(drawn: Scene, most: int = 10_000) -> ColouredPoints:
    cloud = coloured_points(drawn, result(), most)
    assert cloud is not None
    return cloud


def turned(angle_rad: float, shift_m: tuple[float, float, float]) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle_rad), 0, np.sin(angle_rad)], [0, 1, 0], [-np.sin(angle_rad), 0, np.cos(angle_rad)]]
    pose[:3, 3] = shift_m
    return pose


@given(st.integers(1, 2000))
def test_never_more_points_than_wanted_and_always_the_same(most: int) -> None:
    posed = scene(poses=(np.eye(4), turned(0.3, (1, 0, 0)), np.eye(4)))
    cloud, again = (points(posed, most) for _ in range(2))
    total = 3 * int(VALID.sum())
    assert len(cloud.positions) <= most
    assert len(cloud.positions) == -(-total // -(-total // most))
    np.testing.assert_array_equal(cloud.positions, again.positions)
    np.testing.assert_array_equal(cloud.positions, points(posed, total).positions[:: -(-total // most)])


def test_points_far_behind_all_others_are_dropped() -> None:
    depth_m = np.ones((HEIGHT, WIDTH))
    depth_m[0, 0], depth_m[0, 1] = 79, 1.9
    cloud = points(Scene("item", (Frame(RGB, CAMERA),), depth=(DepthMap.from_values(depth_m, "metric", "sensor"),)))
    assert len(cloud.positions) == WIDTH * HEIGHT - 1
    assert cloud.positions[:, 2].max() == pytest.approx(1.9)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("sky", [1e10, 65504.0, 3e38, 1000.0, 200.0])
def test_a_sky_is_dropped_however_much_of_the_frame_it_fills(sky: float, share: float) -> None:
    depth_m = DEPTH_M.copy()
    depth_m[: round(share * HEIGHT)] = sky
    cloud = points(Scene("item", (Frame(RGB, CAMERA),), depth=(DepthMap.from_values(depth_m, "metric", "sensor"),)))
    assert len(cloud.positions) == (depth_m < 5).sum()


@pytest.mark.parametrize("far_m", [8.0, 30.0, 79.0])
def test_a_far_part_of_a_scene_is_kept(far_m: float) -> None:
    depth_m = DEPTH_M.copy()
    depth_m[:15] = far_m * GENERATOR.uniform(0.8, 1, (15, WIDTH))
    cloud = points(Scene("item", (Frame(RGB, CAMERA),), depth=(DepthMap.from_values(depth_m, "metric", "sensor"),)))
    assert len(cloud.positions) == WIDTH * HEIGHT


@pytest.mark.shared
def test_the_cloud_of_a_rendered_street_is_that_of_the_scene(shared_dir: Path) -> None:
    file = shared_dir / "cases/sky/sky1e10.exr"
    depth = DepthMap.from_values(_exr(file), "metric", "sensor")
    height, width = depth.shape
    frame = Frame(np.zeros((height, width, 3), np.uint8), Camera(300, 300, 159.5, 119.5, width, height))
    cloud = points(Scene("item", (frame,), depth=(depth,)), 10**6)
    assert 25 < cloud.positions[:, 2].max() < 31
    assert len(cloud.positions) == (depth.values < 100).sum()


def _exr(path: Path) -> np.ndarray:
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File(str(path), separate_channels=True) as image:
        return np.array(next(iter(image.channels().values())).pixels)


def test_depth_near_the_end_of_float32_gives_no_warning() -> None:
    depth_m = np.full((HEIGHT, WIDTH), 3e38)
    wide = Camera(5, 5, 19.2, 14.1, WIDTH, HEIGHT)
    far = Scene("item", (Frame(RGB, wide),), depth=(DepthMap(depth_m, depth_m > 0, "metric", "sensor"),))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        cloud = points(far)
    assert 0 < len(cloud.positions) < WIDTH * HEIGHT
    assert np.isfinite(cloud.positions.astype(np.float32)).all()


def test_posed_frames_are_merged_in_the_world() -> None:
    pose = turned(0.7, (1.0, -2.0, 3.0))
    cloud = points(scene(poses=(np.eye(4), pose)))
    local = back_project(DEPTH_M, CAMERA, VALID)
    world = np.concatenate([local, (pose @ np.c_[local, np.ones(len(local))].T).T[:, :3]])
    np.testing.assert_allclose(cloud.positions, world, atol=1e-9)


@pytest.mark.parametrize(
    "kind, poses", [("metric", (None, None)), ("scale_invariant", (np.eye(4), turned(1, (1, 1, 1))))]
)
def test_frames_without_a_common_coordinate_frame_are_not_merged(
    kind: str, poses: tuple[np.ndarray | None, ...]
) -> None:
    np.testing.assert_array_equal(points(scene(kind, poses)).positions, back_project(DEPTH_M, CAMERA, VALID))


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


@given(st.integers(1, 2000))
def test_every_point_is_the_one_of_its_pixel_and_frame(most: int) -> None:
    poses = (turned(0.3, (1, 0, 0)), turned(-0.2, (0, 2, -1)))
    posed = scene(poses=poses)
    cloud = points(posed, most)
    assert cloud.is_world and cloud.total == 2 * VALID.sum()
    for frame, (u, v), position, region in zip(
        cloud.frames[::7], cloud.pixels[::7], cloud.positions[::7], cloud.regions[::7], strict=True
    ):
        z = float(DEPTH_M[v, u])
        local = ((u - CAMERA.cx) / CAMERA.fx * z, (v - CAMERA.cy) / CAMERA.fy * z, z)
        np.testing.assert_allclose(position, (poses[frame] @ [*local, 1])[:3], atol=1e-9)
        assert region == (-1 if frame else region_map(REGIONS, 0, (HEIGHT, WIDTH))[v, u])


def test_the_colours_are_those_of_the_photo_where_wanted() -> None:
    cloud = coloured_points(scene(), result(), 10_000, of_regions=False)
    assert cloud is not None
    np.testing.assert_array_equal(cloud.colours, RGB[VALID])
    assert set(cloud.regions) == {-1, 0, 2}


def test_frames_are_chosen_by_hand_where_they_share_no_space() -> None:
    cloud = coloured_points(scene("scale_invariant", (None, None)), result(), 10_000, frames=[1])
    assert cloud is not None and set(cloud.frames) == {1}
    assert not cloud.is_world


def test_points_without_a_place_in_the_world_stay_where_they_are() -> None:
    point = np.array([[1.0, 2.0, 3.0]])
    pose = turned(0.5, (1, 2, 3))
    np.testing.assert_array_equal(placed(scene("scale_invariant", (pose,)), 0, point), point)
    np.testing.assert_allclose(placed(scene(poses=(pose,)), 0, point), (pose @ [1, 2, 3, 1])[None, :3])


@pytest.mark.parametrize("share, dropped", [(0.01, True), (0.1, False)])
def test_few_depths_far_behind_the_scene_are_outliers_and_many_are_its_background(share: float, dropped: bool) -> None:
    values = np.random.default_rng(3).uniform(1.0, 2.0, (100, 100)).astype(np.float32)
    far = np.zeros(values.size, dtype=bool)
    far[: round(share * far.size)] = True
    values.reshape(-1)[far] = 6.0
    kept = without_outliers(DepthMap(values, np.ones(values.shape, bool), "metric", "sensor"))
    assert kept.reshape(-1)[~far].all()
    assert kept.reshape(-1)[far].any() != dropped

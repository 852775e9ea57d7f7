from __future__ import annotations

import math
from functools import cache, partial

import numpy as np
import pytest
from verify.rules.frames import DEPTHS, exact_depth

from pipeline.geometry.backprojection import back_project
from pipeline.geometry.planes import estimate_up, support_plane
from pipeline.records.camera import Camera
from pipeline.synthetic.depth_errors import monocular_metric
from pipeline.synthetic.scenes import rendered_scene

CAMERA = Camera(250.0, 250.0, 159.5, 119.5, 320, 240)


def cast(*planes: tuple[np.ndarray, float]) -> tuple[np.ndarray, np.ndarray]:
    """Depth of the nearest of some planes ``normal @ x = distance``, and where one is hit."""
    rays = back_project(np.ones((CAMERA.height, CAMERA.width)), CAMERA).reshape(CAMERA.height, CAMERA.width, 3)
    with np.errstate(divide="ignore"):
        depths = [np.asarray(distance) / (rays @ normal) for normal, distance in planes]
    z = np.min([np.where((depth > 0) & (depth < 30), depth, np.inf) for depth in depths], axis=0)
    return np.where(np.isfinite(z), z, 0).astype(np.float32), np.isfinite(z)


def axes(pitch_deg: float, roll_deg: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Up, right and away, level with the world, of a camera that looks down and is turned about its view."""
    pitch, roll = math.radians(pitch_deg), math.radians(roll_deg)
    turn = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    up = np.array((0, -math.cos(pitch), -math.sin(pitch)))
    away = np.array((0, -math.sin(pitch), math.cos(pitch)))
    return turn @ up, turn @ (1.0, 0.0, 0.0), turn @ away


def angle_deg(first: np.ndarray, second: np.ndarray) -> float:
    return math.degrees(math.acos(min(1.0, float(first @ second))))


@pytest.mark.parametrize("pitch_deg", [5, 20, 35, 42])
@pytest.mark.parametrize("roll_deg", [-10, 0, 8])
@pytest.mark.parametrize("unit", [1.0, 0.037])
def test_up_of_a_floor_and_a_wall_is_exact_in_any_unit(pitch_deg: float, roll_deg: float, unit: float) -> None:
    up, right, away = axes(pitch_deg, roll_deg)
    wall = 0.9 * away + math.sqrt(0.19) * right
    depth, valid = cast((-up, 1.4), (wall, 3.0))
    found = estimate_up(depth * unit, valid, CAMERA, relative_noise=0.002)
    assert found is not None
    assert angle_deg(found.direction, up) < 0.05
    assert found.support > 0.9
    assert found.error_rad < math.radians(2)


@pytest.mark.parametrize("fall_deg", [2.0, 3.0, 4.0])
def test_up_of_a_road_that_falls_to_both_sides_is_within_its_error_where_surfaces_may_be_uneven(
    fall_deg: float,
) -> None:
    up, right, _ = axes(8)
    turn = math.radians(fall_deg)
    sides = [math.cos(turn) * -up + sign * math.sin(turn) * right for sign in (-1, 1)]
    road = cast(*((side, 1.6) for side in sides))
    even, uneven = (estimate_up(*road, CAMERA, relative_noise=0.004, uneven_rad=error) for error in (0.0, 0.035))
    assert even is not None and uneven is not None
    assert angle_deg(even.direction, up) > 5 * math.degrees(even.error_rad)
    assert angle_deg(uneven.direction, up) < math.degrees(uneven.error_rad) < 8


def test_up_of_two_walls_and_a_ceiling() -> None:
    up, right, away = axes(-15)
    found = estimate_up(
        *cast((up, 1.2), ((away + right) / math.sqrt(2), 3.0), ((away - right) / math.sqrt(2), 2.5)), CAMERA
    )
    assert found is not None
    assert angle_deg(found.direction, up) < 0.1


@pytest.mark.parametrize(
    "planes",
    [
        pytest.param(((axes(-40)[2], 2.0),), id="a wall, seen from below"),
        pytest.param(((axes(0)[2], 2.0),), id="a wall, seen straight"),
        pytest.param(((-axes(30, 25)[0], 2.0),), id="one plane that would need a strange camera"),
        pytest.param(((-axes(20)[0], 1.5), (-axes(45)[0], 2.3)), id="a floor and a large ramp"),
    ],
)
def test_surfaces_without_a_clear_up_give_none(planes: tuple) -> None:
    depth, valid = cast(*planes)
    assert estimate_up(depth, valid, CAMERA) is None


def test_a_ball_and_noise_give_none() -> None:
    v, u = np.mgrid[:240, :320]
    ball = (3 - np.sqrt(np.maximum(0, 1 - ((u - 160) / 120) ** 2 - ((v - 120) / 120) ** 2))).astype(np.float32)
    assert estimate_up(ball, np.hypot(u - 160, v - 120) < 110, CAMERA) is None
    noise = np.random.default_rng(0).uniform(1, 4, (240, 320)).astype(np.float32)
    assert estimate_up(noise, np.ones(noise.shape, bool), CAMERA) is None


@pytest.mark.parametrize("share", [0.0, 0.005])
def test_too_little_depth_gives_none(share: float) -> None:
    depth, valid = cast((-axes(30)[0], 1.5))
    valid &= np.arange(valid.size).reshape(valid.shape) < share * valid.size
    assert estimate_up(depth, valid, CAMERA) is None
    assert support_plane(depth, valid, CAMERA, axes(30)[0]) is None


@pytest.mark.parametrize("unit", [1.0, 20.0])
def test_the_camera_s_height_above_the_largest_level_surface(unit: float) -> None:
    up, _, away = axes(25)
    depth, valid = cast((-up, 1.3), (away, 4.0))
    plane = support_plane(depth * unit, valid, CAMERA, up)
    assert plane is not None
    assert plane.offset == pytest.approx(1.3 * unit, rel=1e-3)
    np.testing.assert_allclose(plane.normal, up)
    assert 0.3 < plane.inlier_share < 1
    np.testing.assert_allclose(plane.distances(np.array([up, -up])), (plane.offset + 1, plane.offset - 1))


scene_of = cache(partial(rendered_scene, size_px=(320, 240)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, noise, median_deg, largest_deg, most_silent",
    [("exact", 0.002, 0.1, 2.0, 2), ("sensor", 0.005, 0.2, 2.0, 2), ("metres", 0.06, 3.0, 30.0, 10)],
)
def test_up_of_rendered_scenes_is_correct_within_its_error(
    kind: str, noise: float, median_deg: float, largest_deg: float, most_silent: int
) -> None:
    pairs = []
    for seed in range(9000, 9040):
        view = scene_of(seed).view
        depth = monocular_metric(exact_depth(view).values, seed) if kind == "metres" else DEPTHS[kind](view, seed)
        found = estimate_up(depth.values, depth.valid, view.frame.camera, relative_noise=noise)
        if found is not None:
            pairs.append((angle_deg(found.direction, view.up), math.degrees(found.error_rad)))
    angles, errors = np.array(pairs).T
    assert len(angles) >= 40 - most_silent
    assert np.median(angles) < median_deg
    assert angles.max() < largest_deg
    assert (angles < 2 * errors).mean() >= 0.85


def test_up_is_deterministic() -> None:
    depth, valid = cast((-axes(30)[0], 1.5), (axes(30)[2], 4.0))
    depth, valid = (np.kron(array, np.ones((2, 2), array.dtype)) for array in (depth, valid))
    camera = CAMERA.resized(640, 480)
    results = [estimate_up(depth, valid, camera) for _ in range(2)]
    assert results[0] is not None and results[1] is not None
    np.testing.assert_array_equal(results[0].direction, results[1].direction)

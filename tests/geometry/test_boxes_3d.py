from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.geometry.boxes_3d import (
    box_iou_3d,
    box_outline,
    oriented_box,
    points_in_box,
    project_box,
    ray_intervals,
    rotation_angles,
)
from pipeline.records import Box3D
from pipeline.records.camera import Camera

UNIT = Box3D((0, 0, 3), (1, 1, 1))
angles = st.tuples(*(st.floats(-3, 3),) * 3)
sizes = st.tuples(*(st.floats(0.2, 2),) * 3)
shifts = st.tuples(*(st.floats(-1, 1),) * 3)


@given(angles)
def test_the_rotation_is_that_of_the_corners(angle: tuple[float, float, float]) -> None:
    box = Box3D((0.3, -0.2, 2), (1, 2, 3), angle)
    np.testing.assert_allclose(box.rotation, Rotation.from_euler("xyz", angle).as_matrix(), atol=1e-12)
    own = (box.corners_m - box.center_m) @ box.rotation
    np.testing.assert_allclose(np.abs(own), np.broadcast_to((0.5, 1.0, 1.5), (8, 3)), atol=1e-12)


@given(st.tuples(st.floats(-3, 3), st.sampled_from([-math.pi / 2, -0.7, 0, 1.2, math.pi / 2]), st.floats(-3, 3)))
def test_angles_of_a_rotation_give_it_back(angle: tuple[float, float, float]) -> None:
    rotation = Box3D((0, 0, 0), (1, 1, 1), angle).rotation
    again = Box3D((0, 0, 0), (1, 1, 1), rotation_angles(rotation)).rotation
    np.testing.assert_allclose(again, rotation, atol=1e-6)


@pytest.mark.parametrize(
    "first, second, iou",
    [
        (UNIT, UNIT, 1.0),
        (UNIT, replace(UNIT, center_m=(0.5, 0, 3)), 1 / 3),
        (UNIT, replace(UNIT, center_m=(1, 0, 3)), 0.0),
        (UNIT, replace(UNIT, center_m=(5, 0, 3)), 0.0),
        (UNIT, replace(UNIT, size_m=(0.5, 0.5, 0.5)), 1 / 8),
        (UNIT, replace(UNIT, rotation_rad=(0, 0, math.pi / 2)), 1.0),
        (UNIT, replace(UNIT, rotation_rad=(0, 0, math.pi / 4)), (math.sqrt(8) - 2) / (4 - math.sqrt(8))),
        (UNIT, replace(UNIT, size_m=(1, 1, 0)), 0.0),
        (Box3D((0, 0, 0), (2, 2, 1)), Box3D((0.5, 0.5, 0), (1, 1, 3)), 1 / 6),
    ],
)
def test_iou_of_boxes_that_can_be_computed_by_hand(first: Box3D, second: Box3D, iou: float) -> None:
    assert box_iou_3d(first, second) == pytest.approx(iou, abs=1e-9)
    assert box_iou_3d(second, first) == pytest.approx(iou, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(sizes, angles, sizes, angles, shifts)
def test_iou_agrees_with_counting_points(
    size: tuple, angle: tuple, other_size: tuple, other_angle: tuple, shift: tuple
) -> None:
    first, second = Box3D((0, 0, 0), size, angle), Box3D(shift, other_size, other_angle)
    count = 60_000
    own = np.random.default_rng(0).uniform(-0.5, 0.5, (count, 3)) * size
    share = points_in_box(own @ first.rotation.T, second).mean()
    common, total = share * math.prod(size), math.prod(size) + math.prod(other_size)
    sigma = math.prod(size) * math.sqrt(max(share * (1 - share), 1 / count) / count) / (total - common)
    assert abs(box_iou_3d(first, second) - common / (total - common)) < 12 * sigma


@settings(max_examples=60, deadline=None)
@given(sizes, angles, sizes, angles, shifts, angles, st.floats(0.01, 100))
def test_iou_does_not_depend_on_the_frame_or_the_unit(
    size: tuple, angle: tuple, other_size: tuple, other_angle: tuple, shift: tuple, turn: tuple, scale: float
) -> None:
    first, second = Box3D((0, 0, 0), size, angle), Box3D(shift, other_size, other_angle)
    iou = box_iou_3d(first, second)
    rotation = Box3D((0, 0, 0), (1, 1, 1), turn).rotation

    def moved(box: Box3D) -> Box3D:
        return Box3D(
            tuple(scale * (rotation @ box.center_m + (1, 2, 3))),
            tuple(scale * np.array(box.size_m)),
            rotation_angles(rotation @ box.rotation),
        )

    assert box_iou_3d(moved(first), moved(second)) == pytest.approx(iou, abs=1e-6)
    assert box_iou_3d(second, first) == pytest.approx(iou, abs=1e-7)


@pytest.mark.parametrize(
    "point, grow, inside",
    [
        ((0, 0, 3), 0, True),
        ((0.49, 0.49, 3.49), 0, True),
        ((0.51, 0, 3), 0, False),
        ((0.51, 0, 3), 0.02, True),
        ((0, 0, 2.4), 0.05, False),
        ((0, 0, 2.45), -0.1, False),
    ],
)
def test_points_in_a_box(point: tuple, grow: float, inside: bool) -> None:
    assert points_in_box(np.array([point]), UNIT, grow).tolist() == [inside]


def test_points_in_a_turned_box() -> None:
    turned = replace(UNIT, rotation_rad=(0, 0, math.pi / 4))
    assert points_in_box(np.array([(0.65, 0, 3), (0.45, 0.45, 3.0)]), turned).tolist() == [True, False]


@pytest.mark.parametrize(
    "direction, grow, expected",
    [
        ((0, 0, 1), 0, (2.5, 3.5)),
        ((0, 0, 2), 0, (1.25, 1.75)),
        ((0, 0, 1), 0.5, (2, 4)),
        ((0.1, 0, 1), 0, (2.5, 3.5)),
        ((0.16, 0, 1), 0, (2.5, 3.125)),
        ((0.3, 0, 1), 0, None),
        ((0, 1, 0), 0, None),
        ((0, 0, -1), 0, None),
        ((0, 0, 1), 5, (0, 8.5)),
    ],
)
def test_where_a_ray_enters_and_leaves_a_box(direction: tuple, grow: float, expected: tuple | None) -> None:
    found = [float(part[0]) for part in ray_intervals(np.array([direction]), UNIT, grow)]
    assert found == pytest.approx(expected) if expected else np.isnan(found).all()


@given(angles, sizes)
def test_a_ray_s_entry_lies_on_the_box(angle: tuple, size: tuple) -> None:
    box = Box3D((0.1, 0.2, 4), size, angle)
    rays = np.random.default_rng(0).uniform((-0.3, -0.3, 0.7), (0.3, 0.3, 1.3), (50, 3))
    for at in ray_intervals(rays, box):
        points = (rays * at[:, None])[np.isfinite(at)]
        assert points_in_box(points, box, 1e-9).all()
        assert not points_in_box(points, box, -1e-9).any()


@pytest.mark.parametrize(
    "box, expected",
    [
        (Box3D((0, 0, 2), (1, 0.5, 0)), (75, 62.5, 125, 87.5)),
        (Box3D((0, 0, 2.5), (1, 0.5, 1)), (75, 62.5, 125, 87.5)),
        (Box3D((2, 0, 2), (1, 0.5, 0)), (175, 62.5, 200, 87.5)),
        (Box3D((9, 0, 2), (1, 1, 1)), None),
        (Box3D((0, 0, 0.4), (1, 1, 1)), None),
        (Box3D((0, 0, -2), (1, 1, 1)), None),
    ],
)
def test_the_box_of_the_image_around_a_box_in_space(box: Box3D, expected: tuple | None) -> None:
    camera = Camera(100, 100, 99.5, 74.5, 200, 150)
    found = project_box(box, camera)
    assert found == (None if expected is None else pytest.approx(expected))


@given(st.tuples(st.floats(-4, 4), st.floats(-3, 3), st.floats(-1, 6)), st.tuples(*(st.floats(0.3, 4),) * 3), angles)
def test_the_outline_is_that_of_the_rays_that_meet_the_box(
    center: tuple[float, float, float], size: tuple[float, float, float], angle: tuple[float, float, float]
) -> None:
    box, camera = Box3D(center, size, angle), Camera(40, 50, 30, 22, 64, 48)
    v, u = np.mgrid[:48, :64].reshape(2, -1)
    rays = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.size)), axis=1)
    enter, leave = ray_intervals(rays, box)
    if (enter == 0).any():
        # The camera is inside.
        assert not len(box_outline(box, camera))
        return
    meets = np.nan_to_num(leave) > 0.06
    outline = box_outline(box, camera)
    drawn = np.zeros((48, 64), np.uint8)
    if len(outline):
        assert (outline >= -0.5).all() and (outline <= (63.5, 47.5)).all()
        cv2.fillConvexPoly(drawn, np.round(outline * 16).astype(np.int32), 1, shift=4)
    found, square = meets.reshape(48, 64).astype(np.uint8), np.ones((3, 3), np.uint8)
    # Pixels at the outline may be either.
    assert (found <= cv2.dilate(drawn, square)).all()
    assert (cv2.erode(drawn, square) <= cv2.dilate(found, square)).all()


def test_an_outline_is_cut_by_the_image_and_not_its_corners_pushed_to_the_edge() -> None:
    # A wall along the left side, from before the camera to 8 m: its near end lies far outside, to the left and below.
    box, camera = Box3D((-2, 1, 4.5), (0.2, 1, 7)), Camera(100, 100, 49.5, 39.5, 100, 80)
    outline = box_outline(box, camera)
    assert outline[:, 0].min() == -0.5 and outline[:, 0].max() == pytest.approx(49.5 - 100 * 1.9 / 8)
    # Its right face, x = -1.9, leaves the image where z is 3.8; its lower edge is 1.5 m below the camera there.
    assert outline[:, 1].max() == pytest.approx(39.5 + 100 * 1.5 / 3.8)
    behind = box_outline(Box3D((-2, 1, 0), (0.2, 1, 16)), camera)
    assert behind[:, 1].max() == pytest.approx(39.5 + 100 * 1.5 / 3.8) and behind[:, 0].max() < 30
    assert not len(box_outline(Box3D((0, 0, -5), (1, 1, 1)), camera))
    assert not len(box_outline(Box3D((9, 0, 5), (1, 1, 1)), camera))


def surface(box: Box3D, faces: tuple[tuple[int, int], ...], count: int = 400) -> np.ndarray:
    """Evenly spread points of some faces (axis, side) of a box."""
    rng = np.random.default_rng(2)
    parts = []
    for axis, side in faces:
        own = rng.uniform(-0.5, 0.5, (count, 3))
        own[:, axis] = side / 2
        parts.append(own * box.size_m)
    return np.concatenate(parts) @ box.rotation.T + box.center_m


def upright(yaw: float, up: np.ndarray) -> tuple[float, float, float]:
    """Angles of a box whose z axis points up, turned about it."""
    tilt = Rotation.align_vectors(up[None], np.array([[0.0, 0.0, 1.0]]))[0]
    return rotation_angles((tilt * Rotation.from_euler("z", yaw)).as_matrix())


def yaw_error_deg(first: Box3D, second: Box3D) -> float:
    turn = first.rotation.T @ second.rotation
    angle = math.degrees(math.atan2(turn[1, 0], turn[0, 0])) % 90
    return min(angle, 90 - angle)


@pytest.mark.parametrize("yaw_deg", [0, 17, 45, 80])
@pytest.mark.parametrize("up", [(0, -1, 0), (0.1, -0.8, -0.6)])
@pytest.mark.parametrize(
    "faces", [((2, 1), (0, 1), (1, -1)), ((0, 1), (1, -1)), ((0, 1), (0, -1), (1, 1), (1, -1))], ids=str
)
def test_the_oriented_box_of_visible_faces(yaw_deg: float, up: tuple, faces: tuple) -> None:
    direction = np.array(up) / np.linalg.norm(up)
    truth = Box3D((0.2, 0.1, 2.5), (0.8, 0.4, 0.5), upright(math.radians(yaw_deg), direction))
    points = surface(truth, faces)
    points += np.random.default_rng(1).normal(0, 0.002, points.shape)
    box = oriented_box(points, np.array(up))
    assert box is not None
    np.testing.assert_allclose(box.rotation[:, 2], direction, atol=1e-9)
    assert yaw_error_deg(box, truth) < 1.5
    assert box_iou_3d(box, truth) > 0.93


def test_outliers_do_not_move_the_oriented_box() -> None:
    up = np.array((0, -1.0, 0))
    truth = Box3D((0, 0, 2.5), (0.8, 0.4, 0.5), upright(0.4, up))
    points = surface(truth, ((2, 1), (0, 1), (1, -1)))
    outliers = truth.center_m + np.random.default_rng(0).uniform(-2, 2, (4, 3))
    box = oriented_box(np.concatenate((points, outliers)), up)
    assert box is not None
    assert box_iou_3d(box, truth) > 0.85


def test_the_oriented_box_scales_with_its_points_and_repeats() -> None:
    points = np.random.default_rng(4).normal(size=(500, 3)) * (1, 0.2, 0.5) + (0, 0, 5)
    box, again, larger = (oriented_box(scale * points, np.array((0, -1.0, 0.0))) for scale in (1, 1, 50))
    assert box is not None and larger is not None
    assert box == again
    np.testing.assert_allclose(larger.size_m, 50 * np.array(box.size_m), rtol=0.02)


@pytest.mark.parametrize("count, has_box", [(0, False), (2, False), (3, True)])
def test_too_few_points_have_no_box(count: int, has_box: bool) -> None:
    assert (oriented_box(np.eye(3)[:count], np.array((0, -1.0, 0))) is not None) is has_box


def test_equal_points_have_a_box_without_size() -> None:
    box = oriented_box(np.ones((10, 3)), np.array((0, -1.0, 0)))
    assert box is not None
    np.testing.assert_allclose(box.center_m, 1.0)
    np.testing.assert_allclose(box.size_m, 0.0, atol=1e-12)

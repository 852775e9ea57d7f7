from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.geometry.merge import (
    Agreement,
    agreement,
    contradicts,
    merged,
    moved,
    relative_pose,
    seen_through,
)
from pipeline.records.camera import Camera


def pose(angles: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    made = np.eye(4)
    made[:3, :3] = Rotation.from_euler("xyz", angles).as_matrix()
    made[:3, 3] = shift
    return made


def face(axis: int, side: float, count: int = 300, seed: int = 0) -> np.ndarray:
    """Points of one side of a cube of 0.4 m around (0, 0, 2)."""
    points = np.random.default_rng(seed).uniform(-0.2, 0.2, (count, 3))
    points[:, axis] = 0.2 * side
    return points + np.array((0, 0, 2))


angles = st.tuples(*(st.floats(-3, 3),) * 3)
shifts = st.tuples(*(st.floats(-5, 5),) * 3)


@given(angles, shifts, angles, shifts)
def test_points_of_two_cameras_meet_in_the_reference(
    angle: tuple, shift: tuple, other: tuple, other_shift: tuple
) -> None:
    world = np.random.default_rng(0).normal(size=(20, 3))
    first, second = pose(angle, shift), pose(other, other_shift)
    clouds = [moved(world, np.linalg.inv(camera)) for camera in (first, second)]
    points = merged(clouds, [first, second], first)
    np.testing.assert_allclose(points[:20], clouds[0], atol=1e-9)
    np.testing.assert_allclose(points[20:], clouds[0], atol=1e-9)
    np.testing.assert_allclose(relative_pose(second, first), np.linalg.inv(first) @ second, atol=1e-9)


@pytest.mark.parametrize(
    "second, contradicts_it",
    [
        pytest.param(face(2, -1, seed=1), False, id="the same side"),
        pytest.param(np.concatenate((face(2, -1, seed=1), face(0, 1))), False, id="the same side and another"),
        pytest.param(face(2, -1, seed=1) + np.array((0, 0, 0.01)), False, id="within the error"),
        pytest.param(face(0, 1), False, id="a side that shares an edge"),
        pytest.param(face(2, 1), False, id="the back"),
        pytest.param(face(2, -1, seed=1) + np.array((0, 0, 1.5)), True, id="behind it"),
        pytest.param(face(2, -1, seed=1) + np.array((2, 0, 0)), True, id="beside it"),
        pytest.param(face(2, -1, count=5), False, id="too few points"),
    ],
)
def test_whether_two_clouds_of_one_object_contradict_each_other(second: np.ndarray, contradicts_it: bool) -> None:
    for pair in ((face(2, -1), second), (second, face(2, -1))):
        assert agreement(*pair, 0.01, spread=0.02).is_contradiction is contradicts_it


def test_agreement_holds_the_offset_of_the_clouds() -> None:
    found = agreement(face(2, -1), face(2, -1) + np.array((0, 0, 1.5)), 0.01)
    assert found.offset == pytest.approx(1.5)
    assert agreement(face(0, 1), face(0, 1), 0.01).offset == 0


@pytest.mark.parametrize(
    "point_z, error, share",
    [(1.0, 0.01, 1.0), (2.0, 0.01, 0.0), (3.0, 0.01, 0.0), (1.9, 0.05, 0.0), (1.9, 0.01, 1.0)],
)
def test_a_frame_looks_through_points_before_its_depth(point_z: float, error: float, share: float) -> None:
    camera = Camera(50, 50, 19.5, 14.5, 40, 30)
    depth, valid = np.full((30, 40), 2.0, np.float32), np.ones((30, 40), bool)
    points = np.column_stack((np.random.default_rng(0).uniform(-0.2, 0.2, (50, 2)), np.full(50, point_z)))
    assert seen_through(points, depth, valid, camera, error) == share


def test_points_outside_the_image_or_its_depth_are_not_evidence() -> None:
    camera = Camera(50, 50, 19.5, 14.5, 40, 30)
    depth, valid = np.full((30, 40), 2.0, np.float32), np.ones((30, 40), bool)
    beside, behind, before = (np.tile(point, (40, 1)) for point in ((50.0, 0, 1), (0, 0, -1.0), (0, 0, 1.0)))
    for points, known in ((beside, valid), (behind, valid), (before, ~valid), (before[:5], valid)):
        assert seen_through(points, depth, known, camera, 0.01) is None


@pytest.mark.parametrize(
    "by_distance, through, expected",
    [
        (False, (0.0, 0.1), False),
        (False, (0.9, None), True),
        (False, (None, None), False),
        (True, (None, None), True),
    ],
)
def test_frames_contradict_by_distance_or_by_looking_through(by_distance: bool, through: tuple, expected: bool) -> None:
    assert contradicts(Agreement(by_distance, 0.0), through) is expected

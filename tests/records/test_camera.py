from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.backprojection import back_project, project
from pipeline.records.camera import Camera, CameraSource
from pipeline.records.errors import RecordError

lengths = st.floats(50, 3000)
sides = st.integers(2, 2000)


@st.composite
def cameras(draw: st.DrawFn) -> Camera:
    width, height = draw(sides), draw(sides)
    return Camera(draw(lengths), draw(lengths), draw(st.floats(0, width)), draw(st.floats(0, height)), width, height)


def test_focal_length_of_a_known_field_of_view() -> None:
    camera = Camera.from_fov(101, 51, 90)
    assert camera.fx == pytest.approx(50.5)
    assert (camera.cx, camera.cy) == (50.0, 25.0)
    assert camera.source is CameraSource.ASSUMED


def test_focal_length_from_35mm_equivalent_by_equal_diagonals() -> None:
    # A 4000 x 3000 image has a diagonal of 5000 px; a 36 x 24 frame one of 43.267 mm.
    camera = Camera.from_focal_35mm(4000, 3000, 26.0)
    assert camera.fx == camera.fy == pytest.approx(26.0 * 5000 / 43.2666, rel=1e-5)
    assert (camera.cx, camera.cy, camera.source) == (1999.5, 1499.5, CameraSource.EXIF)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0, 1, 0, 0, 4, 4), "positive"),
        ((1, -2, 0, 0, 4, 4), "positive"),
        ((1, 1, float("nan"), 0, 4, 4), "cx"),
        ((1, 1, 0, float("inf"), 4, 4), "cy"),
        ((1, 1, 0, 0, 0, 4), "width"),
        ((1, 1, 0, 0, 4, 2.5), "height"),
        (("wide", 1, 0, 0, 4, 4), "fx"),
        ((10**400, 1, 0, 0, 4, 4), "fx"),
        ((1, 1, 0, 0, "abc", 4), "width must be a finite number of pixels, not 'abc'"),
        ((1, 1, 0, 0, [1], 4), "width"),
        ((1, 1, 0, 0, True, 4), "width"),
        ((1, 1, 0, 0, 10**400, 4), "width"),
        ((1, 1, 0, 0, 4, 10**300), "height must be a whole number of pixels from 1 to"),
        ((1, 1, 0, 0, 4, float("nan")), "height"),
        ((1, 1, 0, 0, 4, 4, "guessed"), "source must be one of given, exif, model, assumed, doubtful, not 'guessed'"),
        ((1, 1, 0, 0, 4, 4, [1]), "source"),
    ],
)
def test_impossible_cameras_are_refused(values: tuple, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        Camera(*values)


@pytest.mark.parametrize("fov_deg", [0, 180, -5, 400])
def test_impossible_fields_of_view_are_refused(fov_deg: float) -> None:
    with pytest.raises(RecordError, match="field of view"):
        Camera.from_fov(10, 10, fov_deg)


@given(cameras(), sides, sides)
def test_resizing_and_back_is_the_same_camera(camera: Camera, width: int, height: int) -> None:
    back = camera.resized(width, height).resized(camera.width, camera.height)
    np.testing.assert_allclose(back.matrix, camera.matrix, rtol=1e-9, atol=1e-6)


@given(cameras(), st.integers(-50, 50), st.integers(-50, 50))
def test_cropping_and_back_is_the_same_camera(camera: Camera, x: int, y: int) -> None:
    back = camera.cropped(x, y, 20, 20).cropped(-x, -y, camera.width, camera.height)
    np.testing.assert_allclose(back.matrix, camera.matrix, atol=1e-9)


@given(cameras(), st.integers(1, 3))
def test_turning_and_back_is_the_same_camera(camera: Camera, turns: int) -> None:
    back = camera.rotated(turns).rotated(4 - turns)
    np.testing.assert_allclose(back.matrix, camera.matrix, atol=1e-9)
    assert (back.width, back.height) == (camera.width, camera.height)


@given(cameras())
def test_a_resized_camera_sees_a_point_at_the_resized_place(camera: Camera) -> None:
    point = np.array([[0.3, -0.2, 2.0]])
    u, v = project(point, camera)[0]
    u_small, v_small = project(point, camera.resized(camera.width * 3, camera.height * 2))[0]
    assert (u + 0.5) * 3 - 0.5 == pytest.approx(u_small, abs=1e-4)
    assert (v + 0.5) * 2 - 0.5 == pytest.approx(v_small, abs=1e-4)


@given(cameras(), st.integers(0, 3))
def test_a_turned_camera_agrees_with_the_turned_image(camera: Camera, turns: int) -> None:
    camera = Camera(camera.fx, camera.fy, 2.25, 1.5, 6, 4)
    depth = np.linspace(1, 2, 24).reshape(4, 6)
    points = back_project(depth, camera)
    turned_points = back_project(np.rot90(depth, turns), camera.rotated(turns))
    # Ranges do not change when camera and image turn together.
    ranges = np.sort(np.linalg.norm(points, axis=1))
    np.testing.assert_allclose(np.sort(np.linalg.norm(turned_points, axis=1)), ranges, rtol=1e-9)

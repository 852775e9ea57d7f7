from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.geometry.lens import (
    Lens,
    LensModel,
    is_negligible,
    lens_of,
    pixel_maps,
    undistorted_depth,
    undistorted_pixels,
    undistorted_rgb,
)
from pipeline.records import Camera, DepthKind, DepthMap, Sampling, ScaleSource
from pipeline.records.errors import RecordError

CAMERA = Camera(80.0, 78.0, 49.0, 38.5, 100, 80)
BROWN = (-0.28, 0.09, 0.004, -0.006, 0.01, 0.02, -0.01, 0.005)
FISHEYE = (-0.02, 0.03, -0.01, 0.004)
RAYS = np.array([[0.0, 0.0], [0.5, 0.3], [-0.4, 0.1], [0.2, -0.45], [-0.3, -0.3]])


@pytest.mark.parametrize("count", [2, 4, 5, 8])
def test_brown_conrady_is_that_of_opencv(count):
    coefficients = BROWN[:count]
    expected = cv2.projectPoints(
        np.column_stack((RAYS, np.ones(len(RAYS)))),
        np.zeros(3),
        np.zeros(3),
        np.eye(3),
        np.array(BROWN[:count] + (0,) * (8 - count)),
    )[0][:, 0]
    assert Lens("brown_conrady", coefficients).distorted(RAYS) == pytest.approx(expected, abs=1e-9)


def test_fisheye_is_that_of_opencv():
    expected = cv2.fisheye.distortPoints(RAYS[None], np.eye(3), np.array(FISHEYE))[0]
    assert Lens("fisheye", FISHEYE).distorted(RAYS) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("lens", [Lens("brown_conrady", BROWN[:5]), Lens("fisheye", FISHEYE)])
def test_what_a_lens_bends_is_straight_again(lens):
    # Each pixel of the bent image shows the row of the straight one, so a straight one shows its own rows.
    columns, rows = np.meshgrid(np.arange(100.0), np.arange(80.0))
    bent = np.stack(((columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy), axis=-1).reshape(1, -1, 2)
    matrix = np.eye(3)
    if lens.model is LensModel.FISHEYE:
        straight = cv2.fisheye.undistortPoints(bent, matrix, np.array(lens.coefficients))
    else:
        straight = cv2.undistortPoints(bent, matrix, np.array(lens.coefficients))
    shown = (straight.reshape(80, 100, 2)[..., 1] * CAMERA.fy + CAMERA.cy + 60).astype(np.float32)
    depth = undistorted_depth(DepthMap.from_values(shown, "metric", "sensor"), CAMERA, lens)
    inner = slice(25, 55), slice(30, 70)
    assert np.abs(depth.values - (rows + 60))[inner].max() < 1.0
    grey = np.repeat(np.clip(shown, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert np.abs(undistorted_rgb(grey, CAMERA, lens)[..., 0].astype(float) - (rows + 60))[inner].max() < 2.0


def test_depth_outside_of_what_the_lens_saw_is_not_valid():
    pincushion = Lens("brown_conrady", (0.5,))
    depth = undistorted_depth(DepthMap.from_values(np.ones((80, 100)), "metric", "sensor"), CAMERA, pincushion)
    assert depth.valid[40, 50] and not depth.valid[0, 0]


PRECISE = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 500, 1e-12)


@pytest.mark.parametrize("count", [2, 4, 5, 8])
def test_the_inverse_of_brown_conrady_is_that_of_opencv(count):
    coefficients = np.array(BROWN[:count] + (0,) * (8 - count))
    expected = cv2.undistortPoints(RAYS[:, None], np.eye(3), coefficients, criteria=PRECISE)[:, 0]
    assert Lens("brown_conrady", BROWN[:count]).undistorted(RAYS) == pytest.approx(expected, abs=1e-7)


def test_the_inverse_of_a_fisheye_is_that_of_opencv():
    expected = cv2.fisheye.undistortPoints(RAYS[None], np.eye(3), np.array(FISHEYE), criteria=PRECISE)[0]
    assert Lens("fisheye", FISHEYE).undistorted(RAYS) == pytest.approx(expected, abs=1e-7)


def lenses():
    small, tangential = st.floats(-0.3, 0.3), st.floats(-0.01, 0.01)
    brown = st.tuples(small, st.floats(-0.05, 0.05), tangential, tangential, st.floats(-0.02, 0.02))
    fisheye = st.tuples(st.floats(-0.1, 0.1), *[st.floats(-0.02, 0.02)] * 3)
    return st.one_of(
        st.builds(lambda some: Lens("brown_conrady", some), brown),
        st.builds(lambda some: Lens("fisheye", some), fisheye),
    )


@given(lenses(), st.floats(0, 0.7), st.floats(-np.pi, np.pi))
def test_a_ray_returns_from_where_the_lens_shows_it(lens, radius, angle):
    ray = radius * np.array([[np.cos(angle), np.sin(angle)]])
    assert radius < lens.reach
    assert lens.undistorted(lens.distorted(ray)) == pytest.approx(ray, abs=1e-6)


def test_places_that_no_ray_reaches_have_no_inverse():
    # x (1 - 0.3 x^2) rises up to x = 1 / sqrt(0.9), where it is 0.703.
    barrel = Lens("brown_conrady", (-0.3,))
    assert barrel.reach == pytest.approx(0.9**-0.5, rel=0.01)
    found = barrel.undistorted(np.array([[0.69, 0.0], [0.0, 0.72], [np.nan, 0.0]]))
    assert 0.9 < found[0, 0] < barrel.reach and np.isnan(found[1:]).all()
    # A fisheye shows the angle itself: pi / 2 is the ray at a right angle to the axis.
    assert np.isnan(Lens("fisheye", ()).undistorted(np.array([[1.6, 0.0]]))).all()
    assert Lens("fisheye", ()).undistorted(np.array([[np.pi / 4, 0.0]])) == pytest.approx(np.array([[1.0, 0.0]]))


def test_beyond_its_reach_a_lens_shows_nothing_again():
    wide = Camera(20.0, 20.0, 49.5, 39.5, 100, 80)
    columns, _ = pixel_maps(wide, Lens("brown_conrady", (-0.3,)))
    assert columns[40, 65] > 0 and columns[40, 95] < -1e5
    rgb = np.full((80, 100, 3), 200, np.uint8)
    assert undistorted_rgb(rgb, wide, Lens("brown_conrady", (-0.3,)))[40, 95].tolist() == [0, 0, 0]


@pytest.mark.parametrize("lens", [Lens("brown_conrady", BROWN), Lens("fisheye", FISHEYE)])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_lens_shows_the_turned_ray_where_the_turned_image_has_it(lens, turns):
    # A quarter turn takes pixel (u, v) to (v, width - 1 - u), and so the ray (x, y) to (y, -x).
    turn = np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), turns)
    assert lens.rotated(turns).distorted(RAYS @ turn.T) == pytest.approx(lens.distorted(RAYS) @ turn.T)


def test_single_returns_stay_single_and_move_as_their_pixels_do():
    values, valid = np.zeros((80, 100), np.float32), np.zeros((80, 100), bool)
    for row, column, z in ((40, 50, 1.0), (20, 20, 2.0), (60, 85, 3.0)):
        values[row, column], valid[row, column] = z, True
    sampling = Sampling(9, 9, is_scattered=True)
    depth = DepthMap(values, valid, DepthKind.METRIC, ScaleSource.SENSOR, sampling=sampling)
    lens = Lens("brown_conrady", BROWN[:5])
    straight = undistorted_depth(depth, CAMERA, lens)
    assert straight.sampling == sampling and np.count_nonzero(straight.valid) == 3
    for row, column, z in ((40, 50, 1.0), (20, 20, 2.0), (60, 85, 3.0)):
        ((u, v),) = np.rint(undistorted_pixels(np.array([[column, row]]), CAMERA, lens)).astype(int)
        assert straight.values[v, u] == z


def test_a_lens_without_distortion_is_none_and_a_weak_one_negligible():
    assert lens_of((0, 0.0)) is None
    assert lens_of((0, 0, 0, 0), LensModel.FISHEYE) == Lens("fisheye", ()), "an equidistant fisheye is no pinhole"
    assert is_negligible(CAMERA, Lens("brown_conrady", (1e-5,)))
    assert not is_negligible(CAMERA, Lens("brown_conrady", (0.05,)))


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [("pinhole", ()), ("fisheye", (0,) * 5), ("brown_conrady", (0,) * 9), ("fisheye", (float("nan"),))],
)
def test_a_lens_of_other_numbers_is_refused(model, coefficients):
    with pytest.raises(RecordError):
        Lens(model, coefficients)

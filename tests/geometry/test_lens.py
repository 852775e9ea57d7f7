from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.geometry.lens import Lens, LensModel, is_negligible, lens_of, undistorted_depth, undistorted_rgb
from pipeline.records import Camera, DepthMap
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


def test_a_lens_without_distortion_is_none_and_a_weak_one_negligible():
    assert lens_of((0, 0.0)) is None
    assert is_negligible(CAMERA, Lens("brown_conrady", (1e-5,)))
    assert not is_negligible(CAMERA, Lens("brown_conrady", (0.05,)))


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [("pinhole", ()), ("fisheye", (0,) * 5), ("brown_conrady", (0,) * 9), ("fisheye", (float("nan"),))],
)
def test_a_lens_of_other_numbers_is_refused(model, coefficients):
    with pytest.raises(RecordError):
        Lens(model, coefficients)

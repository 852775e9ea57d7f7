from __future__ import annotations

import numpy as np
import pytest

from pipeline.geometry.backprojection import back_project, project
from pipeline.records.camera import Camera

CAMERA = Camera(525.0, 520.0, 319.5, 239.25, 640, 480)


@pytest.fixture
def depth() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.4, 6, (480, 640)).astype(np.float32)


def test_masked_points_are_those_of_the_whole_map(depth: np.ndarray) -> None:
    mask = np.zeros(depth.shape, bool)
    mask[100:200, 50:300] = True
    np.testing.assert_array_equal(back_project(depth, CAMERA, mask), back_project(depth, CAMERA)[mask.ravel()])


def test_points_project_to_their_pixels(depth: np.ndarray) -> None:
    rows, columns = np.divmod(np.arange(depth.size), 640)
    pixels = project(back_project(depth, CAMERA), CAMERA)
    np.testing.assert_allclose(pixels, np.stack((columns, rows), axis=1), atol=1e-4)


def test_points_behind_the_camera_have_no_pixel() -> None:
    assert np.isnan(project(np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]), CAMERA)).all()


def test_agrees_with_open3d(depth: np.ndarray) -> None:
    open3d = pytest.importorskip("open3d", exc_type=ImportError)
    intrinsics = open3d.camera.PinholeCameraIntrinsic(640, 480, CAMERA.matrix)
    cloud = open3d.geometry.PointCloud.create_from_depth_image(
        open3d.geometry.Image(depth), intrinsics, depth_scale=1.0, depth_trunc=100.0
    )
    np.testing.assert_allclose(back_project(depth, CAMERA), np.asarray(cloud.points), atol=1e-4)

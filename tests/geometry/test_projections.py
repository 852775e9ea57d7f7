from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.geometry.backprojection import project
from pipeline.geometry.projections import moved, rasterised, split_projection
from pipeline.records.camera import Camera
from pipeline.records.errors import RecordError

CAMERA = Camera(500, 510, 81, 62, 160, 120)


@pytest.mark.parametrize("shift", [None, (0.1, -0.2, 0.3)])
@pytest.mark.parametrize("sign", [1.0, -2.0])
def test_a_projection_splits_into_camera_and_pose(shift: tuple[float, ...] | None, sign: float) -> None:
    rotation = Rotation.from_euler("xyz", (1.5, 0.2, -0.3)).as_matrix()
    pose = np.eye(4)
    pose[:3, :3] = rotation
    projection = CAMERA.matrix @ rotation
    if shift is not None:
        pose[:3, 3] = shift
        projection = CAMERA.matrix @ pose[:3]
    camera, found = split_projection(sign * projection, 160, 120)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((500, 510, 81, 62))
    assert np.allclose(found, pose)
    point = np.array([[0.3, 4.0, -0.5]])
    homogeneous = projection @ (point[0] if shift is None else (*point[0], 1))
    assert np.allclose(project(moved(point, found), camera)[0], homogeneous[:2] / homogeneous[2])


@pytest.mark.parametrize(
    "matrix, words",
    [
        (np.eye(2), "3 x 3"),
        (np.zeros((3, 3)), "regular"),
        (np.array([[500, 50, 80], [0, 500, 60], [0, 0, 1.0]]), "skew"),
    ],
)
def test_other_matrices_are_refused(matrix: np.ndarray, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        split_projection(matrix, 160, 120)


def test_the_nearest_point_of_a_pixel_counts() -> None:
    points = np.array([(0, 0, 4), (0, 0, 2), (0, 0, -1), (99, 0, 1), (0.1, 0, 5)])
    camera = Camera(50, 50, 80, 60, 160, 120)
    depth, valid = rasterised(points, camera)
    assert valid.sum() == 2 and depth[60, 80] == 2 and depth[60, 81] == 5
    wide, valid = rasterised(points, camera, radius_px=1)
    assert valid.sum() == 12 and wide[60, 81] == 2 and wide[61, 82] == 5


def test_no_points_give_no_depth() -> None:
    depth, valid = rasterised(np.empty((0, 3)), CAMERA)
    assert depth.shape == (120, 160) and not valid.any()

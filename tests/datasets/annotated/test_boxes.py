from __future__ import annotations

import numpy as np
import pytest
from files_of_sets import HEIGHT, WIDTH

from pipeline.datasets.annotated.boxes import box_in_camera, occlusions_of_boxes, projected_box
from pipeline.datasets.annotated.objects import object_of_box
from pipeline.records import Box3D, Camera

CAMERA = Camera(200, 200, 79.5, 59.5, WIDTH, HEIGHT)


def test_a_box_is_projected_and_cut_off() -> None:
    # The near face of the box decides: x from -1 to 1 at z = 4 is 79.5 -+ 50, plus half a pixel.
    assert projected_box(Box3D((0, 0, 5), (2, 1, 2)), CAMERA) == pytest.approx((30, 35, 130, 85))
    # It ends at x = -1, seen farthest right on its far face at z = 6.
    cut = projected_box(Box3D((-2, 0, 5), (2, 1, 2)), CAMERA)
    assert cut == pytest.approx((0, 35, 80 - 200 / 6, 85))
    # The camera is inside; the box is seen only from the side that is behind the camera.
    assert projected_box(Box3D((0, 0, 0.5), (2, 1, 2)), CAMERA) is None
    assert projected_box(Box3D((0, 0, -1.5), (2, 1, 2)), CAMERA) is None
    # A wall at the left that goes on behind the camera: it ends 2 m below the camera at z = 5, where the image ends.
    wall = projected_box(Box3D((-2.1, 1, 4), (0.2, 1, 16)), CAMERA)
    assert wall == pytest.approx((0, 60 + 100 / 12, 80 - 400 / 12, 60 + 200 * 1.5 / 5))
    assert projected_box(Box3D((50, 0, 5), (2, 1, 2)), CAMERA) is None


@pytest.mark.parametrize(
    "back_x_m, back_z_m, hidden, expected",
    [
        (0.0, 8.0, None, True),
        (0.0, 8.0, True, True),
        # The annotation says that nothing of it is hidden.
        (0.0, 8.0, False, None),
        # Not behind with all of it.
        (0.0, 4.5, None, None),
        # Only a small part of its outline is covered.
        (1.7, 8.0, None, None),
    ],
)
def test_only_clear_geometry_tells_who_hides_whom(
    back_x_m: float, back_z_m: float, hidden: bool | None, expected: bool | None
) -> None:
    boxes = {"front": Box3D((0, 0, 4), (1, 1, 1)), "back": Box3D((back_x_m, 0, back_z_m), (2, 2, 2))}
    objects = [object_of_box(label, projected_box(box, CAMERA) or (0, 0, 1, 1), box) for label, box in boxes.items()]
    found = occlusions_of_boxes(objects, CAMERA, {} if hidden is None else {"back": hidden})
    margin = found.get(("front", "back"))
    assert (None if margin is None else margin > 0) is expected
    if expected:
        assert found["back", "front"] == -margin  # type: ignore[operator]


@pytest.mark.parametrize(
    "rotation",
    [
        np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0], [0.48, 0.64, 0.6]]),
        # The angle about y is a right one, to either side.
        np.array([[0, 0, 1], [0.6, 0.8, 0], [-0.8, 0.6, 0]]),
        np.array([[0, 0, -1], [-0.6, 0.8, 0], [0.8, 0.6, 0]]),
    ],
)
def test_a_turned_box_keeps_its_corners(rotation: np.ndarray) -> None:
    box = box_in_camera(np.array([1.0, 2, 3]), np.array([2.0, 4, 6]), rotation)
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)])
    assert np.allclose(box.corners_m, signs @ rotation.T + (1, 2, 3))

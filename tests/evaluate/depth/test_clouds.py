from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluate.depth.clouds import cloud_moments, pixel_clouds
from pipeline.evaluate.depth.metrics import metrics_of
from pipeline.records.camera import Camera

LATTICE = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0), [3.0]), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize(
    "moved, chamfer, f_score",
    [
        ((0, 0, 0), 0, 1),
        ((0, 0, 0.09), 0.09, 1),
        ((0, 0, 0.11), 0.11, 0),
        # Moved by one step of the lattice: 4 of 5 columns match, the last is one step away.
        ((1, 0, 0), 0.2, 0.8),
    ],
)
def test_a_cloud_moved_by_a_known_length(moved: tuple, chamfer: float, f_score: float) -> None:
    found = metrics_of(cloud_moments(LATTICE + moved, LATTICE, 0.1))
    assert found["chamfer"] == pytest.approx(chamfer)
    assert found["cloud_f"] == pytest.approx(f_score)


def test_both_ways_count() -> None:
    # All predicted points lie on one true point: all match, but only one true point does.
    predicted, true = np.zeros((4, 3)), np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], float)
    found = metrics_of(cloud_moments(predicted, true, 0.5))
    assert found["chamfer"] == pytest.approx((0 + 6 / 4) / 2)
    assert found["cloud_f"] == pytest.approx(2 * 1 * 0.25 / 1.25)


def test_points_are_those_of_the_camera() -> None:
    camera = Camera(10, 20, 1, 2, width=4, height=5)
    rows, columns = np.array([2, 4]), np.array([1, 3])
    predicted, true = pixel_clouds(columns, rows, np.array([5.0, 2.0]), np.array([4.0, 3.0]), camera)
    np.testing.assert_allclose(predicted, [[0, 0, 5], [0.4, 0.2, 2]])
    np.testing.assert_allclose(true, [[0, 0, 4], [0.6, 0.3, 3]])

from __future__ import annotations

import numpy as np
import pytest

from pipeline.geometry.registration import registered_depth
from pipeline.records import Camera, DepthMap


def test_a_plane_stays_where_it_is_in_the_view_of_a_camera_beside():
    depth_camera, camera = Camera(60, 60, 39.5, 29.5, 80, 60), Camera(120, 120, 79.5, 59.5, 160, 120)
    values = np.full((60, 80), 2.0, np.float32)
    values[20:30, 30:40] = 1.0
    to_camera = np.eye(4)
    to_camera[0, 3] = 0.1
    found = registered_depth(DepthMap.from_values(values, "metric", "sensor"), depth_camera, camera, to_camera)
    assert found.shape == (48, 64)
    # The block at 1 m moves by 0.1 * fx / 1 m; fx of the result is 48 px.
    rows, columns = np.nonzero(found.valid & (found.values < 1.5))
    expected = np.array([29.5, 39.5]) * 0.8 - 0.1 + 4.8
    assert (columns.min(), columns.max()) == pytest.approx(expected, abs=1.2)
    assert (rows.min(), rows.max()) == pytest.approx(np.array([19.5, 29.5]) * 0.8 - 0.1, abs=1.2)
    seen = found.valid[:, 8:56]
    assert seen.mean() > 0.93, "only what the block hides from one camera is unknown"


def test_depth_seen_from_farther_away_is_larger():
    camera = Camera(60, 60, 39.5, 29.5, 80, 60)
    to_camera = np.eye(4)
    to_camera[2, 3] = 0.5
    found = registered_depth(
        DepthMap.from_values(np.full((60, 80), 2.0), "metric", "sensor"), camera, camera, to_camera
    )
    assert found.values[found.valid] == pytest.approx(2.5)

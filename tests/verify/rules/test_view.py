"""One frame: which errors and which way up it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scenes

from pipeline.geometry.scattered import depth_of_returns
from pipeline.records import DepthMap
from pipeline.records.noise import SCANNER, SENSOR
from pipeline.verify.rules.view import FrameView

HORIZON_ROW, HEIGHT_M = 30, 1.5


def ground() -> np.ndarray:
    """z of level ground below the horizon of a camera that is held level, float32 (H, W) [m]; 0 above."""
    rows = np.arange(scenes.HEIGHT)[:, None] - HORIZON_ROW
    z = scenes.CAMERA.fy * HEIGHT_M / np.maximum(rows, 1)
    return np.where(rows > 5, z, 0).repeat(scenes.WIDTH, axis=1).astype(np.float32)


def view(depth: DepthMap) -> FrameView:
    frame = scenes.scene().frames[0]
    return FrameView(replace(frame, camera=replace(frame.camera, cy=float(HORIZON_ROW))), depth)


def test_returns_of_a_scanner_have_its_errors_and_see_ground_that_may_be_uneven() -> None:
    z = ground()
    hit = np.zeros(z.shape, bool)
    hit[::3, ::2] = z[::3, ::2] > 0
    dense = view(DepthMap.from_values(z, "metric", "sensor"))
    scanned = view(depth_of_returns(np.where(hit, z, 0).astype(np.float32), hit, "lidar"))
    assert (dense.noise, scanned.noise) == (SENSOR, SCANNER)
    for found in (dense.up, scanned.up):
        assert found is not None
        np.testing.assert_allclose(found.direction, (0, -1, 0), atol=0.01)
    assert dense.up.error_rad < 0.02 < scanned.up.error_rad < 0.1

from __future__ import annotations

import numpy as np

from pipeline.ingest.lidar import scanned_frame
from pipeline.records.camera import Camera

CAMERA = Camera(50, 50, 80, 60, 160, 120)


def test_returns_are_scattered_depth_of_a_sensor() -> None:
    points = np.array([(0, 0, 4.0), (0, 0, 2.0), (2.0, 0, 5.0)])
    frame = scanned_frame(np.zeros((120, 160, 3), np.uint8), CAMERA, points, name="street")
    depth = frame.given_depth
    assert depth is not None and depth.sampling is not None and depth.sampling.is_scattered
    assert depth.backend == "lidar" and frame.name == "street"
    assert depth.valid.sum() == 2 and depth.values[60, 80] == 2 and depth.values[60, 100] == 5

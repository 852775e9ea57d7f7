"""Returns of a scanner as depth of an image."""

from __future__ import annotations

import numpy as np

from pipeline.geometry.projections import rasterised
from pipeline.geometry.scattered import depth_of_returns
from pipeline.records import Camera, Frame


def scanned_frame(rgb: np.ndarray, camera: Camera, points_m: np.ndarray, *, name: str, backend: str = "lidar") -> Frame:
    """An image with the returns of a scanner, one pixel each, see ``rasterised``."""
    depth = depth_of_returns(*rasterised(points_m, camera), backend)
    return Frame(rgb, camera, given_depth=depth, name=name)

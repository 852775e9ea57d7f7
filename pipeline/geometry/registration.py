"""Depth of one camera as another camera beside it sees it.

Convention: OpenCV axes; a pose takes points from the first camera's frame into the second's, in metres.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.geometry.backprojection import back_project
from pipeline.geometry.projections import moved, rasterised
from pipeline.records.camera import Camera
from pipeline.records.depth import DepthMap, Sampling

# Points are drawn into a grid this much coarser than that of the depth, so that rounding leaves no holes between them.
_COARSER = 0.8


def registered_depth(depth: DepthMap, depth_camera: Camera, camera: Camera, to_camera: np.ndarray) -> DepthMap:
    """The depth map in the view of another camera, at about its own resolution.

    Of several measurements on one pixel, the nearest counts. The result has no confidence.

    Args:
        depth: Metric z-depth of ``depth_camera``.
        depth_camera: Intrinsics of the depth's own size.
        camera: Intrinsics of the other camera.
        to_camera: float (4, 4), from the frame of ``depth_camera`` into that of ``camera`` [m].

    Returns:
        A map of the other camera's view, as many pixels wide as the depth's resolution fills.
    """
    share = min(1.0, _COARSER * depth_camera.fx / camera.fx)
    target = camera.resized(max(1, round(camera.width * share)), max(1, round(camera.height * share)))
    points = moved(back_project(depth.values, depth_camera, depth.valid), to_camera)
    values, valid = rasterised(points, target)
    return replace(depth, values=values, valid=valid, confidence=None, sampling=Sampling())

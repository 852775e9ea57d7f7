"""Raw recordings of NYU Depth v2, registered as the authors' toolbox does (Silberman et al. 2012).

Both lenses are undone, and depth is moved from the infrared into the colour camera (camera_params.m,
project_depth_map.m); where two points meet in one pixel, the nearer counts.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from pipeline.datasets.formats.rgbd_files import FrameFiles, read_frame
from pipeline.geometry.projections import rasterised
from pipeline.records import Camera, DepthMap, Frame

COLOR_CAMERA = Camera(518.857901, 519.469611, 325.582449, 253.736166, 640, 480)
"""Intrinsics of the colour camera, of the authors' toolbox (camera_params.m) [px]."""
DEPTH_CAMERA = Camera(582.624482, 582.691033, 313.044759, 238.443896, 640, 480)
"""Intrinsics of the infrared camera [px]."""
# Distortion of both lenses as OpenCV orders it: k1, k2, p1, p2, k3.
_COLOR_LENS = np.array(
    [2.0796615318809061e-01, -5.8613825163911781e-01, 7.2231363135888329e-04, 1.0479627195765181e-03,
     4.9856986684705107e-01]
)  # fmt: skip
_DEPTH_LENS = np.array(
    [-9.9897236553084481e-02, 3.9065324602765344e-01, 1.9290592870229277e-03, -1.9422022475975055e-03,
     -5.1031725053400578e-01]
)  # fmt: skip
# From the infrared to the colour camera. The toolbox writes both with the opposite sign, which puts points behind the
# camera but on the same pixels, and calls the second and third part of the shift z and y.
_ROTATION = np.array(
    [[9.9997798940829263e-01, 5.0518419386157446e-03, 4.3011152014118693e-03],
     [-5.0359919480810989e-03, 9.9998051861143999e-01, -3.6879781309514218e-03],
     [-4.3196624923060242e-03, 3.6662365748484798e-03, 9.9998394948385538e-01]]
).T  # fmt: skip
_SHIFT_M = -np.array([2.5031875059141302e-02, -2.9342312935846411e-04, 6.6238747008330102e-04])


def read_registered(image: Path, depth: Path, name: str, farthest_m: float) -> tuple[Frame, np.ndarray, np.ndarray]:
    """A raw image and its depth, both in the undistorted colour camera.

    Args:
        image: File ``r-TIME-TICKS.ppm``.
        depth: File ``d-TIME-TICKS.pgm``, raw numbers of the first Kinect.
        name: Name of the frame.
        farthest_m: Depth beyond this is discarded [m].

    Returns:
        The image without depth; z, float32 (H, W) [m]; and bool (H, W), where z is known and the image is not black.

    Raises:
        InputError: If a file is damaged.
    """
    described = {
        "camera": {key: getattr(COLOR_CAMERA, key) for key in ("fx", "fy", "cx", "cy")},
        "depth": {"encoding": "kinect", "farthest_m": farthest_m},
    }
    stored = read_frame(FrameFiles(depth.parent, name, image, depth, described))
    measured = stored.given_depth
    assert measured is not None
    camera = COLOR_CAMERA.resized(stored.width, stored.height)
    rgb = cv2.undistort(stored.rgb, camera.matrix, _COLOR_LENS)
    values, known = rasterised(points_of_depth(measured), camera)
    # The undistorted image is black where the lens saw nothing.
    seen = cv2.undistort(np.ones(measured.shape, np.float32), camera.matrix, _COLOR_LENS) > 0.999
    return Frame(np.asarray(rgb, dtype=np.uint8), camera, name=name), values, known & seen


def points_of_depth(depth: DepthMap) -> np.ndarray:
    """Points of the infrared camera's depth in the frame of the colour camera.

    Args:
        depth: z of the infrared camera [m], its lens not undone.

    Returns:
        float64 (N, 3) [m], one for each valid pixel.
    """
    rays = _rays(*depth.shape)[depth.valid]
    z_m = depth.values[depth.valid].astype(np.float64)
    points = np.stack((rays[:, 0] * z_m, rays[:, 1] * z_m, z_m), axis=1)
    moved: np.ndarray = points @ _ROTATION.T + _SHIFT_M
    return moved


@lru_cache(maxsize=4)
def _rays(height: int, width: int) -> np.ndarray:
    """Viewing directions x / z and y / z of the pixels of the infrared camera, float64 (H, W, 2)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    pixels = np.stack((columns, rows), axis=-1).reshape(-1, 1, 2)
    straight = cv2.undistortPoints(pixels, DEPTH_CAMERA.resized(width, height).matrix, _DEPTH_LENS)
    return np.asarray(straight).reshape(height, width, 2)

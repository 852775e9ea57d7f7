"""NYU Depth v2, the raw recordings of the first Kinect (Silberman et al. 2012). Free for research.

Format, from https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html: one folder per scene with images
``r-TIME-TICKS.ppm`` and depth ``d-TIME-TICKS.pgm``, which were not taken at the same moments: TIME [s] joins them.
Depth is uint16 of the infrared camera, low byte first in a format that has the high byte first;
``351.3 / (1092.5 - number)`` is z [m]. As the authors' toolbox does (camera_params.m, project_depth_map.m), both lenses
are undone, and depth is moved into the colour camera; where two points meet in one pixel, the nearer counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from pipeline.datasets.arguments import check_number
from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.formats.points import rasterised
from pipeline.datasets.formats.rgbd_files import FrameFiles, read_frame
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth
from pipeline.datasets.nyu import COLOR_CAMERA
from pipeline.datasets.reading import check_count, existing_folder
from pipeline.datasets.registration import associate, every
from pipeline.records import DepthMap, Frame
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError

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
# From the infrared to the colour camera. The toolbox writes both with the opposite sign, under which points lie behind
# the camera and fall on the same pixels; it names the second and third part of the shift z and y.
_ROTATION = np.array(
    [[9.9997798940829263e-01, 5.0518419386157446e-03, 4.3011152014118693e-03],
     [-5.0359919480810989e-03, 9.9998051861143999e-01, -3.6879781309514218e-03],
     [-4.3196624923060242e-03, 3.6662365748484798e-03, 9.9998394948385538e-01]]
).T  # fmt: skip
_SHIFT_M = -np.array([2.5031875059141302e-02, -2.9342312935846411e-04, 6.6238747008330102e-04])
_TIME = re.compile(r"[rd]-(\d+\.\d+)-\d+\Z")
_HOW = "unpack raw recordings of https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html there"


@dataclass(frozen=True)
class _Moment:
    time_s: float
    file: Path


class NyuRaw(ListedDataset):
    """Raw recordings of NYU Depth v2, one group per scene.

    Args:
        path: A scene's folder, or one that holds scenes at any depth.
        most_apart_s: Longest time between an image and its depth [s].
        farthest_m: Depth beyond this is not believed [m]; the toolbox's limit is 10.
        step: Every so manieth pair of a scene is taken.
        limit: Most samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no pair.
        ConfigError: If an argument is not usable.
    """

    name = "nyu_v2_raw"

    def __init__(
        self,
        path: str | Path,
        *,
        most_apart_s: float = 0.05,
        farthest_m: float = 10.0,
        step: int = 1,
        limit: int | None = None,
    ) -> None:
        for key, value in (("most_apart_s", most_apart_s), ("farthest_m", farthest_m)):
            check_number(key, value)
        check_count("step", step, 1)
        self.farthest_m = float(farthest_m)
        folder = existing_folder(path, "raw recordings of NYU Depth v2", _HOW)
        scenes = sorted({file.parent for file in folder.rglob("d-*.pgm")})
        files = [pair for scene in scenes for pair in every(_pairs(scene, folder, most_apart_s), step)]
        super().__init__(
            files, f"{folder} holds no r-TIME-*.ppm with a d-TIME-*.pgm of the same moment; {_HOW}.", limit
        )

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image and its depth, and bring the latter into the former.

        Raises:
            InputError: If a file is damaged.
        """
        described = {
            "camera": {key: getattr(COLOR_CAMERA, key) for key in ("fx", "fy", "cx", "cy")},
            "depth": {"encoding": "kinect", "farthest_m": self.farthest_m},
        }
        stored = read_frame(FrameFiles(entry.depth.parent, entry.name, entry.image, entry.depth, described))
        depth = stored.given_depth
        assert depth is not None
        camera = COLOR_CAMERA.resized(stored.width, stored.height)
        rgb = cv2.undistort(stored.rgb, camera.matrix, _COLOR_LENS)
        values, known = rasterised(points_of_depth(depth), camera)
        frame = Frame(np.asarray(rgb, dtype=np.uint8), camera, name=entry.name)
        # Where the lens saw nothing, the image is black.
        seen = cv2.undistort(np.ones(depth.shape, np.float32), camera.matrix, _COLOR_LENS) > 0.999
        return DepthSample(entry.name, frame, metric_truth(values, known & seen, entry.depth), entry.group)


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
    """Directions, as x / z and y / z, of what each pixel of the infrared camera sees, float64 (H, W, 2)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    pixels = np.stack((columns, rows), axis=-1).reshape(-1, 1, 2)
    straight = cv2.undistortPoints(pixels, DEPTH_CAMERA.resized(width, height).matrix, _DEPTH_LENS)
    return np.asarray(straight).reshape(height, width, 2)


def _pairs(scene: Path, root: Path, most_apart_s: float) -> Sequence[ImageFiles]:
    colors, depths = _moments(scene, "r-*.ppm"), _moments(scene, "d-*.pgm")
    group = scene.relative_to(root).as_posix() if scene != root else scene.name
    pairs = associate([moment.time_s for moment in depths], [moment.time_s for moment in colors], most_apart_s)
    return [
        ImageFiles(f"{group} {depths[at].file.stem[2:]}", group, colors[other].file, depths[at].file)
        for at, other in pairs
    ]


def _moments(scene: Path, pattern: str) -> list[_Moment]:
    found = []
    for file in sorted(scene.glob(pattern)):
        time = _TIME.match(file.stem)
        if time is None:
            raise InputError(f"{file} is not named {pattern[0]}-TIME-TICKS{file.suffix}; give it its name back.")
        found.append(_Moment(float(time[1]), file))
    return found

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.ingest.captures.colmap_files import read_calibration
from pipeline.records.errors import InputError

# Of https://colmap.github.io/format.html, with one more image without points.
CAMERAS = """# Camera list with one line of data per camera:
#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]
1 PINHOLE 3072 2304 2560.56 2561.5 1536 1152
"""
IMAGES = """# Image list with two lines of data per image:
1 0 0 0 1 0.5 -1 2 1 P1180141.JPG
2362.39 248.498 58396 1784.7 268.254 59027
2 0.70710678 0 0 0.70710678 0 0 0 1 sub/P1180142.JPG

"""


def folder(tmp_path: Path, cameras: str = CAMERAS, images: str = IMAGES) -> Path:
    (tmp_path / "cameras.txt").write_text(cameras)
    (tmp_path / "images.txt").write_text(images)
    return tmp_path


def test_cameras_count_from_pixel_centres_and_poses_lead_to_the_world(tmp_path: Path) -> None:
    found = read_calibration(folder(tmp_path))
    camera = found.cameras[1]
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (2560.56, 2561.5, 1535.5, 1151.5)
    assert (camera.width, camera.height) == (3072, 2304)
    number, pose = found.images["P1180141.JPG"]
    # Half a turn about z, so the camera's centre -R^T t is (0.5, -1, -2).
    assert number == 1 and np.allclose(pose, [[-1, 0, 0, 0.5], [0, -1, 0, -1], [0, 0, 1, -2], [0, 0, 0, 1]])
    # A quarter turn about z takes the world's x to the camera's y, so the camera's y is the world's x.
    assert np.allclose(found.images["sub/P1180142.JPG"][1][:3, 1], (1, 0, 0), atol=1e-6)


@pytest.mark.parametrize(
    "cameras, images, words",
    [
        ("1 FISHY 32 24 9 9 9 9", IMAGES, "of model FISHY"),
        ("1 PINHOLE wide", IMAGES, "COLMAP's text format"),
        (CAMERAS, "1 0 0 0 1 0.5 -1", "COLMAP's text format"),
        (CAMERAS, "1 0 0 0 0 0.5 -1 2 1 a.jpg", "COLMAP's text format"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, cameras: str, images: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_calibration(folder(tmp_path, cameras, images))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cameras\.txt"):
        read_calibration(tmp_path)

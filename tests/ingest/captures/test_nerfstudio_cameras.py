from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest.refusals import refused
from PIL import Image

from pipeline.geometry.lens import Lens
from pipeline.ingest.captures.nerfstudio_cameras import camera_and_lens
from pipeline.records import Camera

FILE = Path("transforms.json")
LINEAR = {"fl_x": 60.0, "fl_y": 61.0, "cx": 33.0, "cy": 25.0, "w": 64, "h": 48}
RAYS = np.array([[0.3, -0.2], [-0.4, 0.35]])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize(
    ("values", "camera"),
    [
        (LINEAR, Camera(60, 61, 32.5, 24.5, 64, 48)),
        ({"fl_x": 60}, Camera(60, 60, 31.5, 23.5, 64, 48)),
        ({"fl_y": 60.0, "w": 128.0, "h": 96.0}, Camera(60, 60, 63.5, 47.5, 128, 96)),
        ({"camera_angle_x": 2 * math.atan(0.5)}, Camera(64, 64, 31.5, 23.5, 64, 48)),
        (
            {"camera_angle_x": 2 * math.atan(0.5), "camera_angle_y": 2 * math.atan(0.5)},
            Camera(64, 48, 31.5, 23.5, 64, 48),
        ),
        ({"fl_x": 60, "camera_angle_x": 1.0}, Camera(60, 60, 31.5, 23.5, 64, 48)),
    ],
)
def test_intrinsics_and_angles_of_view(photo: Path, values: dict[str, Any], camera: Camera) -> None:
    found, lens, notes = camera_and_lens(values, photo, FILE)
    assert lens is None and notes == ()
    for name in ("fx", "fy", "cx", "cy", "width", "height"):
        assert getattr(found, name) == pytest.approx(getattr(camera, name))


def test_an_angle_beyond_pi_is_in_degrees(photo: Path) -> None:
    camera, _, notes = camera_and_lens({"camera_angle_x": 90.0}, photo, FILE)
    assert camera.fx == pytest.approx(32) and [note.code for note in notes] == ["angle_in_degrees"]
    assert camera_and_lens({"camera_angle_x": 90.0, "fl_x": 30}, photo, FILE)[2] == (), "it was not used"


@pytest.mark.parametrize(
    ("values", "lens"),
    [
        ({"k1": -0.2, "k2": 0.05, "p1": 0.01, "p2": -0.02}, Lens("brown_conrady", (-0.2, 0.05, 0.01, -0.02))),
        ({"k1": -0.2, "k3": 0.3, "camera_model": "RADIAL"}, Lens("brown_conrady", (-0.2, 0, 0, 0, 0.3))),
        (
            {"k1": 1.0, "k2": 2.0, "k3": 3.0, "k4": 4.0, "camera_model": "FULL_OPENCV"},
            Lens("brown_conrady", (1, 2, 0, 0, 3, 4)),
        ),
        ({"k4": 4.0, "k5": 5.0, "k6": 6.0}, Lens("brown_conrady", (0, 0, 0, 0, 0, 4, 5, 6))),
        ({"k1": 0.1, "k4": 0.4, "p1": 6e-5, "camera_model": "OPENCV_FISHEYE"}, Lens("fisheye", (0.1, 0, 0, 0.4))),
        ({"camera_model": "OPENCV_FISHEYE"}, Lens("fisheye", ())),
        ({"is_fisheye": True, "k1": 0.1}, Lens("fisheye", (0.1,))),
        ({"k1": 0, "k2": 0.0, "camera_model": "SIMPLE_RADIAL"}, None),
    ],
)
def test_the_distortion_of_each_model(photo: Path, values: dict[str, Any], lens: Lens | None) -> None:
    found = camera_and_lens({**LINEAR, **values}, photo, FILE)[1]
    assert found == lens
    if lens is not None:
        assert found.distorted(RAYS) == pytest.approx(lens.distorted(RAYS))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fl_x": None, "fl_y": None}, "no focal length"),
        ({"fl_x": None, "fl_y": None, "camera_model": "OPENCV_FISHEYE", "camera_angle_x": 1.0}, "no focal length"),
        ({"fl_x": -60}, "unusable camera: Camera focal lengths must be positive"),
        ({"fl_x": math.nan}, "fl_x must be a finite number"),
        ({"fl_x": "60"}, "fl_x must be a number"),
        ({"fl_x": 10**400}, "fl_x must be a finite number"),
        ({"w": 64.5}, "w must be a whole number"),
        ({"w": 0}, "w must be a whole number"),
        ({"w": 10**12, "cx": 5}, "unusable camera"),
        ({"cx": 900}, "principal point"),
        ({"k1": math.inf}, "k1 must be a finite number"),
        ({"k4": 0.1}, "k4 = 0.1"),
        ({"camera_angle_x": 0}, "camera_angle_x must be an angle"),
        ({"camera_angle_x": 400}, "camera_angle_x must be an angle"),
        ({"camera_model": "EQUIRECTANGULAR"}, "of model EQUIRECTANGULAR"),
        ({"camera_model": "ORTHOPHOTO"}, "of model ORTHOPHOTO"),
        ({"camera_model": ["OPENCV"]}, "a camera of model"),
        ({"latlong": True}, "of model latlong"),
        ({"camera_model": "OPENCV_FISHEYE", "p1": 0.1}, "which OPENCV_FISHEYE lacks"),
    ],
)
def test_unusable_cameras_are_refused(photo: Path, values: dict[str, Any], words: str) -> None:
    refused(words, camera_and_lens, {**LINEAR, **values}, photo, FILE)

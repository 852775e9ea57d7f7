from __future__ import annotations

import math
from typing import Any

import pytest

from pipeline.geometry.lens import Lens
from pipeline.ingest.captures.ros_cameras import camera_of
from pipeline.ingest.captures.ros_messages import CameraInfo, Header
from pipeline.records import Camera
from pipeline.records.errors import InputError

K = (500, 0, 320, 0, 510, 240, 0, 0, 1)
P = (450, 0, 310, -30, 0, 460, 230, 0, 0, 0, 1, 0)


def info(**changes: Any) -> CameraInfo:
    values = {"model": "plumb_bob", "distortion": (), "intrinsics": K, "projection": P} | changes
    return CameraInfo(Header(0, "camera"), 480, 640, **values)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Camera(500, 510, 320, 240, 640, 480)),
        ({"binning": (1, 1)}, Camera(500, 510, 320, 240, 640, 480)),
        # The centre of the bin of pixels 0 and 1 lies at 0.5 of the full image.
        ({"binning": (2, 2)}, Camera(250, 255, 159.75, 119.75, 320, 240)),
        ({"binning": (2, 0)}, Camera(250, 510, 159.75, 240, 320, 480)),
        ({"region": (100, 40, 200, 300)}, Camera(500, 510, 220, 200, 300, 200)),
        ({"region": (100, 40, 200, 300), "binning": (2, 2)}, Camera(250, 255, 109.75, 99.75, 150, 100)),
    ],
)
def test_regions_are_cut_out_before_pixels_are_binned(changes: dict[str, Any], expected: Camera) -> None:
    assert camera_of(info(**changes)) == (expected, None)


def test_rectified_images_have_the_camera_of_p_and_no_lens() -> None:
    bent = info(distortion=(0.1, 0, 0, 0, 0))
    assert camera_of(bent, is_rectified=True) == (Camera(450, 460, 310, 230, 640, 480), None)
    # A driver that leaves P empty.
    assert camera_of(info(projection=(0,) * 12), is_rectified=True) == (Camera(500, 510, 320, 240, 640, 480), None)


@pytest.mark.parametrize(
    ("model", "numbers", "expected"),
    [
        ("plumb_bob", (0.1, -0.2, 0.01, 0.02, 0.3), Lens("brown_conrady", (0.1, -0.2, 0.01, 0.02, 0.3))),
        ("rational_polynomial", (1, 2, 3, 4, 5, 6, 7, 8), Lens("brown_conrady", (1, 2, 3, 4, 5, 6, 7, 8))),
        ("rational_polynomial", (*range(1, 9), 0, 0, 0, 0), Lens("brown_conrady", (1, 2, 3, 4, 5, 6, 7, 8))),
        ("equidistant", (0.1, 0.2, 0.3, 0.4), Lens("fisheye", (0.1, 0.2, 0.3, 0.4))),
        ("Inverse Brown Conrady", (0.1, 0, 0, 0, 0), Lens("brown_conrady", (0.1,))),
        ("Kannala Brandt4", (0.1, 0.2, 0.3, 0.4, 0), Lens("fisheye", (0.1, 0.2, 0.3, 0.4))),
        ("plumb_bob", (0, 0, 0, 0, 0), None),
        ("", (), None),
        ("None", (0, 0, 0, 0, 0), None),
    ],
)
def test_lenses_keep_the_meaning_of_their_coefficients(model: str, numbers: tuple, expected: Lens | None) -> None:
    assert camera_of(info(model=model, distortion=numbers))[1] == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "ftheta", "distortion": (0.1,)}, "distortion of model 'ftheta'"),
        ({"distortion": (math.nan,)}, "distortion"),
        ({"distortion": (0.1, *(0.0,) * 7, 0.1)}, "more than 8"),
        ({"model": "equidistant", "distortion": (0.1,) * 5}, "more than 4"),
        ({"intrinsics": (math.nan, *K[1:])}, "camera_info is unusable"),
        ({"intrinsics": (-5, *K[1:])}, "must be positive"),
        ({"intrinsics": (500, 0, math.inf, 0, 510, 240, 0, 0, 1)}, "camera_info is unusable"),
    ],
)
def test_impossible_numbers_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        camera_of(info(**changes))


def test_a_camera_that_is_not_calibrated_is_unknown() -> None:
    assert camera_of(info(intrinsics=(0,) * 9, model="", distortion=())) == (None, None)

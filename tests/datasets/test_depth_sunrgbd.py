from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import SIZE, depth_m, only, reason

from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.sunrgbd_depth import SunRgbdDepth
from pipeline.records.errors import ConfigError, InputError


def write_depth(file: Path, values_m: np.ndarray) -> Path:
    """PNG whose bits are turned left by three, as the data set's reader turns them back."""
    millimetres = np.round(values_m * 1000).astype(np.uint16)
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), (millimetres << 3) | (millimetres >> 13))
    return file


def save(root: Path, place: str = "kv1/NYUdata/NYU0034") -> Path:
    folder = root / place
    save_image(folder / "image" / "NYU0034.jpg", size=SIZE)
    (folder / "intrinsics.txt").write_text("20.0 0 7.25 \n0 21.0 5.0 \n0 0 1 ")
    measured = depth_m()
    measured[:2] = 0
    write_depth(folder / "depth_bfx" / "NYU0034.png", depth_m())
    return write_depth(folder / "depth" / "NYU0034.png", measured)


def test_bits_are_turned_back_into_millimetres(tmp_path: Path) -> None:
    save(tmp_path)
    sample = only(SunRgbdDepth(tmp_path))
    assert sample.name == sample.group == "kv1/NYUdata/NYU0034"
    assert sample.truth.values[3, 5] == pytest.approx(4.05)
    # 12.15 m has set bits that the turn moves from one end to the other.
    assert sample.truth.values[11, 15] == pytest.approx(12.15)
    assert not sample.truth.valid[:2].any() and sample.truth.valid[2:].all()
    assert sample.frame.given_depth is None


def test_the_camera_is_that_of_the_image(tmp_path: Path) -> None:
    save(tmp_path)
    camera = only(SunRgbdDepth(tmp_path)).frame.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((20, 21, 7.25, 5))
    assert (camera.width, camera.height, camera.source) == (*SIZE, "given")


def test_filled_depth_has_no_gaps(tmp_path: Path) -> None:
    save(tmp_path / "SUNRGBD")
    assert only(SunRgbdDepth(tmp_path, depth="filled")).truth.valid.all()


def test_recordings_are_groups_and_other_images_stand_for_themselves(tmp_path: Path) -> None:
    recording = "xtion/sun3ddata/brown_bm_1/brown_bm_1"
    places = [
        "kv2/kinect2data/000002_2014",
        "kv2/kinect2data/000003_2014",
        f"{recording}/0001-1",
        f"{recording}/0002-9",
    ]
    for place in reversed(places):
        save(tmp_path, place)
    # Folders of full resolution have intrinsics too, but no folder of images.
    (tmp_path / places[0] / "fullres").mkdir()
    (tmp_path / places[0] / "fullres" / "intrinsics.txt").write_text("1 0 0 0 1 0 0 0 1")
    data = SunRgbdDepth(tmp_path)
    assert data.names() == places
    samples = [data.read(index) for index in range(4)]
    groups = [sample.group for sample in samples if isinstance(sample, DepthSample)]
    assert groups == [places[0], places[1], recording, recording]
    assert SunRgbdDepth(tmp_path, sensor="kv2", limit=1).names() == places[:1]


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda file: file.write_bytes(b"no image"), "not an image that can be read"),
        (lambda file: file.unlink(), "holds 0 images, not one"),
        (lambda file: write_depth(file, np.zeros((12, 16))), "the depth of no pixel"),
        (lambda file: write_depth(file, np.ones((6, 8))), "they must agree"),
        (lambda file: save_image(file.parents[1] / "image" / "second.jpg"), "holds 2 images, not one"),
        (lambda file: (file.parents[1] / "intrinsics.txt").write_text("1 2"), "holds 2 numbers, not rows of 3"),
    ],
)
def test_a_damaged_image_is_skipped_with_a_plain_reason(
    tmp_path: Path, damage: Callable[[Path], Any], words: str
) -> None:
    damage(save(tmp_path))
    assert words in reason(SunRgbdDepth(tmp_path))


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"path": "nowhere"}, InputError, "There is no folder nowhere"),
        ({}, InputError, "holds no SENSOR/.../image"),
        ({"depth": "both"}, ConfigError, "raw, filled"),
        ({"sensor": "kv3"}, ConfigError, "kv1, kv2, realsense, xtion"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        SunRgbdDepth(**{"path": tmp_path, **arguments})

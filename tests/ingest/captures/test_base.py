from __future__ import annotations

import numpy as np
import pytest

from pipeline.geometry.lens import Lens
from pipeline.ingest.captures.base import CapturedFrame, nearest_indices, within
from pipeline.records import Camera, DepthMap
from pipeline.records.errors import InputError, RecordError

RGB = np.zeros((4, 6, 3), np.uint8)
CAMERA = Camera(5, 5, 2.5, 1.5, 6, 4)
DEPTH = DepthMap.from_values(np.ones((4, 6)), "metric", "sensor")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "", None, 7, "a\0b"])
def test_a_capture_names_only_its_own_files(tmp_path, name):
    with pytest.raises(InputError):
        within(tmp_path, name, "The list")


@pytest.mark.parametrize("name", ["a" * 300, "\ud800", "circle"])
def test_a_name_that_cannot_be_opened_is_refused(tmp_path, name):
    (tmp_path / "circle").symlink_to(tmp_path / "round")
    (tmp_path / "round").symlink_to(tmp_path / "circle")
    with pytest.raises(InputError, match="cannot be opened; rename the file"):
        within(tmp_path, name, "The list")


def test_a_link_out_of_the_capture_is_refused(tmp_path):
    folder = tmp_path / "scan"
    folder.mkdir()
    (tmp_path / "other.png").write_bytes(b"x")
    (folder / "link.png").symlink_to(tmp_path / "other.png")
    with pytest.raises(InputError, match="outside"):
        within(folder, "link.png", "The list")
    assert within(folder, "depth/1.png", "The list") == folder.resolve() / "depth" / "1.png"


@pytest.mark.parametrize(
    ("wanted", "indices"), [([0.0, 0.5], [0, 1]), ([0.5], [1]), ([-3, 9], [0, 3]), ([0.39, 0.41], [1]), ([], [])]
)
def test_the_nearest_frames_are_taken_each_once(wanted, indices):
    assert nearest_indices([0.0, 0.4, 0.9, 1.0], wanted) == indices


@pytest.mark.parametrize(
    "values",
    [
        {"depth": DEPTH, "camera": CAMERA, "depth_camera": CAMERA},
        {"depth": DEPTH, "depth_camera": CAMERA, "depth_to_image": np.eye(4)},
        {"lens": Lens("fisheye", (0.1,))},
    ],
)
def test_a_depth_camera_and_a_lens_need_what_they_refer_to(values):
    with pytest.raises(RecordError):
        CapturedFrame(RGB, "a", **values)

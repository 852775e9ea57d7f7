from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rgbd_boards import CAMERA, POSES, boards_m, save_boards

from pipeline.datasets.formats.rgbd_files import find_frames, read_frame, read_poses
from pipeline.records import DepthKind
from pipeline.records.errors import InputError


@pytest.mark.parametrize("encoding", ["scaled", "sun3d", "kinect", "disparity", "points"])
def test_every_encoding_gives_metres(tmp_path: Path, encoding: str) -> None:
    save_boards(tmp_path / "place", encoding)
    (files,) = find_frames(tmp_path, {})
    frame = read_frame(files)
    depth = frame.given_depth
    assert depth is not None and depth.kind is DepthKind.METRIC
    assert (depth.valid == (boards_m() > 0)).all()
    # The Kinect's whole numbers are coarse at a distance.
    tolerance = 0.025 if encoding == "kinect" else 1e-3
    assert np.allclose(depth.values[depth.valid], boards_m()[depth.valid], atol=tolerance)
    assert (frame.camera.fx, frame.camera.cx, frame.camera.cy) == pytest.approx((300, 159.5, 119.5))


def test_depth_of_a_second_camera_is_moved_into_the_image(tmp_path: Path) -> None:
    save_boards(tmp_path, "scaled")
    description = json.loads((tmp_path / "frame.json").read_text())
    description["depth"] |= {"camera": {**CAMERA, "fx": 400.0, "fy": 400.0}, "translation_m": [0.05, 0, -0.25]}
    (files,) = find_frames(tmp_path, {tmp_path.name: description})
    depth = read_frame(files).given_depth
    assert depth is not None
    # Pixel (60, 190) of the near board is the point (-0.311, 0.220, 1.25), seen at (-0.261, 0.220, 1.0).
    x_m, y_m = (60 - 159.5) / 400 * 1.25 + 0.05, (190 - 119.5) / 400 * 1.25
    u, v = round(159.5 + 300 * x_m), round(119.5 + 300 * y_m)
    assert depth.values[v, u] == pytest.approx(1.0, abs=1e-5)
    assert set(np.round(depth.values[depth.valid], 3).tolist()) == {1.0, 1.75, 3.75}


def test_depth_of_another_size_is_resampled_where_it_may_be(tmp_path: Path) -> None:
    save_boards(tmp_path, "scaled")
    (files,) = find_frames(tmp_path, {})
    stored = np.array(Image.open(files.depth))
    # Every second pixel of the depth, as of a sensor of half the resolution.
    Image.fromarray(stored[1::2, ::2]).save(files.depth)
    with pytest.raises(InputError, match=r"has \(120, 160\) px, its image \(240, 320\); they must agree"):
        read_frame(files)
    depth = read_frame(files, any_size=True).given_depth
    assert depth is not None and depth.shape == (240, 320)
    assert (depth.sampling.width_px, depth.sampling.height_px, depth.sampling.is_scattered) == (2, 2, False)
    assert np.allclose(depth.values, np.repeat(np.repeat(boards_m()[1::2, ::2], 2, axis=0), 2, axis=1), atol=1e-3)
    Image.fromarray(stored[:, ::2]).save(files.depth)
    with pytest.raises(InputError, match="another ratio of its sides"):
        read_frame(files, any_size=True)


def test_a_trajectory_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    file = tmp_path / "walk.log"
    file.write_text(POSES)
    assert [pose[0, 3] for pose in read_poses(file)] == [2, 5]
    file.write_text(POSES[:-9])
    with pytest.raises(InputError, match="4 x 4"):
        read_poses(file)


@pytest.mark.parametrize(
    ("colors", "depths", "found"),
    [
        (["c1.png", "c2.png", "c3.png"], ["d1.png"], "3 images c*.png and 1 depth files"),
        (["c1.png"], ["d1.png", "d2.png"], "1 images c*.png and 2 depth files"),
        (["c1.png"], [], "1 images c*.png and 0 depth files"),
    ],
)
def test_a_depth_file_for_many_frames_is_refused(
    tmp_path: Path, colors: list[str], depths: list[str], found: str
) -> None:
    for name in (*colors, *depths):
        (tmp_path / name).write_bytes(b"x")
    described = {"color": "c*.png", "depth": {"file": "d*.png"}, "camera": CAMERA}
    with pytest.raises(InputError) as caught:
        find_frames(tmp_path, {tmp_path.name: described})
    assert found in str(caught.value)


def test_frames_and_depth_are_paired_by_number_however_the_numbers_are_written(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        (tmp_path / f"c{number}.png").write_bytes(b"x")
        (tmp_path / f"d{number:04}.png").write_bytes(b"x")
    described = {"color": "c*.png", "depth": {"file": "d*.png"}, "camera": CAMERA}
    frames = find_frames(tmp_path, {tmp_path.name: described})
    assert [(frame.color.name, frame.depth.name) for frame in frames] == [
        ("c1.png", "d0001.png"),
        ("c2.png", "d0002.png"),
        ("c10.png", "d0010.png"),
    ]

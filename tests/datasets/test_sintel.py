from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from files_of_sets import image, save_image
from true_depth_files import HEIGHT, SIZE, WIDTH, check_truth, depth_m, only, ordered, refusing, skipping

from pipeline.datasets.sintel import Sintel
from pipeline.records.errors import ConfigError, InputError

TAG = struct.pack("<f", 202021.25)
# A quarter turn about z and a shift, world to camera.
EXTRINSICS = np.array([[0.0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3]])


def save(root: Path, scene: str = "alley_1", number: int = 1) -> Path:
    frame = f"frame_{number:04d}"
    save_image(root / "training" / "final" / scene / f"{frame}.png", seed=1, size=SIZE)
    save_image(root / "training" / "clean" / scene / f"{frame}.png", seed=2, size=SIZE)
    depth = depth_m().astype("<f4")
    depth[0, :] = 1e10
    file = root / "training" / "depth" / scene / f"{frame}.dpt"
    camera = root / "training" / "camdata_left" / scene / f"{frame}.cam"
    for folder in (file.parent, camera.parent):
        folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(TAG + struct.pack("<ii", WIDTH, HEIGHT) + depth.tobytes())
    intrinsics = np.array([[20.0, 0, 7.5], [0, 21, 5.5], [0, 0, 1]])
    camera.write_bytes(TAG + intrinsics.astype("<f8").tobytes() + EXTRINSICS.astype("<f8").tobytes())
    return file


def test_depth_camera_and_pose_are_read_and_the_sky_does_not_count(tmp_path: Path) -> None:
    save(tmp_path)
    sample = only(Sintel(tmp_path))
    expected = depth_m()
    expected[0] = 0
    check_truth(sample, expected, camera=(20, 21, 7.5, 5.5))
    pose = sample.frame.pose
    assert pose is not None
    # The world point that the extrinsics send to the camera's origin is where the camera stands.
    assert EXTRINSICS @ pose[:, 3] == pytest.approx([0, 0, 0])
    assert only(Sintel(tmp_path, farthest_m=None)).truth.valid.all()


@pytest.mark.parametrize("render_pass, seed", [("final", 1), ("clean", 2)])
def test_the_image_is_of_the_wanted_pass(tmp_path: Path, render_pass: str, seed: int) -> None:
    save(tmp_path)
    assert (only(Sintel(tmp_path, render_pass=render_pass)).frame.rgb == image(seed, SIZE)).all()


test_sequences_are_groups_in_a_fixed_order = ordered(
    Sintel,
    save,
    [("market_2",), ("alley_1", 2), ("alley_1", 1)],
    {"alley_1/frame_0001": "alley_1", "alley_1/frame_0002": "alley_1", "market_2/frame_0001": "market_2"},
    [({"path": "training", "limit": 1}, ["alley_1/frame_0001"])],
)


def camera_of(file: Path) -> Path:
    return file.parents[2] / "camdata_left" / file.parent.name / f"{file.stem}.cam"


test_a_damaged_frame_is_skipped = skipping(
    Sintel,
    save,
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-4]), "copy it again"),
        (lambda file: file.write_bytes(TAG + b"\0\0"), "cut short"),
        (lambda file: file.write_bytes(b"Pf\n1" + file.read_bytes()[4:]), "does not begin with 202021.25"),
        (lambda file: file.write_bytes(b""), "empty"),
        (lambda file: camera_of(file).write_bytes(TAG), "not the 172 of a camera"),
        (lambda file: camera_of(file).unlink(), "does not exist"),
        (lambda file: save_image(file.parents[2] / "final" / "alley_1" / "frame_0001.png"), "its image"),
    ],
)


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "training" / "final").mkdir(parents=True)
    with pytest.raises(InputError, match="lacks depth, camdata_left"):
        Sintel(tmp_path)


test_what_cannot_be_used_is_said = refusing(
    Sintel,
    [
        ({"render_pass": "albedo"}, ConfigError, "render_pass"),
        ({"farthest_m": 0}, ConfigError, "farthest_m"),
    ],
)

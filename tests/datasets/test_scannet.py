from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import SIZE, check_truth, gapped_m, only, refusing, skipping, write_png

from pipeline.datasets.base import DepthSample
from pipeline.datasets.scannet import ScanNet
from pipeline.datasets.scannetpp import ScanNetPP
from pipeline.records.errors import ConfigError, InputError

# Images are twice as large as their depth.
COLOR = (SIZE[0] * 2, SIZE[1] * 2)
MATRIX = [[30.0, 0, 15.5], [0, 32.0, 11.5], [0, 0, 1]]


def write_depth(file: Path, size: tuple[int, int] = SIZE) -> Path:
    return write_png(file, cv2.resize(gapped_m(), size))


def save(scene: Path, *numbers: int) -> Path:
    """A scene of ScanNet, as its reader exports it; the camera was lost in frame 7."""
    padded = np.eye(4)
    padded[:3, :3] = MATRIX
    (scene / "intrinsic").mkdir(parents=True)
    (scene / "pose").mkdir()
    np.savetxt(scene / "intrinsic" / "intrinsic_color.txt", padded, fmt="%f")
    for number in numbers or (0,):
        save_image(scene / "color" / f"{number}.jpg", number, COLOR)
        pose = np.full((4, 4), -np.inf) if number == 7 else np.eye(4)
        pose[0, 3] = -np.inf if number == 7 else number
        np.savetxt(scene / "pose" / f"{number}.txt", pose, fmt="%f")
        write_depth(scene / "depth" / f"{number}.png")
    return scene


def save_phone(scene: Path, *numbers: int, depth: str = "depth") -> Path:
    """A scene of ScanNet++, as its toolkit exports it."""
    names = [f"frame_{number:06d}" for number in numbers or (0,)]
    for name in names:
        save_image(scene / "iphone" / "rgb" / f"{name}.jpg", size=COLOR)
        write_depth(scene / "iphone" / depth / f"{name}.png")
    stored = {name: {"timestamp": 0.1, "pose": np.eye(4).tolist(), "intrinsic": MATRIX, "imu": {}} for name in names}
    (scene / "iphone" / "pose_intrinsic_imu.json").write_text(json.dumps(stored))
    return scene / "iphone"


@pytest.mark.parametrize(
    "write, read, name",
    [(save, ScanNet, "scene0000_00 0"), (save_phone, ScanNetPP, "scene0000_00 frame_000000")],
    ids=["scannet", "scannetpp"],
)
def test_the_image_is_shrunk_to_its_depth_in_millimetres(
    tmp_path: Path, write: Callable[..., Path], read: Callable[..., Any], name: str
) -> None:
    write(tmp_path / "scene0000_00")
    sample = only(read(tmp_path))
    assert sample.name == name and sample.group == "scene0000_00"
    check_truth(sample, camera=(15, 16, 7.5, 5.5))
    assert (sample.frame.width, sample.frame.height) == SIZE and sample.frame.rgb.shape == (*SIZE[::-1], 3)


def test_frames_come_in_the_order_of_their_numbers_with_their_poses(tmp_path: Path) -> None:
    save(tmp_path / "scene0001_00", 3)
    save(tmp_path / "scene0000_00", 10, 7, 2)
    data = ScanNet(tmp_path)
    assert data.names() == ["scene0000_00 2", "scene0000_00 7", "scene0000_00 10", "scene0001_00 3"]
    samples = [sample for sample in map(data.read, range(4)) if isinstance(sample, DepthSample)]
    assert [sample.group for sample in samples] == ["scene0000_00"] * 3 + ["scene0001_00"]
    lengths = [None if sample.frame.pose is None else sample.frame.pose[0, 3] for sample in samples]
    assert lengths == [2, None, 10, 3]
    assert ScanNet(tmp_path, step=2).names() == ["scene0000_00 2", "scene0000_00 10", "scene0001_00 3"]
    assert ScanNet(tmp_path / "scene0000_00", limit=1).names() == ["scene0000_00 2"]


def test_frames_of_the_phone_are_those_with_depth(tmp_path: Path) -> None:
    save_phone(tmp_path / "data" / "b1", 20, 0, 10)
    save_phone(tmp_path / "data" / "a2", 5, depth="render_depth")
    data = ScanNetPP(tmp_path)
    assert data.names() == ["b1 frame_000000", "b1 frame_000010", "b1 frame_000020"]
    assert ScanNetPP(tmp_path, step=2).names() == ["b1 frame_000000", "b1 frame_000020"]
    assert only(ScanNetPP(tmp_path, depth="rendered")).name == "a2 frame_000005"


test_a_damaged_frame_is_skipped_with_a_plain_reason = skipping(
    ScanNet,
    lambda root: save(root / "scene0000_00"),
    [
        (lambda scene: (scene / "depth/0.png").write_bytes(b"no image"), "not an image that can be read"),
        (lambda scene: (scene / "depth/0.png").unlink(), "does not exist"),
        (lambda scene: write_depth(scene / "depth/0.png", (12, 12)), "export both again"),
        (lambda scene: write_depth(scene / "depth/0.png", (64, 48)), "export both again"),
        (lambda scene: save_image(scene / "color/0.jpg", size=SIZE), "export the images in their own size"),
        (lambda scene: (scene / "pose/0.txt").unlink(), "The pose .* cannot be opened"),
        (lambda scene: (scene / "pose/0.txt").write_text("1 0 0 0"), "has 1 rows, not 4"),
        (lambda scene: (scene / "intrinsic/intrinsic_color.txt").write_text("1 0 0 0"), "a matrix of"),
        (lambda scene: (scene / "intrinsic/intrinsic_color.txt").unlink(), "cannot be opened"),
    ],
)
test_a_damaged_frame_of_the_phone_is_skipped_with_a_plain_reason = skipping(
    ScanNetPP,
    lambda root: save_phone(root / "b1"),
    [
        (lambda phone: (phone / "depth/frame_000000.png").write_bytes(b"no image"), "not an image"),
        (lambda phone: (phone / "rgb/frame_000000.jpg").unlink(), "does not exist"),
        (lambda phone: (phone / "pose_intrinsic_imu.json").unlink(), "cannot be opened"),
        (lambda phone: (phone / "pose_intrinsic_imu.json").write_text('{"frame'), "is damaged"),
        (lambda phone: (phone / "pose_intrinsic_imu.json").write_text("[1]"), "is damaged"),
        (lambda phone: (phone / "pose_intrinsic_imu.json").write_text("[" * 100_000), "is damaged"),
        (lambda phone: (phone / "pose_intrinsic_imu.json").write_text("{}"), "has no intrinsics of frame_000000"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    ScanNet, [({}, InputError, "holds no "), ({"step": 0}, ConfigError, "step")]
)
test_what_cannot_be_used_of_the_phone_is_said = refusing(
    ScanNetPP,
    [
        ({}, InputError, "holds no "),
        ({"step": 0}, ConfigError, "step"),
        ({"depth": "guessed"}, ConfigError, "sensor, rendered"),
    ],
)

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import SIZE, check_truth, gapped_m, only, refusing, samples, skipping, write_png

from pipeline.datasets.redwood import Redwood
from pipeline.records.errors import ConfigError, InputError

INTRINSICS = {"width": 16, "height": 12, "intrinsic_matrix": [13.0, 0, 0, 0, 14.0, 0, 7.5, 5.25, 1]}


def save(
    folder: Path, colors: tuple[str, ...] = ("color/00000.jpg",), depths: tuple[str, ...] = ("depth/00000.png",)
) -> Path:
    """A sequence; depth of the n-th depth file is n metres more."""
    for index, name in enumerate(colors):
        save_image(folder / name, index, SIZE)
    for index, name in enumerate(depths):
        write_png(folder / name, gapped_m(index))
    return folder


def write_poses(file: Path, count: int) -> None:
    file.write_text("".join(f"{n} {n} {n + 1}\n1 0 0 {n}\n0 1 0 5\n0 0 1 6\n0 0 0 1\n" for n in range(count)))


def depths_at_pixel(data: Redwood) -> list[float]:
    return [round(float(sample.truth.values[3, 5]), 3) for sample in samples(data)]


def test_depth_is_in_millimetres_and_the_camera_nominal_or_given(tmp_path: Path) -> None:
    sample = only(Redwood(save(tmp_path / "bedroom")))
    assert sample.name == "bedroom 00000" and sample.group == "bedroom"
    check_truth(sample)
    assert sample.frame.pose is None
    camera = sample.frame.camera
    assert camera.fx == pytest.approx(525 / 40) and camera.source == "assumed"
    camera = only(Redwood(tmp_path, camera={"fx": 12, "fy": 12, "cx": 8, "cy": 6})).frame.camera
    assert camera.fx == 12 and camera.source == "given"


@pytest.mark.parametrize(
    "colors, depths, patterns, expected",
    [
        (("image/000002.png", "image/000010.png"), ("depth/000002.png", "depth/000010.png"), {}, [4.05, 5.05]),
        (("rgb_2.jpg", "rgb_10.jpg"), ("depth_2.png", "depth_10.png"), {}, [4.05, 5.05]),
        # Depth without an image is left out.
        (("rgb/2.jpg",), ("depth/1.png", "depth/2.png"), {}, [5.05]),
        # Two streams, each with its own numbers: only time joins them.
        (
            ("rgb/0000001-000000010000.jpg", "rgb/0000002-000000043000.jpg"),
            ("depth/0000001-000000000000.png", "depth/0000002-000000041000.png", "depth/0000003-000000900000.png"),
            {},
            [4.05, 5.05],
        ),
        (("a-color/7.jpg",), ("a-clean/7.png",), {"color": "a-color/*.jpg", "depth": "a-clean/*.png"}, [4.05]),
    ],
)
def test_images_and_depth_are_joined(
    tmp_path: Path, colors: tuple[str, ...], depths: tuple[str, ...], patterns: dict[str, str], expected: list[float]
) -> None:
    data = Redwood(save(tmp_path / "scene", colors, depths), **patterns)
    assert depths_at_pixel(data) == expected
    assert data.names() == [f"scene {Path(color).stem}" for color in colors]


def test_poses_follow_the_trajectory(tmp_path: Path) -> None:
    folder = save(tmp_path / "scene", ("color/0.jpg", "color/1.jpg"), ("depth/0.png", "depth/1.png"))
    write_poses(folder / "trajectory.log", 2)
    write_poses(folder / "odometry.log", 1)
    pose = samples(Redwood(folder))[1].frame.pose
    assert pose is not None and pose[:3, 3].tolist() == [1, 5, 6]
    with pytest.raises(InputError, match="2 depth files but only 1 poses"):
        Redwood(folder, trajectory="odometry.log")
    (folder / "trajectory.log").unlink()
    write_poses(folder / "other.log", 2)
    assert samples(Redwood(folder))[1].frame.pose is None, "two logs, and none is called trajectory.log"


@pytest.mark.parametrize("place", ["scene", "."])
def test_the_camera_comes_from_the_file_of_open3d(tmp_path: Path, place: str) -> None:
    save(tmp_path / "scene")
    (tmp_path / place / "camera_intrinsic.json").write_text(json.dumps(INTRINSICS))
    camera = only(Redwood(tmp_path)).frame.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((13, 14, 7.5, 5.25))
    assert camera.source == "given"


INFINITE = json.dumps(INTRINSICS).replace("16", "1e999")


@pytest.mark.parametrize("damaged", ["{}", "[" * 100_000, INFINITE])
def test_sequences_are_groups_and_damaged_ones_are_named(tmp_path: Path, damaged: str) -> None:
    for name in ("b", "a", "c", "d"):
        save(tmp_path / name, ("color/0.jpg", "color/1.jpg"), ("depth/0.png", "depth/1.png"))
    (tmp_path / "b" / "depth" / "1.png").rename(tmp_path / "b" / "depth" / "7.png")
    (tmp_path / "c" / "camera_intrinsic.json").write_text(damaged)
    data = Redwood(tmp_path, step=2)
    assert data.names() == ["a 0", "d 0"]
    assert "no depth belongs to 1.jpg" in data.unreadable["b"]
    assert "nine numbers of intrinsic_matrix" in data.unreadable["c"]
    assert len(Redwood(tmp_path, limit=3)) == 3


test_a_damaged_frame_is_skipped_with_a_plain_reason = skipping(
    Redwood,
    lambda root: save(root / "scene"),
    [
        (lambda folder: (folder / "depth/00000.png").write_bytes(b"no image"), "not an image that can be read"),
        (lambda folder: (folder / "color/00000.jpg").write_bytes(b""), "empty file"),
        (lambda folder: save_image(folder / "color/00000.jpg"), "its image"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    Redwood,
    [
        ({}, InputError, "holds no sequence"),
        ({"color": "/color/*"}, InputError, "is not a pattern of files"),
        ({"camera": {"fx": 500}}, InputError, "The camera lacks"),
        ({"step": True}, ConfigError, "step"),
    ],
)


@pytest.mark.shared
def test_real_files_are_a_sequence_with_poses(shared_dir: Path) -> None:
    found = samples(Redwood(shared_dir / "rgbd" / "redwood"))
    assert len(found) == 5
    for sample in found:
        assert sample.frame.pose is not None and sample.group == "redwood"
        assert 1 < np.median(sample.truth.values[sample.truth.valid]) < 3

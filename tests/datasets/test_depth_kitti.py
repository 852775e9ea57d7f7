from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from files_of_sets import image, save_image
from true_depth_files import SIZE, depth_m, only, reason

from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.kitti_depth import CAMERAS, KittiDepth
from pipeline.records.errors import ConfigError, InputError

DRIVE, OTHER = "2011_09_26_drive_0002_sync", "2011_09_28_drive_0001_sync"
CALIBRATION = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_rect_02: 1.600000e+01 1.200000e+01
P_rect_02: 2.000000e+01 0 7.500000e+00 9.0e+00 0 2.100000e+01 5.500000e+00 2.0e-01 0 0 1 2.7e-03
P_rect_03: 2.200000e+01 0 7.000000e+00 -7.0e+00 0 2.200000e+01 5.000000e+00 2.0e-01 0 0 1 2.7e-03
"""


def write_depth(file: Path, values_m: np.ndarray) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.round(values_m * 256).astype(np.uint16))
    return file


def sparse_m() -> np.ndarray:
    """Every second row of the depth, as a scanner sees it."""
    values = depth_m()
    values[::2] = 0
    return values


def save(root: Path, number: int = 69, part: str = "val", drive: str = DRIVE, camera: str = "image_02") -> Path:
    """One image of the raw recordings with its truth and one scan."""
    save_image(root / drive[:10] / drive / camera / "data" / f"{number:010d}.png", number, SIZE)
    (root / drive[:10] / "calib_cam_to_cam.txt").write_text(CALIBRATION)
    scan = Path(part) / drive / "proj_depth" / "velodyne_raw" / camera / f"{number:010d}.png"
    write_depth(root / scan, np.where(np.arange(SIZE[1])[:, None] == 1, sparse_m(), 0))
    return write_depth(root / part / drive / "proj_depth" / "groundtruth" / camera / f"{number:010d}.png", sparse_m())


def save_cropped(root: Path) -> Path:
    folder = root / "depth_selection" / "val_selection_cropped"
    names = f"{DRIVE}_{{}}_0000000008_image_02"
    save_image(folder / "image" / f"{names.format('image')}.png", size=SIZE)
    (folder / "intrinsics").mkdir()
    (folder / "intrinsics" / f"{names.format('image')}.txt").write_text("20.0 0.0 7.25 0.0 21.0 5.0 0.0 0.0 1.0")
    write_depth(folder / "velodyne_raw" / f"{names.format('velodyne_raw')}.png", sparse_m() / 2)
    return write_depth(folder / "groundtruth_depth" / f"{names.format('groundtruth_depth')}.png", sparse_m())


def test_annotated_depth_is_read_where_it_is_known(tmp_path: Path) -> None:
    save(tmp_path)
    sample = only(KittiDepth(tmp_path))
    assert sample.name == f"{DRIVE} image_02 0000000069" and sample.group == DRIVE
    assert (sample.truth.valid == (sparse_m() > 0)).all()
    assert sample.truth.values[3, 5] == pytest.approx(4.05, abs=1 / 512)
    assert np.allclose(sample.truth.values, sparse_m(), atol=1 / 512)
    assert (sample.frame.rgb == image(69, SIZE)).all()
    assert sample.frame.given_depth is None


@pytest.mark.parametrize("camera, numbers", [("image_02", (20, 21, 7.5, 5.5)), ("image_03", (22, 22, 7, 5))])
def test_the_camera_is_the_rectified_one(tmp_path: Path, camera: str, numbers: tuple[float, ...]) -> None:
    save(tmp_path, camera=camera)
    found = only(KittiDepth(tmp_path, camera=camera)).frame.camera
    assert (found.fx, found.fy, found.cx, found.cy) == pytest.approx(numbers)
    assert found.source == "given"


def test_drives_are_groups_in_a_fixed_order_and_parts_are_chosen(tmp_path: Path) -> None:
    for number, part, drive, camera in [
        (7, "train", OTHER, "image_02"),
        (70, "val", DRIVE, "image_02"),
        (8, "val", DRIVE, "image_02"),
        (8, "val", DRIVE, "image_03"),
    ]:
        save(tmp_path, number, part, drive, camera)
    data = KittiDepth(tmp_path, split="all", camera=None)
    names = [f"{DRIVE} image_02 {8:010d}", f"{DRIVE} image_02 {70:010d}", f"{DRIVE} image_03 {8:010d}"]
    assert data.names() == [*names, f"{OTHER} image_02 {7:010d}"]
    samples = [data.read(index) for index in range(4)]
    assert [sample.group for sample in samples if isinstance(sample, DepthSample)] == [DRIVE] * 3 + [OTHER]
    assert KittiDepth(tmp_path).names() == names[:2]
    assert KittiDepth(tmp_path, split="train").names() == data.names()[3:]
    assert len(KittiDepth(tmp_path, limit=1)) == 1


def test_archives_may_lie_in_folders_of_their_own_and_images_may_be_jpeg(tmp_path: Path) -> None:
    save(tmp_path / "raw")
    for part in ("train", "val"):
        (tmp_path / "data_depth_annotated" / part).mkdir(parents=True)
    (tmp_path / "raw" / "val" / DRIVE).rename(tmp_path / "data_depth_annotated" / "val" / DRIVE)
    file = next((tmp_path / "raw").rglob("data/*.png"))
    save_image(file.with_suffix(".jpg"), size=SIZE)
    file.unlink()
    assert only(KittiDepth(tmp_path, raw="raw")).truth.values[3, 5] == pytest.approx(4.05, abs=1 / 512)


def listed(drive: str, number: int) -> str:
    """A line of the lists that name the truth and the focal length too."""
    file = f"{number:010d}.png"
    return f"{drive[:10]}/{drive}/image_02/data/{file} {drive}/proj_depth/groundtruth/image_02/{file} 721.5377\n"


@pytest.mark.parametrize(
    "content, names",
    [
        (
            f"{listed(OTHER, 70)}2011_09_26/{DRIVE}/image_02/data/0000000005.png None 721.5377\n\n{listed(DRIVE, 69)}",
            [f"{OTHER} image_02 0000000070", f"{DRIVE} image_02 0000000069"],
        ),
        (f"2011_09_26/{DRIVE} 69 l\n2011_09_26/{DRIVE} 69 r\n", [f"{DRIVE} {key} 0000000069" for key in CAMERAS]),
        (f"2011_09_26/{DRIVE} 69 l\n2011_09_26/{DRIVE} 0000000069 l\n", [f"{DRIVE} image_02 0000000069"]),
        (f"2011_09_28/{OTHER}/image_02/data/0000000070.jpg\n", [f"{OTHER} image_02 0000000070"]),
    ],
)
def test_lists_of_a_split_are_followed_in_their_order(tmp_path: Path, content: str, names: list[str]) -> None:
    for camera in CAMERAS:
        save(tmp_path, 69, camera=camera)
    save(tmp_path, 70, "train", OTHER)
    (tmp_path / "eigen.txt").write_text(content)
    data = KittiDepth(tmp_path, split_file="eigen.txt")
    assert data.names() == names
    assert all(isinstance(data.read(index), DepthSample) for index in range(len(names)))


def test_a_listed_image_without_truth_counts_as_skipped(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "eigen.txt").write_text("2011_09_26/2011_09_26_drive_0009_sync 4 l\n")
    assert "does not exist" in reason(KittiDepth(tmp_path, split_file="eigen.txt"))


def test_the_scan_is_a_prompt_and_not_the_truth(tmp_path: Path) -> None:
    save(tmp_path)
    sample = only(KittiDepth(tmp_path, prompt="velodyne"))
    given = sample.frame.given_depth
    assert given is not None and given.backend == "lidar" and given.scale_source == "sensor"
    assert given.valid[1].all() and given.valid.sum() == SIZE[0] < sample.truth.valid.sum()


def test_cropped_images_have_intrinsics_of_their_own(tmp_path: Path) -> None:
    save_cropped(tmp_path)
    sample = only(KittiDepth(tmp_path, split="selection", prompt="velodyne"))
    assert sample.name == f"{DRIVE} image_02 0000000008" and sample.group == DRIVE
    assert sample.truth.values[3, 5] == pytest.approx(4.05, abs=1 / 512)
    assert (sample.frame.camera.fx, sample.frame.camera.cx) == pytest.approx((20, 7.25))
    given = sample.frame.given_depth
    assert given is not None and given.values[3, 5] == pytest.approx(2.025, abs=1 / 512)
    assert only(KittiDepth(tmp_path / "depth_selection", split="selection")).frame.given_depth is None


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda root, file: file.write_bytes(file.read_bytes()[:60]), "cannot be read as a"),
        (lambda root, file: write_depth(file, np.zeros((12, 16))), "no pixel with valid depth"),
        (lambda root, file: write_depth(file, np.ones((6, 8))), "its image"),
        (lambda root, file: next(root.rglob("data/*.png")).unlink(), "does not exist"),
        (lambda root, file: next(root.rglob("calib_*.txt")).unlink(), "calib_cam_to_cam.txt cannot be opened"),
        (lambda root, file: next(root.rglob("calib_*.txt")).write_text("P_rect_02: 1 2"), "12 numbers of P_rect_02"),
    ],
)
def test_a_damaged_image_is_skipped_with_a_plain_reason(
    tmp_path: Path, damage: Callable[[Path, Path], Any], words: str
) -> None:
    damage(tmp_path, save(tmp_path))
    assert words in reason(KittiDepth(tmp_path))


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"path": "nowhere"}, InputError, "There is no folder nowhere"),
        ({"raw": "elsewhere"}, InputError, "elsewhere with KITTI's raw recordings"),
        ({"split": "train"}, InputError, "no annotated depth of train image_02"),
        ({"split": "test"}, ConfigError, "val, train, all, selection"),
        ({"split": "selection"}, InputError, "no annotated depth of selection"),
        ({"split": "selection", "split_file": "a.txt"}, ConfigError, "split_file"),
        ({"split_file": "lost.txt"}, InputError, r"lost\.txt cannot be opened"),
        ({"split_file": "list.txt"}, InputError, r"Line 2 of .*list\.txt names no DATE/DRIVE"),
        ({"camera": "image_00"}, ConfigError, "image_02, image_03"),
        ({"prompt": "radar"}, ConfigError, "velodyne"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    save(tmp_path)
    (tmp_path / "list.txt").write_text(f"2011_09_26/{DRIVE} 69 l\n0000000069.png\n")
    with pytest.raises(error, match=words):
        KittiDepth(**{"path": tmp_path, **arguments})

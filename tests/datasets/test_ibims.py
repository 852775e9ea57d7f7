from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from files_of_sets import image, save_image
from PIL import Image
from scipy.io import savemat
from true_depth_files import SIZE, depth_m, only, reason, refusing, skipping

from pipeline.datasets.ibims import Ibims
from pipeline.records.errors import ConfigError, InputError

# 10 m are this number of the 16-bit images.
TEN_M = 13107


def masks() -> dict[str, np.ndarray]:
    """One row is wrong, one column is of glass."""
    invalid, transparent = np.ones(SIZE[::-1], bool), np.ones(SIZE[::-1], bool)
    invalid[2] = transparent[:, 7] = False
    return {"mask_invalid": invalid, "mask_transp": transparent}


def stored() -> np.ndarray:
    numbers = np.round(depth_m() * 65535 / 50).astype(np.uint16)
    numbers[3, 5] = TEN_M
    numbers[4, 4] = 0
    return numbers


def save_raw(root: Path, *names: str) -> Path:
    folder = root / "ibims1_core_raw"
    for name in names:
        save_image(folder / "rgb" / f"{name}.png", size=SIZE)
        for part in ("depth", "calib", "mask_invalid", "mask_transp"):
            (folder / part).mkdir(exist_ok=True)
        Image.fromarray(stored()).save(folder / "depth" / f"{name}.png")
        for part, mask in masks().items():
            # One bit a pixel, as the authors store them.
            Image.fromarray(mask).save(folder / part / f"{name}.png")
        (folder / "calib" / f"{name}.txt").write_text("14.5,15.5,8.0,6.5\n")
    return folder


def save_mat(root: Path, name: str) -> Path:
    file = root / "ibims1_core_mat" / f"{name}.mat"
    file.parent.mkdir(parents=True, exist_ok=True)
    depth = stored() * (50 / 65535)
    depth[5, 5] = np.nan
    matrix = np.array([[14.5, 0, 0], [0, 15.5, 0], [8.0, 6.5, 1]])
    flags = {part: mask.astype(np.uint8) for part, mask in masks().items()}
    savemat(file, {"data": {"rgb": image(size=SIZE), "depth": depth, "calib": matrix, **flags}})
    return file


@pytest.mark.parametrize("file_format", ["raw", "mat"])
def test_both_formats_give_the_same_depth_masks_and_camera(tmp_path: Path, file_format: str) -> None:
    save_raw(tmp_path, "office_01")
    save_mat(tmp_path, "office_01")
    sample = only(Ibims(tmp_path, file_format=file_format))
    known = masks()["mask_invalid"] & masks()["mask_transp"]
    known[4, 4] = False
    if file_format == "mat":
        known[5, 5] = False
    assert (sample.truth.valid == known).all()
    assert sample.truth.values[3, 5] == pytest.approx(10, abs=1e-6)
    assert sample.truth.values[8, 1] == pytest.approx(depth_m()[8, 1], abs=5e-4)
    camera = sample.frame.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (14.5, 15.5, 7.0, 5.5), "pixels are counted from 1"
    assert (sample.frame.rgb == image(size=SIZE)).all()
    assert sample.name == sample.group == "office_01"


def test_transparent_objects_count_where_wanted(tmp_path: Path) -> None:
    folder = save_raw(tmp_path, "office_01")
    valid = only(Ibims(folder, transparent=True)).truth.valid
    assert valid[8, 7] and not valid[2].any()


def test_the_list_gives_the_order_and_missing_images_are_skipped(tmp_path: Path) -> None:
    save_raw(tmp_path, "a", "b", "c")
    assert Ibims(tmp_path).names() == ["a", "b", "c"]
    (tmp_path / "imagelist.txt").write_text("c\nlost\na\n")
    data = Ibims(tmp_path)
    assert data.names() == ["c", "lost", "a"] and Ibims(tmp_path, limit=1).names() == ["c"]
    assert "lost.png does not exist" in reason(data, 1)


test_a_damaged_image_is_skipped = skipping(
    Ibims,
    lambda root: save_raw(root, "a"),
    [
        (lambda folder: (folder / "depth" / "a.png").write_bytes(b"no image"), "a.png"),
        (lambda folder: (folder / "mask_transp" / "a.png").unlink(), "does not exist"),
        (lambda folder: (folder / "calib" / "a.txt").write_text("14.5, wide"), "fx, fy, cx and cy"),
        (lambda folder: save_image(folder / "rgb" / "a.png"), "its image"),
        (lambda folder: save_image(folder / "mask_invalid" / "a.png"), "not of the size of its depth"),
    ],
)
test_a_damaged_mat_file_is_skipped = skipping(
    Ibims,
    lambda root: save_mat(root, "a"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:300]), "cannot be read as a MATLAB 5 file"),
        (lambda file: file.write_text("MATLAB, but not really"), "cannot be read as a MATLAB 5 file"),
        (lambda file: savemat(file, {"data": {"rgb": image()}}), "lacks depth, mask_invalid, mask_transp, calib,"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    Ibims,
    [
        ({}, InputError, r"holds no depth/\*\.png or \*\.mat of iBims-1"),
        ({"file_format": "jpg"}, ConfigError, "file_format"),
    ],
)

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import HEIGHT, SIZE, WIDTH, check_truth, depth_m, only, ordered, refusing, skipping, write_pfm

from pipeline.datasets.formats.rgbd_files import find_frames, read_frame
from pipeline.datasets.middlebury import Middlebury
from pipeline.records.errors import ConfigError, InputError

# f = 20 px, baseline = 193.001 mm, offset = 31.086 px.
CALIBRATION = """cam0=[{f} 0 {cx}; 0 {f} {cy}; 0 0 1]
cam1=[{f} 0 342.279; 0 {f} {cy}; 0 0 1]
doffs={doffs}
baseline={baseline}
width={width}
height={height}
ndisp=70
isint=0
vmin=5
vmax=60
dyavg=0
dymax=0
"""
NUMBERS = {"f": 20.0, "cx": 7.1, "cy": 5.2, "doffs": 0.25, "baseline": 193.001, "width": WIDTH, "height": HEIGHT}


def save(root: Path, scene: str = "Motorcycle-perfect", disparity_name: str = "disp0.pfm", **changes: Any) -> Path:
    folder = root / scene
    save_image(folder / "im0.png", size=SIZE)
    (folder / "calib.txt").write_text(CALIBRATION.format(**{**NUMBERS, **changes}))
    disparity = 0.193001 * 20 / depth_m() - 0.25
    disparity[:, :3] = np.inf
    write_pfm(folder / disparity_name, disparity)
    return folder


@pytest.mark.parametrize("disparity_name", ["disp0.pfm", "disp0GT.pfm"])
def test_disparity_becomes_metres(tmp_path: Path, disparity_name: str) -> None:
    save(tmp_path, disparity_name=disparity_name)
    expected = depth_m()
    expected[:, :3] = 0
    check_truth(only(Middlebury(tmp_path)), expected, camera=(20, 20, 7.1, 5.2))


def test_disparity_at_or_beyond_infinity_is_not_known(tmp_path: Path) -> None:
    folder = save(tmp_path)
    disparity = np.ones((HEIGHT, WIDTH))
    disparity[0] = [-0.25] * 8 + [-3.0] * 8
    write_pfm(folder / "disp0.pfm", disparity)
    truth = only(Middlebury(tmp_path)).truth
    assert not truth.valid[0].any() and truth.values[1:] == pytest.approx(0.193001 * 20 / 1.25)


def test_a_smaller_image_keeps_depth_and_the_field_of_view(tmp_path: Path) -> None:
    save(tmp_path)
    sample = only(Middlebury(tmp_path, max_side_px=8))
    assert sample.frame.rgb.shape == (6, 8, 3) and sample.truth.shape == (6, 8)
    assert sample.frame.camera.fx == 10
    stored = depth_m()
    assert min(abs(stored[6:8, 8:10] - sample.truth.values[3, 4]).ravel()) < 1e-4, "no mixture of pixels"


GROUPS = {
    "Adirondack-imperfect": "Adirondack",
    "Adirondack-perfect": "Adirondack",
    "Sword1-perfect": "Sword1",
    "artroom1": "artroom",
    "artroom2": "artroom",
}
test_recordings_and_views_of_a_scene_are_one_group = ordered(
    Middlebury, save, [(name,) for name in reversed(GROUPS)], GROUPS
)


def test_a_scene_with_both_names_of_disparity_counts_once(tmp_path: Path) -> None:
    folder = save(tmp_path)
    shutil.copy(folder / "disp0.pfm", folder / "disp0GT.pfm")
    assert Middlebury(tmp_path).names() == ["Motorcycle-perfect"]


test_a_damaged_scene_is_skipped = skipping(
    Middlebury,
    save,
    [
        (lambda folder: (folder / "disp0.pfm").write_bytes(b"Pf\n16 12\n-1\n"), "cut off"),
        (lambda folder: (folder / "calib.txt").unlink(), "does not exist"),
        (lambda folder: (folder / "calib.txt").write_text("cam0=[1 0 2; 0 1 2; 0 0 1]\n"), "lacks cam0, baseline"),
        (lambda folder: (folder / "im0.png").unlink(), "does not exist"),
        (lambda folder: save(folder.parent, width=2 * WIDTH), "is for 32 x 12 px"),
        (lambda folder: save(folder.parent, baseline=-1), "must be positive"),
        (lambda folder: write_pfm(folder / "disp0.pfm", np.full((HEIGHT, WIDTH), np.inf)), "no pixel"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    Middlebury,
    [
        ({}, InputError, r"holds no SCENE/disp0\.pfm"),
        ({"max_side_px": -1}, ConfigError, "max_side_px"),
    ],
)


@pytest.mark.shared
def test_the_shared_motorcycle_has_the_depth_that_its_description_gives(shared_dir: Path, tmp_path: Path) -> None:
    folder = shared_dir / "rgbd" / "middlebury_motorcycle"
    described = json.loads((folder / "frame.json").read_text())
    numbers = {"baseline_m": 0.193001, "focal_px": 994.978, "offset_px": 31.086}
    depth = {"file": "disparity.npz", "encoding": "disparity", **numbers}
    described = {folder.name: {"color": "rgb.png", "camera": described["camera"], "depth": depth}}
    frame = read_frame(find_frames(folder, described)[0])
    assert frame.given_depth is not None
    scene = tmp_path / "Motorcycle"
    scene.mkdir()
    shutil.copy(folder / "rgb.png", scene / "im0.png")
    with np.load(folder / "disparity.npz") as stored:
        write_pfm(scene / "disp0.pfm", stored["arr_0"])
    changes = {"f": 994.978, "cx": 311.193, "cy": 254.877, "doffs": 31.086}
    size = {"width": frame.width, "height": frame.height}
    (scene / "calib.txt").write_text(CALIBRATION.format(**{**NUMBERS, **changes, **size}))
    sample = only(Middlebury(tmp_path))
    assert (sample.truth.valid == frame.given_depth.valid).all()
    valid = sample.truth.valid
    assert np.allclose(sample.truth.values[valid], frame.given_depth.values[valid], rtol=1e-6)
    assert 1 < np.median(sample.truth.values[valid]) < 10
    assert sample.frame.camera == frame.camera

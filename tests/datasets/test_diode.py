from __future__ import annotations

from pathlib import Path

import numpy as np
from files_of_sets import save_image
from true_depth_files import SIZE, check_truth, depth_m, only, ordered, refusing, skipping

from pipeline.datasets.diode import Diode
from pipeline.records.errors import ConfigError, InputError


def save(root: Path, place: str = "indoors", scene: str = "00019", view: str = "000_010") -> Path:
    """One image of a scan; a strip at the left was not measured, one pixel says zero."""
    folder = root / "val" / place / f"scene_{scene}" / "scan_00183"
    name = f"{scene}_00183_{place}_{view}"
    save_image(folder / f"{name}.png", size=SIZE)
    depth, mask = depth_m().astype(np.float32), np.ones(SIZE[::-1])
    depth[0, 9] = 0
    mask[:, :2] = 0
    np.save(folder / f"{name}_depth.npy", depth[..., None])
    np.save(folder / f"{name}_depth_mask.npy", mask)
    return folder / f"{name}_depth.npy"


def test_depth_is_that_of_the_laser_and_the_published_camera_is_scaled(tmp_path: Path) -> None:
    save(tmp_path)
    expected = depth_m()
    expected[:, :2] = expected[0, 9] = 0
    camera = (886.81 / 64, 927.06 / 64, 512.5 / 64 - 0.5, 384.5 / 64 - 0.5)
    check_truth(only(Diode(tmp_path)), expected, camera=camera)


test_scenes_are_groups_in_a_fixed_order = ordered(
    Diode,
    save,
    [("outdoor", "00022"), ("indoors", "00020"), ("indoors", "00019", "020_010"), ("indoors", "00019")],
    {
        "00019_00183_indoors_000_010": "indoors/scene_00019",
        "00019_00183_indoors_020_010": "indoors/scene_00019",
        "00020_00183_indoors_000_010": "indoors/scene_00020",
        "00022_00183_outdoor_000_010": "outdoor/scene_00022",
    },
    [({"path": "val", "places": "outdoor"}, ["00022_00183_outdoor_000_010"])],
)


test_a_damaged_scan_is_skipped_with_a_plain_reason = skipping(
    Diode,
    save,
    [
        (lambda file: file.write_bytes(file.read_bytes()[:200]), "_depth.npy"),
        (lambda file: np.save(file, np.zeros((12, 16, 1), np.float32)), "no pixel with valid depth"),
        (lambda file: np.save(file, np.ones((6, 8, 1), np.float32)), "copy both again"),
        (lambda file: file.with_name(file.name.replace("_depth", "_depth_mask")).unlink(), "does not exist"),
        (lambda file: file.with_name(file.name.replace("_depth.npy", ".png")).unlink(), "does not exist"),
        (lambda file: save_image(file.with_name(file.name.replace("_depth.npy", ".png"))), "its image"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    Diode,
    [
        ({}, InputError, "holds no indoors or outdoor"),
        ({"places": "garden"}, ConfigError, "places"),
    ],
)

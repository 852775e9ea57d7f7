from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from files_of_sets import save_image
from true_depth_files import HEIGHT, SIZE, WIDTH, check_truth, depth_m, only, ordered, refusing, skipping

from pipeline.datasets.eth3d import Eth3d
from pipeline.records.errors import ConfigError, InputError

CAMERAS = f"""# Camera list with one line of data per camera:
#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]
# Number of cameras: 1
3 THIN_PRISM_FISHEYE {WIDTH} {HEIGHT} 21.5 22.5 8.25 6.75 0.2 0.2 0.0005 0.0003 0.2 -0.1 0.0006 0.0002
"""
# A quarter turn about z, (w, x, y, z), then a shift; the second image has no points.
HALF = 0.5**0.5
IMAGES = f"""# Image list with two lines of data per image:
#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME
1 {HALF} 0 0 {HALF} 1 2 3 3 dslr_images/DSC_0001.JPG
8.5 3.5 -1 9.5 4.5 17
2 1 0 0 0 0 0 0 3 dslr_images/DSC_0002.JPG

"""


def save(root: Path, scene: str = "courtyard", name: str = "DSC_0001.JPG") -> Path:
    folder = root / scene
    save_image(folder / "images" / "dslr_images" / name, size=SIZE)
    depth = depth_m().astype("<f4")
    depth[::2, 1::2] = np.inf
    file = folder / "ground_truth_depth" / "dslr_images" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(depth.tobytes())
    calibration = folder / "dslr_calibration_jpg"
    calibration.mkdir(exist_ok=True)
    (calibration / "cameras.txt").write_text(CAMERAS)
    (calibration / "images.txt").write_text(IMAGES)
    return file


def test_depth_is_raw_and_the_camera_the_linear_part_of_the_calibration(tmp_path: Path) -> None:
    save(tmp_path)
    expected = depth_m()
    expected[::2, 1::2] = 0
    sample = only(Eth3d(tmp_path))
    # COLMAP counts from the corner.
    check_truth(sample, expected, camera=(21.5, 22.5, 7.75, 6.25))
    # x_camera = R x_world + t with R a quarter turn: the world point (1, 0, 0) is at (1, 3, 3).
    assert sample.frame.pose is not None
    assert sample.frame.pose @ [1, 3, 3, 1] == pytest.approx([1, 0, 0, 1])


def test_a_smaller_image_takes_the_depth_of_pixels_and_no_mixture(tmp_path: Path) -> None:
    save(tmp_path)
    sample = only(Eth3d(tmp_path, max_side_px=8))
    assert sample.frame.rgb.shape == (6, 8, 3) and sample.frame.camera.fx == 10.75
    stored = depth_m().astype(np.float32)
    assert np.isin(sample.truth.values[sample.truth.valid], stored).all()


test_scenes_are_groups_in_a_fixed_order = ordered(
    Eth3d,
    save,
    [("relief",), ("courtyard", "DSC_0002.JPG"), ("courtyard",)],
    {"courtyard/DSC_0001": "courtyard", "courtyard/DSC_0002": "courtyard", "relief/DSC_0001": "relief"},
)


def test_an_image_without_points_has_a_pose(tmp_path: Path) -> None:
    save(tmp_path, name="DSC_0002.JPG")
    pose = only(Eth3d(tmp_path)).frame.pose
    assert pose is not None and (pose == np.eye(4)).all()


def test_a_scene_without_calibration_has_an_assumed_camera(tmp_path: Path) -> None:
    folder = save(tmp_path).parents[2] / "dslr_calibration_jpg"
    shutil.rmtree(folder)
    frame = only(Eth3d(tmp_path)).frame
    assert frame.camera.source == "assumed" and frame.pose is None


def calibration(file: Path, name: str) -> Path:
    return file.parents[2] / "dslr_calibration_jpg" / name


test_a_damaged_image_is_skipped = skipping(
    Eth3d,
    save,
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-2]), "needs 768; take the original images"),
        (lambda file: file.write_bytes(np.full(192, np.inf, "<f4").tobytes()), "no pixel"),
        (lambda file: (file.parents[2] / "images" / "dslr_images" / file.name).unlink(), "does not exist"),
        (lambda file: calibration(file, "cameras.txt").unlink(), "does not exist"),
        (lambda file: calibration(file, "cameras.txt").write_text("3 PINHOLE wide"), "COLMAP's text format"),
        (lambda file: calibration(file, "cameras.txt").write_text("3 FISHY 16 12 1 1 1 1"), "of model FISHY"),
        (lambda file: calibration(file, "cameras.txt").write_text("3 PINHOLE 32 24 9 9 9 9"), "no camera 3 of 16 x 12"),
        (lambda file: calibration(file, "images.txt").write_text("# nothing\n"), "does not name dslr_images/DSC_0001"),
        (lambda file: calibration(file, "images.txt").write_text("1 0 0 0 0 1 2 3 3 a.JPG\n\n"), "COLMAP's text"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    Eth3d,
    [
        ({}, InputError, "holds no SCENE/ground_truth_depth"),
        ({"max_side_px": 1.5}, ConfigError, "max_side_px"),
    ],
)

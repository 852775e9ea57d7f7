from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from files_of_sets import check_claims, image, save_image
from true_depth_files import SIZE as SMALL
from true_depth_files import check_truth, depth_m, only, ordered, reason, refusing, samples, skipping, write_png

from pipeline.datasets.formats.kitti_files import read_labels
from pipeline.datasets.kitti import CAMERAS, Kitti
from pipeline.records.errors import ConfigError, InputError

SIZE = (620, 188)
# Camera 2 stands 6 cm to the left of camera 0: P2 = K [I | (0.06, 0, 0)].
P2 = np.array([[360, 0, 304.0, 360 * 0.06], [0, 360, 86, 0], [0, 0, 1, 0]])
# The scanner's x is forward, y left, z up; it stands 8 cm above and 27 cm behind the camera.
TR = np.array([[0, -1, 0, 0.0], [0, 0, -1, -0.08], [1, 0, 0, -0.27]])
LABELS = (
    "Car 0.00 0 -1.58 250.00 80.00 330.00 120.00 1.50 1.60 4.00 -0.50 1.65 12.00 1.570796\n"
    "Car 0.00 2 -1.58 270.00 85.00 320.00 110.00 1.50 1.60 4.00 -0.70 1.65 25.00 1.570796\n"
    "Person_sitting 0.10 0 0.10 400.00 80.00 420.00 130.00 1.20 0.60 0.70 3.00 1.65 10.00 0.00\n"
    "Van 0.80 0 0.10 0.00 80.00 20.00 180.00 2.20 1.90 5.00 -5.00 1.65 4.00 0.00\n"
    "DontCare -1 -1 -10 500.00 80.00 520.00 90.00 -1 -1 -1 -1000 -1000 -1000 -10\n"
)


def line(name: str, matrix: np.ndarray) -> str:
    return f"{name}: {' '.join(f'{number:.12e}' for number in matrix.ravel())}\n"


def save(folder: Path, *names: str) -> Path:
    for part in ("calib", "label_2", "velodyne"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    # The back of the first car: 10 m before camera 0, from 0.15 m to 1.65 m below it.
    y, z = np.meshgrid(np.linspace(-0.2, 1.2, 40), np.linspace(-1.5, -0.2, 20))
    points = np.stack((np.full(y.size, 10.27), y.ravel(), z.ravel(), np.ones(y.size)), axis=1)
    for name in names:
        save_image(folder / "image_2" / f"{name}.png", size=SIZE)
        (folder / "label_2" / f"{name}.txt").write_text(LABELS)
        calibration = [line(f"P{k}", P2) for k in range(4)] + [line("R0_rect", np.eye(3)), line("Tr_velo_to_cam", TR)]
        (folder / "calib" / f"{name}.txt").write_text("".join(calibration) + "\n")
        points.astype("<f4").tofile(folder / "velodyne" / f"{name}.bin")
    return folder


def test_boxes_and_points_end_in_the_frame_of_camera_2(tmp_path: Path) -> None:
    save(tmp_path / "training", "000007")
    (case,) = Kitti(tmp_path, claims_per_scene=20)
    labels = [region.label for region in case.scene.regions]
    assert labels == ["car 1", "car 2", "person sitting"], "neither cut off nor DontCare"
    box = case.scene.regions[0].box_3d
    assert box is not None
    # The bottom's centre lies 1.65 m below, the box is 1.5 m high, and camera 2 stands 6 cm to the left.
    assert box.center_m == pytest.approx((-0.44, 0.9, 12.0))
    # Turned by a quarter about y: the length lies along z.
    assert np.ptp(box.corners_m, axis=0) == pytest.approx((1.6, 1.5, 4.0), abs=1e-5)
    frame = case.scene.frames[0]
    assert frame.given_depth is not None and (frame.camera.fx, frame.camera.cx) == pytest.approx((360, 304))
    # The scanner's point (10.27, 0.44, -0.98) is (-0.44, 0.9, 10) for camera 0, (-0.38, 0.9, 10) for camera 2.
    rows, columns = np.nonzero(frame.given_depth.valid)
    assert np.allclose(frame.given_depth.values[rows, columns], 10.0)
    assert columns.min() == round(304 - 36 * (1.2 - 0.06)) and rows.max() == round(86 + 36 * 1.42)
    assert frame.given_depth.backend == "lidar"


def test_claims_follow_the_boxes(tmp_path: Path) -> None:
    (case,) = Kitti(save(tmp_path, "000007"), claims_per_scene=60)
    check_claims(case.scene.claims, ("person sitting", "car 1", "car 2"), {("car 1", "car 2")}, least=31)


@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        ("label_2/000000.txt", b"Car 0.0 0\n", "label file .*000000.txt has a line with 3 fields; 15 are needed"),
        ("label_2/000000.txt", LABELS.replace("0.00", "wide", 1).encode(), "fields after the type are not all numbers"),
        ("label_2/000000.txt", LABELS.replace("0.00", "nan", 1).encode(), "fields after the type are not all numbers"),
        ("label_2/000000.txt", b"\xff\xfe", "label file .* is not plain text"),
        ("calib/000000.txt", b"P2: 1 2 3\n", "lacks P2, R0_rect, Tr_velo_to_cam"),
        ("calib/000000.txt", b"P2: 1 2 three\n", "lacks P2"),
        ("calib/000000.txt", b"P2: 1 2 3 4\n", "lacks P2"),
        ("calib/000000.txt", b"\xff\xfe", "calibration file .* is not plain text"),
        ("velodyne/000000.bin", b"", "velodyne file .* is empty"),
        ("velodyne/000000.bin", b"\0" * 18, "velodyne file .* is cut short"),
        ("velodyne/000000.bin", None, r"^The file .*000000\.bin is missing\.$"),
        ("image_2/000000.png", None, r"000000\.png"),
    ],
)
def test_a_damaged_frame_is_skipped_with_a_plain_reason(
    tmp_path: Path, part: str, content: bytes | None, words: str
) -> None:
    data = Kitti(save(tmp_path, "000000", "000001"))
    (tmp_path / part).unlink()
    if content is not None:
        (tmp_path / part).write_bytes(content)
    assert [case.scene.id for case in data] == ["kitti-000001"]
    assert list(data.reasons) == ["000000"] and len(data) == 2
    assert re.search(words, data.reasons["000000"])


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    save(tmp_path, "000000")
    (tmp_path / "velodyne").rename(tmp_path / "moved")
    with pytest.raises(InputError, match="lacks velodyne"):
        Kitti(tmp_path)


def test_a_label_line_is_read_field_by_field(tmp_path: Path) -> None:
    file = tmp_path / "label.txt"
    # Results have a score behind the fifteen fields.
    file.write_text("Pedestrian 0.25 1 -0.20 712.40 143.00 810.73 307.92 1.89 0.48 1.20 1.84 1.47 8.41 0.01 0.99\n")
    (item,) = read_labels(file)
    assert (item.kind, item.truncated, item.occluded) == ("Pedestrian", 0.25, 1)
    assert item.box_px == (712.40, 143.00, 810.73, 307.92)
    assert item.size_m == (1.89, 0.48, 1.20) and item.location_m == (1.84, 1.47, 8.41)
    assert math.isclose(item.rotation_y_rad, 0.01)


DRIVE, OTHER = "2011_09_26_drive_0002_sync", "2011_09_28_drive_0001_sync"
RAW_CALIBRATION = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_rect_02: 1.600000e+01 1.200000e+01
P_rect_02: 2.000000e+01 0 7.500000e+00 9.0e+00 0 2.100000e+01 5.500000e+00 2.0e-01 0 0 1 2.7e-03
P_rect_03: 2.200000e+01 0 7.000000e+00 -7.0e+00 0 2.200000e+01 5.000000e+00 2.0e-01 0 0 1 2.7e-03
"""


write_depth = partial(write_png, per_metre=256)


def sparse_m() -> np.ndarray:
    """Every second row of the depth, as a scanner sees it."""
    values = depth_m()
    values[::2] = 0
    return values


def save_annotated(
    root: Path, number: int = 69, part: str = "val", drive: str = DRIVE, camera: str = "image_02"
) -> Path:
    """One image of the raw recordings with its truth and one scan."""
    save_image(root / drive[:10] / drive / camera / "data" / f"{number:010d}.png", number, SMALL)
    (root / drive[:10] / "calib_cam_to_cam.txt").write_text(RAW_CALIBRATION)
    scan = Path(part) / drive / "proj_depth" / "velodyne_raw" / camera / f"{number:010d}.png"
    write_depth(root / scan, np.where(np.arange(SMALL[1])[:, None] == 1, sparse_m(), 0))
    return write_depth(root / part / drive / "proj_depth" / "groundtruth" / camera / f"{number:010d}.png", sparse_m())


def save_cropped(root: Path) -> Path:
    folder = root / "depth_selection" / "val_selection_cropped"
    names = f"{DRIVE}_{{}}_0000000008_image_02"
    save_image(folder / "image" / f"{names.format('image')}.png", size=SMALL)
    (folder / "intrinsics").mkdir()
    (folder / "intrinsics" / f"{names.format('image')}.txt").write_text("20.0 0.0 7.25 0.0 21.0 5.0 0.0 0.0 1.0")
    write_depth(folder / "velodyne_raw" / f"{names.format('velodyne_raw')}.png", sparse_m() / 2)
    return write_depth(folder / "groundtruth_depth" / f"{names.format('groundtruth_depth')}.png", sparse_m())


def test_annotated_depth_is_read_where_it_is_known(tmp_path: Path) -> None:
    save_annotated(tmp_path)
    sample = only(Kitti(tmp_path))
    assert sample.name == f"{DRIVE} image_02 0000000069" and sample.group == DRIVE
    check_truth(sample, sparse_m(), atol=1 / 512)
    assert (sample.frame.rgb == image(69, SMALL)).all()


@pytest.mark.parametrize("camera, numbers", [("image_02", (20, 21, 7.5, 5.5)), ("image_03", (22, 22, 7, 5))])
def test_the_camera_is_the_rectified_one(tmp_path: Path, camera: str, numbers: tuple[float, ...]) -> None:
    save_annotated(tmp_path, camera=camera)
    found = only(Kitti(tmp_path, camera=camera)).frame.camera
    assert (found.fx, found.fy, found.cx, found.cy) == pytest.approx(numbers)
    assert found.source == "given"


IMAGES = [f"{DRIVE} image_02 {8:010d}", f"{DRIVE} image_02 {70:010d}", f"{DRIVE} image_03 {8:010d}"]
LAST = f"{OTHER} image_02 {7:010d}"
test_drives_are_groups_in_a_fixed_order_and_parts_are_chosen = ordered(
    lambda path, split="all", camera=None, **more: Kitti(path, split=split, camera=camera, **more),
    save_annotated,
    [(7, "train", OTHER), (70,), (8,), (8, "val", DRIVE, "image_03")],
    {**dict.fromkeys(IMAGES, DRIVE), LAST: OTHER},
    [({"split": "val", "camera": "image_02"}, IMAGES[:2]), ({"split": "train"}, [LAST])],
)


def test_archives_may_lie_in_folders_of_their_own_and_images_may_be_jpeg(tmp_path: Path) -> None:
    save_annotated(tmp_path / "raw")
    for part in ("train", "val"):
        (tmp_path / "data_depth_annotated" / part).mkdir(parents=True)
    (tmp_path / "raw" / "val" / DRIVE).rename(tmp_path / "data_depth_annotated" / "val" / DRIVE)
    file = next((tmp_path / "raw").rglob("data/*.png"))
    save_image(file.with_suffix(".jpg"), size=SMALL)
    file.unlink()
    assert only(Kitti(tmp_path, raw="raw")).truth.values[3, 5] == pytest.approx(4.05, abs=1 / 512)


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
        save_annotated(tmp_path, 69, camera=camera)
    save_annotated(tmp_path, 70, "train", OTHER)
    (tmp_path / "eigen.txt").write_text(content)
    data = Kitti(tmp_path, split_file="eigen.txt")
    assert data.names() == names
    assert len(samples(data)) == len(names)


def test_a_listed_image_without_truth_counts_as_skipped(tmp_path: Path) -> None:
    save_annotated(tmp_path)
    (tmp_path / "eigen.txt").write_text("2011_09_26/2011_09_26_drive_0009_sync 4 l\n")
    assert "does not exist" in reason(Kitti(tmp_path, split_file="eigen.txt"))


def test_the_scan_is_a_prompt_and_not_the_truth(tmp_path: Path) -> None:
    save_annotated(tmp_path)
    sample = only(Kitti(tmp_path, prompt="velodyne"))
    given = sample.frame.given_depth
    assert given is not None and given.backend == "lidar" and given.scale_source == "sensor"
    assert given.valid[1].all() and given.valid.sum() == SMALL[0] < sample.truth.valid.sum()


def test_cropped_images_have_intrinsics_of_their_own(tmp_path: Path) -> None:
    save_cropped(tmp_path)
    sample = only(Kitti(tmp_path, split="selection", prompt="velodyne"))
    assert sample.name == f"{DRIVE} image_02 0000000008" and sample.group == DRIVE
    assert sample.truth.values[3, 5] == pytest.approx(4.05, abs=1 / 512)
    assert (sample.frame.camera.fx, sample.frame.camera.cx) == pytest.approx((20, 7.25))
    given = sample.frame.given_depth
    assert given is not None and given.values[3, 5] == pytest.approx(2.025, abs=1 / 512)
    assert only(Kitti(tmp_path / "depth_selection", split="selection")).frame.given_depth is None


def root_of(truth: Path) -> Path:
    return truth.parents[5]


test_a_damaged_annotated_image_is_skipped_with_a_plain_reason = skipping(
    Kitti,
    save_annotated,
    [
        (lambda file: file.write_bytes(file.read_bytes()[:60]), "cannot be read as a"),
        (lambda file: write_depth(file, np.zeros((12, 16))), "no pixel with valid depth"),
        (lambda file: write_depth(file, np.ones((6, 8))), "its image"),
        (lambda file: next(root_of(file).rglob("data/*.png")).unlink(), "does not exist"),
        (lambda file: next(root_of(file).rglob("calib_*.txt")).unlink(), "calib_cam_to_cam.txt cannot be opened"),
        (lambda file: next(root_of(file).rglob("calib_*.txt")).write_text("P_rect_02: 1"), "12 numbers of P_rect_02"),
    ],
)


def save_with_list(root: Path) -> None:
    save_annotated(root)
    (root / "list.txt").write_text(f"2011_09_26/{DRIVE} 69 l\n0000000069.png\n")
    (root / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    (root / "digits.txt").write_text(f"2011_09_26/{DRIVE} \u00b2 l\n", encoding="utf-8")


test_annotated_depth_that_cannot_be_used_is_said = refusing(
    Kitti,
    [
        ({"raw": "elsewhere"}, InputError, "elsewhere with KITTI's raw recordings"),
        ({"split": "train"}, InputError, "no annotated depth of train image_02, and no image_2 and label_2"),
        ({"split": "test"}, ConfigError, "val, train, all, selection"),
        ({"split": "selection"}, InputError, "no annotated depth of selection"),
        ({"split": "selection", "split_file": "a.txt"}, ConfigError, "split_file"),
        ({"split_file": "lost.txt"}, InputError, r"lost\.txt cannot be opened"),
        ({"split_file": "list.txt"}, InputError, r"Line 2 of .*list\.txt must name a DATE/DRIVE"),
        ({"split_file": "bytes.txt"}, InputError, r"bytes\.txt"),
        ({"split_file": "digits.txt"}, InputError, r"digits\.txt"),
        ({"camera": "image_00"}, ConfigError, "image_02, image_03"),
        ({"prompt": "radar"}, ConfigError, "velodyne"),
    ],
    save_with_list,
)


def test_annotated_depth_has_no_claims_and_says_where_they_are(tmp_path: Path) -> None:
    save_annotated(tmp_path)
    with pytest.raises(InputError, match=r"no boxes to make claims of; set dataset\.path to the object data set"):
        next(iter(Kitti(tmp_path)))


def test_a_folder_with_both_forms_needs_the_form_and_no_argument_is_ignored(tmp_path: Path) -> None:
    save(tmp_path / "training", "000007")
    save_annotated(tmp_path)
    with pytest.raises(ConfigError, match=r"dataset.form to objects or annotated"):
        Kitti(tmp_path)
    assert Kitti(tmp_path, form="objects").names() == ["000007"]
    assert Kitti(tmp_path, form="annotated").names() != ["000007"]
    with pytest.raises(ConfigError, match=r"dataset.split_file must be null for the object data set"):
        Kitti(tmp_path, form="objects", split_file="eigen.txt")


def test_true_depth_of_the_object_data_set_is_that_of_single_points(tmp_path: Path) -> None:
    save(tmp_path, "000007")
    sample = only(Kitti(tmp_path))
    (case,) = Kitti(tmp_path)
    given = case.scene.frames[0].given_depth
    assert given is not None and (sample.truth.valid == given.valid).all()
    assert np.allclose(sample.truth.values[sample.truth.valid], 10.0)
    assert sample.frame.given_depth is None and sample.name == sample.group == "000007"
    with pytest.raises(ConfigError, match=r"dataset\.prompt must be null"):
        Kitti(tmp_path, prompt="velodyne")

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from files_of_sets import save_image

from pipeline.datasets.kitti import Kitti, read_labels
from pipeline.datasets.things import points_in_box
from pipeline.records.errors import InputError

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
    (case,) = Kitti(tmp_path, claims_per_scene=20, radius_px=0)
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
    claims = case.scene.claims
    assert sum(bool(claim.truth) for claim in claims) * 2 == len(claims) > 30
    order = {"person sitting": 0, "car 1": 1, "car 2": 2}
    for claim in claims:
        if claim.value is not None or claim.object is None:
            continue
        if claim.relation in ("closer", "in_front_of"):
            assert claim.truth is ((order[claim.subject] < order[claim.object]) is not claim.negated)
        if claim.relation == "occludes":
            assert claim.truth is (((claim.subject, claim.object) == ("car 1", "car 2")) is not claim.negated)
    assert "occludes" in {str(claim.relation) for claim in claims}


def test_points_lie_in_the_box_of_the_car(tmp_path: Path) -> None:
    (case,) = Kitti(save(tmp_path, "000007"))
    box = case.scene.regions[0].box_3d
    assert box is not None
    assert points_in_box(box, np.array([[-0.4, 0.9, 10.1], [-0.4, 0.9, 9.9], [0.6, 0.9, 11]])).tolist() == [
        True,
        False,
        False,
    ]


def test_damaged_frames_are_skipped(tmp_path: Path) -> None:
    names = [f"{number:06d}" for number in range(5)]
    data = Kitti(save(tmp_path, *names))
    (tmp_path / "velodyne" / "000000.bin").write_bytes(b"123")
    (tmp_path / "label_2" / "000001.txt").write_text("Car 0.0 0\n")
    (tmp_path / "calib" / "000002.txt").write_text("P2: 1 2 3\n")
    (tmp_path / "image_2" / "000003.png").unlink()
    assert [case.scene.id for case in data] == ["kitti-000004"]
    assert data.skipped == names[:4] and len(data) == 5 and len(Kitti(tmp_path, limit=2)) == 2
    reasons = [data.reasons[name] for name in names[:4]]
    assert reasons[0] == f"The velodyne file {tmp_path / 'velodyne' / '000000.bin'} is cut short; copy it again."
    label_file = tmp_path / "label_2" / "000001.txt"
    assert reasons[1] == f"The label file {label_file} has a line with 3 fields; 15 are needed."
    assert "lacks P2, R0_rect, Tr_velo_to_cam" in reasons[2] and "000003.png" in reasons[3]


@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        ("label_2/000000.txt", LABELS.replace("0.00", "wide", 1).encode(), "fields after the type are not all numbers"),
        ("label_2/000000.txt", LABELS.replace("0.00", "nan", 1).encode(), "fields after the type are not all numbers"),
        ("label_2/000000.txt", b"\xff\xfe", "label file .* is no plain text"),
        ("calib/000000.txt", b"P2: 1 2 three\n", "lacks P2"),
        ("calib/000000.txt", b"P2: 1 2 3 4\n", "lacks P2"),
        ("calib/000000.txt", b"\xff\xfe", "calibration file .* is no plain text"),
        ("velodyne/000000.bin", b"", "velodyne file .* is empty"),
        ("velodyne/000000.bin", b"\0" * 18, "velodyne file .* is cut short"),
    ],
)
def test_the_reason_is_said_without_words_of_python(tmp_path: Path, part: str, content: bytes, words: str) -> None:
    data = Kitti(save(tmp_path, "000000"))
    (tmp_path / part).write_bytes(content)
    assert list(data) == []
    assert re.search(words, data.reasons["000000"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    data = Kitti(save(tmp_path, "000000"))
    (tmp_path / "velodyne" / "000000.bin").unlink()
    assert list(data) == []
    assert data.reasons == {"000000": f"The file {tmp_path / 'velodyne' / '000000.bin'} is missing."}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    save(tmp_path, "000000")
    (tmp_path / "velodyne").rename(tmp_path / "moved")
    with pytest.raises(InputError, match="lacks velodyne"):
        Kitti(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        Kitti(tmp_path / "nowhere")


def test_a_label_line_is_read_field_by_field(tmp_path: Path) -> None:
    file = tmp_path / "label.txt"
    # Results have a score behind the fifteen fields.
    file.write_text("Pedestrian 0.25 1 -0.20 712.40 143.00 810.73 307.92 1.89 0.48 1.20 1.84 1.47 8.41 0.01 0.99\n")
    (item,) = read_labels(file)
    assert (item.kind, item.truncated, item.occluded) == ("Pedestrian", 0.25, 1)
    assert item.box_px == (712.40, 143.00, 810.73, 307.92)
    assert item.size_m == (1.89, 0.48, 1.20) and item.location_m == (1.84, 1.47, 8.41)
    assert math.isclose(item.rotation_y_rad, 0.01)

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from files_of_sets import HEIGHT, WIDTH, check_claims, save_image
from true_depth_files import SIZE, check_truth, depth_m, gapped_m, only, ordered, refusing, skipping

from pipeline.datasets.annotated.boxes import projected_box
from pipeline.datasets.sunrgbd import SunRgbd, read_infos
from pipeline.records.errors import ConfigError, InputError

# Level, looking along y: x right, depth forward, z up.
DEPTH2IMG = np.array([[200, 0, 79.5], [0, 200, 59.5], [0, 0, 1]]) @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
FOLDERS = {"info": "infos.json", "images": "image", "points": "points"}


def entry(name: str = "000001") -> dict[str, Any]:
    return {
        "images": {
            "CAM0": {"img_path": f"{name}.jpg", "height": HEIGHT, "width": WIDTH, "depth2img": DEPTH2IMG.tolist()}
        },
        "lidar_points": {"num_pts_feats": 6, "lidar_path": f"{name}.bin"},
        "instances": [
            {"bbox": [10, 40, 60, 90], "bbox_label_3d": 0, "bbox_3d": [-0.5, 2.0, -0.1, 0.6, 0.4, 0.8, 0.0]},
            {"bbox": [90, 50, 130, 80], "bbox_label_3d": 7, "bbox_3d": [0.6, 4.0, 0.0, 1.0, 2.0, 0.5, math.pi / 2]},
            # Behind the camera.
            {"bbox": [0, 0, 9, 9], "bbox_label_3d": 1, "bbox_3d": [0, -2, 0, 1, 1, 1, 0]},
        ],
    }


def save(folder: Path, *names: str) -> Path:
    x, z = np.meshgrid(np.linspace(-0.75, -0.25, 30), np.linspace(-0.45, 0.25, 30))
    front = np.stack((x.ravel(), np.full(x.size, 1.85), z.ravel(), *np.zeros((3, x.size))), axis=1).astype("<f4")
    for name in names:
        save_image(folder / "image" / f"{name}.jpg")
        (folder / "points").mkdir(exist_ok=True)
        front.tofile(folder / "points" / f"{name}.bin")
    infos = {"metainfo": {"DATASET": "SUNRGBD"}, "data_list": [entry(name) for name in names]}
    (folder / "infos.json").write_text(json.dumps(infos))
    return folder


def test_boxes_and_points_end_in_the_camera_frame(tmp_path: Path) -> None:
    (case,) = SunRgbd(save(tmp_path, "000001"), **FOLDERS, claims_per_scene=12)  # type: ignore[arg-type]
    bed, stand = case.scene.regions
    assert (bed.label, stand.label) == ("bed", "night stand")
    assert bed.box_3d is not None and stand.box_3d is not None
    assert bed.box_3d.center_m == pytest.approx((-0.5, 0.1, 2.0))
    # Its corners reach 0.8 m along y of the camera, which is down.
    assert np.ptp(bed.box_3d.corners_m, axis=0) == pytest.approx((0.6, 0.8, 0.4))
    # A quarter turn about the vertical exchanges its level sides.
    assert np.ptp(stand.box_3d.corners_m, axis=0) == pytest.approx((2.0, 0.5, 1.0))
    camera = case.scene.frames[0].camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((200, 200, 79.5, 59.5))
    depth = case.scene.frames[0].given_depth
    assert depth is not None
    # The point (-0.5, 1.85, -0.1) is seen at u = 79.5 - 200 * 0.5 / 1.85, v = 59.5 + 200 * 0.1 / 1.85.
    assert depth.values[70, 25] == pytest.approx(1.85)
    assert len(case.scene.claims) == 12
    check_claims(case.scene.claims, ("bed", "night stand"), ())


def test_true_depth_of_infos_is_that_of_their_points(tmp_path: Path) -> None:
    sample = only(SunRgbd(save(tmp_path, "000001"), **FOLDERS))  # type: ignore[arg-type]
    values = sample.truth.values[sample.truth.valid]
    assert 0 < len(values) <= 900 and values == pytest.approx(1.85)
    assert sample.name == "000001" and sample.frame.given_depth is None


def test_what_is_damaged_is_skipped(tmp_path: Path) -> None:
    data = SunRgbd(save(tmp_path, "000001", "000002", "000003"), **FOLDERS)  # type: ignore[arg-type]
    (tmp_path / "points" / "000001.bin").write_bytes(b"12345678")
    (tmp_path / "image" / "000003.jpg").unlink()
    assert [case.scene.id for case in data] == ["sunrgbd-000002"]
    assert list(data.reasons) == ["000001", "000003"] and len(data) == 3


def test_pickled_infos_are_read_and_code_in_them_is_not_run(tmp_path: Path) -> None:
    infos = {"metainfo": {}, "data_list": [{"m": np.eye(3), "n": np.float64(2)}]}
    file = tmp_path / "infos.pkl"
    file.write_bytes(pickle.dumps(infos))
    found = read_infos(file)
    assert np.array_equal(found["data_list"][0]["m"], np.eye(3)) and found["data_list"][0]["n"] == 2
    file.write_bytes(b"cos\nsystem\n(S'exit 3'\ntR.")
    with pytest.raises(InputError, match=r"(posix|os)\.system"):
        read_infos(file)


@pytest.mark.parametrize(
    "missing, words", [("points", "lacks points"), ("infos.json", r"lacks infos\.json"), ("", "There is no folder")]
)
def test_a_missing_part_is_named(tmp_path: Path, missing: str, words: str) -> None:
    save(tmp_path, "000001")
    path = tmp_path / missing
    path.rename(tmp_path.parent / f"{tmp_path.name}-moved" if not missing else tmp_path / "moved")
    with pytest.raises(InputError, match=words):
        SunRgbd(tmp_path, **FOLDERS)  # type: ignore[arg-type]


def write_depth(file: Path, values_m: np.ndarray) -> Path:
    """PNG whose bits are turned left by three, as the data set's reader turns them back."""
    millimetres = np.round(values_m * 1000).astype(np.uint16)
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), (millimetres << 3) | (millimetres >> 13))
    return file


def save_original(root: Path, place: str = "kv1/NYUdata/NYU0034") -> Path:
    folder = root / place
    save_image(folder / "image" / "NYU0034.jpg", size=SIZE)
    (folder / "intrinsics.txt").write_text("20.0 0 7.25 \n0 21.0 5.0 \n0 0 1 ")
    write_depth(folder / "depth_bfx" / "NYU0034.png", depth_m())
    return write_depth(folder / "depth" / "NYU0034.png", gapped_m())


def test_bits_are_turned_back_into_millimetres(tmp_path: Path) -> None:
    save_original(tmp_path)
    sample = only(SunRgbd(tmp_path))
    assert sample.name == sample.group == "kv1/NYUdata/NYU0034"
    # 12.15 m has set bits that the turn moves from one end to the other.
    check_truth(sample, camera=(20, 21, 7.25, 5))


def test_filled_depth_has_no_gaps(tmp_path: Path) -> None:
    save_original(tmp_path / "SUNRGBD")
    assert only(SunRgbd(tmp_path, depth="filled")).truth.valid.all()


RECORDING = "xtion/sun3ddata/brown_bm_1/brown_bm_1"
GROUPS = {f"kv2/kinect2data/00000{number}_2014": f"kv2/kinect2data/00000{number}_2014" for number in (2, 3)} | {
    f"{RECORDING}/0001-1": RECORDING,
    f"{RECORDING}/0002-9": RECORDING,
}


def save_with_full_resolution(root: Path, place: str) -> None:
    """Folders of full resolution have intrinsics too, but no folder of images."""
    save_original(root, place)
    (root / place / "fullres").mkdir()
    (root / place / "fullres" / "intrinsics.txt").write_text("1 0 0 0 1 0 0 0 1")


test_recordings_are_groups_and_other_images_stand_for_themselves = ordered(
    SunRgbd,
    save_with_full_resolution,
    [(place,) for place in reversed(GROUPS)],
    GROUPS,
    [({"sensor": "kv2", "limit": 1}, list(GROUPS)[:1])],
)


test_a_damaged_image_is_skipped_with_a_plain_reason = skipping(
    SunRgbd,
    save_original,
    [
        (lambda file: file.write_bytes(b"no image"), "not an image that can be read"),
        (lambda file: file.unlink(), "holds 0 images, not one"),
        (lambda file: write_depth(file, np.zeros((12, 16))), "the depth of no pixel"),
        (lambda file: write_depth(file, np.ones((6, 8))), "they must agree"),
        (lambda file: save_image(file.parents[1] / "image" / "second.jpg"), "holds 2 images, not one"),
        (lambda file: (file.parents[1] / "intrinsics.txt").write_text("1 2"), "holds 2 numbers, not rows of 3"),
    ],
)


test_what_cannot_be_used_is_said = refusing(
    SunRgbd,
    [
        ({}, InputError, "lacks sunrgbd_infos_val.pkl, .*; unpack SUNRGBD.zip .* or make it with mmdetection3d"),
        ({"depth": "both"}, ConfigError, "raw, filled"),
        ({"sensor": "kv3"}, ConfigError, "kv1, kv2, realsense, xtion"),
    ],
)


def test_original_folders_have_no_claims_and_say_where_they_are(tmp_path: Path) -> None:
    save_original(tmp_path)
    with pytest.raises(InputError, match="whose boxes are not read; give SUN RGB-D in the form of mmdetection3d"):
        next(iter(SunRgbd(tmp_path)))


@pytest.mark.shared
def test_the_shared_image_agrees_with_its_boxes(shared_dir: Path, tmp_path: Path) -> None:
    source = shared_dir / "rgbd" / "sunrgbd_000017"
    info = json.loads((source / "frame.json").read_text())["info"]
    (tmp_path / "infos.json").write_text(json.dumps(info))
    for folder, name, target in (("image", "rgb.jpg", "000017.jpg"), ("points", "points.bin", "000017.bin")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / target).symlink_to(source / name)
    (case,) = SunRgbd(tmp_path, **FOLDERS)  # type: ignore[arg-type]
    assert [region.label for region in case.scene.regions] == ["night stand", "bed"]
    for region in case.scene.regions:
        assert region.box_3d is not None
        projected = projected_box(region.box_3d, case.scene.frames[0].camera)
        # The annotated 2D boxes are by other people than the 3D ones.
        assert projected == pytest.approx(region.box_px, abs=15)

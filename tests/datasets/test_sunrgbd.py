from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files_of_sets import HEIGHT, WIDTH, save_image

from pipeline.datasets.from_boxes import box_in_camera, occlusions_of_boxes, projected_box
from pipeline.datasets.sunrgbd import SunRgbd, read_infos
from pipeline.datasets.things import thing_of_box
from pipeline.records import Box3D, Camera
from pipeline.records.errors import InputError

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
    assert len(case.scene.claims) == 12 and sum(bool(claim.truth) for claim in case.scene.claims) == 6
    for claim in case.scene.claims:
        if claim.relation in ("closer", "in_front_of") and claim.value is None:
            assert claim.truth is ((claim.subject == "bed") is not claim.negated)


def test_what_is_damaged_is_skipped(tmp_path: Path) -> None:
    data = SunRgbd(save(tmp_path, "000001", "000002", "000003"), **FOLDERS)  # type: ignore[arg-type]
    (tmp_path / "points" / "000001.bin").write_bytes(b"12345678")
    (tmp_path / "image" / "000003.jpg").unlink()
    assert [case.scene.id for case in data] == ["sunrgbd-000002"]
    assert data.skipped == ["000001.jpg", "000003.jpg"] and len(data) == 3


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


CAMERA = Camera(200, 200, 79.5, 59.5, WIDTH, HEIGHT)


def test_a_box_is_projected_and_cut_off() -> None:
    # The near face of the box decides: x from -1 to 1 at z = 4 is 79.5 -+ 50, plus half a pixel.
    assert projected_box(Box3D((0, 0, 5), (2, 1, 2)), CAMERA) == pytest.approx((30, 35, 130, 85))
    # It ends at x = -1, seen farthest right on its far face at z = 6.
    cut = projected_box(Box3D((-2, 0, 5), (2, 1, 2)), CAMERA)
    assert cut == pytest.approx((0, 35, 80 - 200 / 6, 85))
    assert projected_box(Box3D((0, 0, 0.5), (2, 1, 2)), CAMERA) is None
    assert projected_box(Box3D((50, 0, 5), (2, 1, 2)), CAMERA) is None


@pytest.mark.parametrize(
    "back_x_m, back_z_m, hidden, expected",
    [
        (0.0, 8.0, None, True),
        (0.0, 8.0, True, True),
        # The annotation says that nothing of it is hidden.
        (0.0, 8.0, False, None),
        # Not behind with all of it.
        (0.0, 4.5, None, None),
        # Only a small part of its outline is covered.
        (1.7, 8.0, None, None),
    ],
)
def test_only_clear_geometry_tells_who_hides_whom(
    back_x_m: float, back_z_m: float, hidden: bool | None, expected: bool | None
) -> None:
    boxes = {"front": Box3D((0, 0, 4), (1, 1, 1)), "back": Box3D((back_x_m, 0, back_z_m), (2, 2, 2))}
    things = [thing_of_box(label, projected_box(box, CAMERA) or (0, 0, 1, 1), box) for label, box in boxes.items()]
    found = occlusions_of_boxes(things, CAMERA, {} if hidden is None else {"back": hidden})
    margin = found.get(("front", "back"))
    assert (None if margin is None else margin > 0) is expected
    if expected:
        assert found["back", "front"] == -margin  # type: ignore[operator]


@pytest.mark.parametrize(
    "rotation",
    [
        np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0], [0.48, 0.64, 0.6]]),
        # The angle about y is a right one, to either side.
        np.array([[0, 0, 1], [0.6, 0.8, 0], [-0.8, 0.6, 0]]),
        np.array([[0, 0, -1], [-0.6, 0.8, 0], [0.8, 0.6, 0]]),
    ],
)
def test_a_turned_box_keeps_its_corners(rotation: np.ndarray) -> None:
    box = box_in_camera(np.array([1.0, 2, 3]), np.array([2.0, 4, 6]), rotation)
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)])
    assert np.allclose(box.corners_m, signs @ rotation.T + (1, 2, 3))


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

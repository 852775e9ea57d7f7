from __future__ import annotations

import copy
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from info_samples import (
    BOXES_PX,
    NUSCENES_FORMS,
    kitti_forms,
    new_kitti,
    new_nuscenes,
    old_kitti,
    old_nuscenes,
    save_kitti,
    save_nuscenes,
)

from pipeline.datasets.formats.info_files import (
    InfoFile,
    has_shape,
    kitti_calibration,
    kitti_files,
    kitti_objects,
    nuscenes_boxes,
    nuscenes_camera,
    nuscenes_channels,
    nuscenes_points,
    nuscenes_up,
    read_info_file,
)
from pipeline.datasets.kitti import Kitti
from pipeline.datasets.nuscenes import NuScenes
from pipeline.datasets.rendered import Case
from pipeline.records.errors import InputError


def as_json(content: Any) -> str:
    return json.dumps(content, default=lambda value: value.tolist())


@pytest.mark.parametrize("form", ["old", "new"])
def test_kitti_is_read_from_an_info_file_as_from_its_own(tmp_path: Path, form: str) -> None:
    (case,) = Kitti(save_kitti(tmp_path, form, "000008"), claims_per_scene=10)
    assert [region.label for region in case.scene.regions] == ["car", "pedestrian"], "DontCare is left out"
    car, person = case.scene.regions
    assert car.box_px == tuple(BOXES_PX[0]) and car.box_3d is not None and person.box_3d is not None
    # The bottom's centre lies 1.65 m below, the box is 1.5 m high, and camera 2 stands 6 cm to the left.
    assert car.box_3d.center_m == pytest.approx((-0.44, 0.9, 12))
    assert np.ptp(car.box_3d.corners_m, axis=0) == pytest.approx((1.6, 1.5, 4.0), abs=1e-5)
    assert np.ptp(person.box_3d.corners_m, axis=0) == pytest.approx((0.7, 1.8, 0.6), abs=1e-5)
    depth = case.scene.frames[0].given_depth
    assert depth is not None and np.allclose(depth.values[depth.valid], 10.0) and depth.backend == "lidar"
    sample = Kitti(tmp_path).read(0)
    assert not hasattr(sample, "reason") and (sample.frame.camera.fx, sample.frame.camera.cx) == (360, 304)


def test_a_folder_with_labels_uses_them_unless_an_info_file_is_named(tmp_path: Path) -> None:
    save_kitti(tmp_path, "new", "000008", points="velodyne")
    for part in ("label_2", "calib"):
        (tmp_path / "training" / part).mkdir()
    with pytest.raises(InputError, match="holds no label_2"):
        Kitti(tmp_path)
    assert Kitti(tmp_path, info="kitti_infos_val.pkl").names() == ["000008"]
    with pytest.raises(InputError, match=r"lost\.pkl does not exist"):
        Kitti(tmp_path, info="lost.pkl")


@pytest.mark.parametrize("form", NUSCENES_FORMS)
def test_nuscenes_is_read_from_an_info_file(tmp_path: Path, form: str) -> None:
    data = NuScenes(save_nuscenes(tmp_path, NUSCENES_FORMS[form]()), claims_per_scene=10)
    assert data.names() == ["n008-2018-08-01__CAM_FRONT__1.jpg"]
    (case,) = data
    assert isinstance(case, Case)
    # Neither what no return hit, nor other classes, nor what lies behind.
    assert [region.label for region in case.scene.regions] == ["car", "traffic cone"]
    car = case.scene.regions[0]
    assert car.box_3d is not None and car.box_3d.center_m == pytest.approx((0, 0.5, 10))
    assert np.ptp(car.box_3d.corners_m, axis=0) == pytest.approx((2.0, 1.5, 4.0))
    assert car.box_px == pytest.approx((400.5 - 75, 225.5 - 600 * 0.25 / 8, 400.5 + 75, 225.5 + 600 * 1.25 / 8))
    assert case.group == "n008-2018-08-01" and case.tags["camera"] == "CAM_FRONT"
    depth = case.scene.frames[0].given_depth
    assert depth is not None and np.allclose(depth.values[depth.valid], 8.0)


def test_info_files_may_be_json(tmp_path: Path) -> None:
    save_kitti(tmp_path, "new", "000008")
    (tmp_path / "infos.json").write_text(as_json(kitti_forms("000008")["new"]))
    (case,) = Kitti(tmp_path, info="infos.json", claims_per_scene=4)
    assert len(case.scene.regions) == 2


def infos(content: Any, folder: Path) -> InfoFile:
    (folder / "infos.pkl").write_bytes(pickle.dumps(content))
    return read_info_file(folder / "infos.pkl")


@pytest.mark.parametrize(
    "content, words",
    [
        ({"data_list": {}}, "neither data_list nor infos"),
        ("text", "neither data_list nor infos"),
        ({"infos": 3}, "neither data_list nor infos"),
    ],
)
def test_a_file_without_samples_is_refused(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        infos(content, tmp_path)


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("infos.pkl", b"", "damaged or not a pickle"),
        ("infos.pkl", pickle.dumps(kitti_forms("000008")["old"])[:-9], "damaged or not a pickle"),
        ("infos.pkl", b"cos\nsystem\n(S'exit 3'\ntR.", r"names os\.system, which is not plain data"),
        ("infos.json", b"", "is not JSON"),
        ("infos.json", b"[" * 100_000, "is not JSON"),
        ("infos.json", b"\xff\xfe", "is not JSON"),
    ],
)
def test_damaged_and_hostile_files_are_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_info_file(tmp_path / name)
    assert "\n" not in str(caught.value)


def changed(sample: dict[str, Any], keys: str, value: Any) -> dict[str, Any]:
    """A copy of a sample with another value, or without one where it is ``del``; ``loop`` is a list of itself."""
    value = {"loop": SELF, "loops": [SELF] * 4}.get(value, value) if isinstance(value, str) else value
    sample = copy.deepcopy(sample)
    *path, last = [int(key) if key.isdecimal() else key for key in keys.split(".")]
    at: Any = sample
    for key in path:
        at = at[key]
    if isinstance(value, str) and value == "del":
        del at[last]
    else:
        at[last] = value
    return sample


SELF: list[Any] = []
SELF += [SELF] * 4


@pytest.mark.parametrize(
    "value", ["del", None, "text", 3, [], [[1.0]], SELF, [SELF] * 4, [[math.nan] * 4] * 4, [10**400] * 7]
)
@pytest.mark.parametrize(
    "keys, read",
    [
        ("images.CAM2.cam2img", kitti_calibration),
        ("images.R0_rect", kitti_calibration),
        ("lidar_points.Tr_velo_to_cam", kitti_calibration),
        ("instances", kitti_objects),
        ("instances.0.bbox", kitti_objects),
        ("instances.0.bbox_3d", kitti_objects),
        ("calib.P2", kitti_calibration),
        ("annos.name", kitti_objects),
        ("annos.location", kitti_objects),
    ],
)
def test_a_sample_that_lacks_something_says_what(tmp_path: Path, keys: str, read: Any, value: Any) -> None:
    is_new = keys.startswith(("images", "lidar", "inst"))
    sample = changed(new_kitti() if is_new else old_kitti(), keys, value)
    found = infos({"data_list": [sample]} if is_new else [sample], tmp_path)
    if keys == "instances" and value == []:
        assert read(found, found.samples[0]) == []
        return
    # Empty or other lists are found out by what they ought to hold.
    also = {"instances": "(instances|bbox_label_3d)", "annos.name": "annos.(name|truncated)"}
    what = also.get(keys, keys.removeprefix("instances.0."))
    with pytest.raises(InputError, match=f"no usable {what}; make it again"):
        read(found, found.samples[0])


@pytest.mark.parametrize(
    "path, name",
    [
        ("training/image_2/7.png", "7.png"),
        ("C:\\data\\7.png", "7.png"),
        ("../../7.png", "7.png"),
        ("/etc/passwd", "passwd"),
        ("..", None),
        ("", None),
        ("a\0b", None),
        (7, None),
        ("loop", None),
    ],
)
def test_only_the_names_of_files_are_used(tmp_path: Path, path: Any, name: str | None) -> None:
    found = infos([changed(old_kitti(), "image.image_path", path)], tmp_path)
    if name is None:
        with pytest.raises(InputError, match=r"no usable image\.image_path"):
            kitti_files(found, found.samples[0])
    else:
        assert kitti_files(found, found.samples[0]) == (name, "000008.bin")


def test_damaged_samples_are_skipped_with_their_reason(tmp_path: Path) -> None:
    save_kitti(tmp_path, "new", "000008", "000009")
    content = kitti_forms("000008", "000009")["new"]
    content["data_list"] += [7, changed(new_kitti(), "images.CAM2", "del"), new_kitti()]
    content["data_list"][0]["instances"][0]["bbox_3d"] = [1, 2]
    (tmp_path / "kitti_infos_val.pkl").write_bytes(pickle.dumps(content))
    data = Kitti(tmp_path, claims_per_scene=4)
    assert [case.scene.id for case in data] == ["kitti-000009"]
    assert "no usable bbox_3d" in data.reasons["000008"]
    assert "several samples of 000008.png" in data.reasons["sample 4 of kitti_infos_val.pkl"]
    assert len(data.reasons) == 4


@pytest.mark.parametrize(
    "keys, value",
    [
        ("images.CAM_FRONT.img_path", 3),
        ("images.CAM_FRONT.cam2img", [[1]]),
        ("images.CAM_FRONT.lidar2cam", "del"),
        ("lidar_points.lidar_path", "del"),
        ("lidar_points.lidar2ego", "del"),
        ("ego2global", "loops"),
        ("instances", "text"),
        ("instances.0.bbox_3d", [1] * 9),
        ("instances.0", 7),
    ],
)
def test_a_damaged_sample_of_nuscenes_is_skipped(tmp_path: Path, keys: str, value: Any) -> None:
    sample = changed(new_nuscenes(), keys, value)
    data = NuScenes(save_nuscenes(tmp_path, {"data_list": [sample]}))
    assert list(data) == [] and len(data.reasons) == 1
    assert "no usable" in next(iter(data.reasons.values()))


@pytest.mark.parametrize(
    "keys, value",
    [
        ("gt_boxes", np.zeros((5, 9))),
        ("gt_names", np.array(["car", None], dtype=object)),
        ("lidar2ego_rotation", [0, 0, 0, 0]),
        ("cams.CAM_FRONT.sensor2lidar_rotation", np.eye(4)),
    ],
)
def test_a_damaged_sample_of_the_old_form_is_skipped(tmp_path: Path, keys: str, value: Any) -> None:
    sample = changed(old_nuscenes(), keys, value)
    data = NuScenes(save_nuscenes(tmp_path, {"infos": [sample]}))
    assert list(data) == [] and "no usable" in next(iter(data.reasons.values()))


def test_classes_have_their_usual_numbers_where_the_file_does_not_list_them(tmp_path: Path) -> None:
    found = infos({"data_list": [new_kitti()]}, tmp_path)
    assert [item.kind for item in kitti_objects(found, found.samples[0])] == ["Car", "Pedestrian", "DontCare"]
    found = infos({"data_list": [new_nuscenes()]}, tmp_path)
    assert [box.name for box in nuscenes_boxes(found, found.samples[0])] == ["car", "traffic_cone", "car"]


@pytest.mark.parametrize("form", NUSCENES_FORMS)
def test_every_form_of_nuscenes_gives_the_same(tmp_path: Path, form: str) -> None:
    found = infos(NUSCENES_FORMS[form](), tmp_path)
    (sample,) = found.samples
    assert nuscenes_channels(found, sample) == ["CAM_FRONT"] and nuscenes_channels(found, 7) == []
    assert nuscenes_points(found, sample) == "n008-2018-08-01__LIDAR_TOP__1.pcd.bin"
    assert np.allclose(nuscenes_up(found, sample), (0, 0, 1))
    camera = nuscenes_camera(found, sample, "CAM_FRONT")
    assert np.allclose(camera.lidar_to_camera @ (0, 10.5, -1, 1), (0, 0.5, 10, 1))
    box = nuscenes_boxes(found, sample)[1]
    assert box.size_m.tolist() == [0.4, 0.4, 1.0] and math.cos(box.yaw_rad - 0.3) == pytest.approx(1)


def test_nested_lists_are_measured_without_walking_through_all_of_them() -> None:
    deep: Any = 1.0
    for _ in range(60):
        deep = [deep, deep]
    assert not has_shape(deep, (2, 2, 2)) and not has_shape(SELF, (4, 4))
    assert has_shape([[1, 2.0], (3, np.float32(4))], (2, 2)) and has_shape(np.eye(3), (3, 3)) and has_shape(1, ())
    assert not has_shape(np.array([1, None], dtype=object), (2,)) and not has_shape(["1"], (1,))

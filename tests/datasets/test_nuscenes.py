from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files_of_sets import check_claims, save_image

from pipeline.datasets.nuscenes import TABLES, NuScenes, pose_matrix
from pipeline.records.errors import InputError

SIZE = (800, 450)
INTRINSIC = [[600, 0, 400], [0, 600, 225], [0, 0, 1]]
HALF = math.sqrt(0.5)
# Quaternions (w, x, y, z): a quarter turn to the left about z; the camera's axes in those of a car.
LEFT, CAMERA_AXES = [HALF, 0, 0, HALF], [0.5, -0.5, 0.5, -0.5]
IMAGE, CLOUD = "samples/CAM_FRONT/a.jpg", "samples/LIDAR_TOP/a.pcd.bin"


def annotation(name: str, place: list[float], size: list[float], visibility: str = "4") -> dict[str, Any]:
    """A box in the global frame; size is (width, length, height)."""
    return {
        "token": f"annotation {name} {place[0]}",
        "sample_token": "s1",
        "instance_token": f"instance {name}",
        "translation": place,
        "size": size,
        "rotation": LEFT,
        "visibility_token": visibility,
    }


def tables() -> dict[str, list[dict[str, Any]]]:
    """A car at (100, 50) that looks along y of the world, and what stands before it."""
    ego = {"translation": [100, 50, 0], "rotation": LEFT, "timestamp": 1}
    names = {"car": "vehicle.car", "adult": "human.pedestrian.adult", "cone": "movable_object.trafficcone"}
    return {
        "sample": [{"token": f"s{k}", "timestamp": k, "scene_token": "scene 1"} for k in (1, 2)],
        "sensor": [{"token": "camera", "channel": "CAM_FRONT"}, {"token": "lidar", "channel": "LIDAR_TOP"}],
        "calibrated_sensor": [
            {"token": "c", "sensor_token": "camera", "translation": [1.5, 0, 1.5], "rotation": CAMERA_AXES,
             "camera_intrinsic": INTRINSIC},
            {"token": "l", "sensor_token": "lidar", "translation": [1, 0, 2], "rotation": [1, 0, 0, 0]},
        ],
        # The scanner's turn ends half a metre of way earlier.
        "ego_pose": [{"token": "e", **ego}, {"token": "el", **ego, "translation": [100, 49.5, 0]}],
        "sample_data": [
            {"token": f"{s} {file}", "sample_token": s, "calibrated_sensor_token": k, "ego_pose_token": pose,
             "filename": file, "is_key_frame": key}
            for s, k, pose, file, key in (
                ("s1", "c", "e", IMAGE, True),
                ("s1", "l", "el", CLOUD, True),
                ("s1", "c", "e", "sweeps/CAM_FRONT/b.jpg", False),
                ("s2", "c", "e", "samples/CAM_FRONT/lost.jpg", True),
                ("s2", "l", "el", CLOUD, True),
            )
        ],
        "sample_annotation": [
            annotation("car", [100, 61.5, 1.0], [2.0, 4.0, 1.5]),
            annotation("car", [99.5, 75, 1.0], [2.0, 4.0, 1.5], "2"),
            annotation("adult", [97, 60, 0.9], [0.6, 0.6, 1.8]),
            annotation("cone", [103, 58, 0.5], [0.4, 0.4, 1.0], "1"),
            # Behind.
            annotation("adult", [100, 30, 0.9], [0.6, 0.6, 1.8]),
        ],
        "instance": [{"token": f"instance {name}", "category_token": name} for name in names],
        "category": [{"token": token, "name": name} for token, name in names.items()],
    }  # fmt: skip


def save(folder: Path) -> Path:
    (folder / "v1.0-mini").mkdir(parents=True)
    for name, rows in tables().items():
        (folder / "v1.0-mini" / f"{name}.json").write_text(json.dumps(rows))
    save_image(folder / IMAGE, size=SIZE)
    # The back of the first car in the scanner's frame: 8.5 m + 0.5 m before it, seen from 2 m height.
    y, z = np.meshgrid(np.linspace(-0.85, 0.85, 20), np.linspace(-1.7, -0.3, 20))
    points = np.stack((np.full(y.size, 9.0), y.ravel(), z.ravel(), *np.zeros((2, y.size))), axis=1)
    (folder / "samples" / "LIDAR_TOP").mkdir()
    points.astype("<f4").tofile(folder / CLOUD)
    return folder


def test_boxes_and_points_end_in_the_frame_of_the_camera(tmp_path: Path) -> None:
    data = NuScenes(save(tmp_path), claims_per_scene=40)
    (case,) = data
    assert [region.label for region in case.scene.regions] == ["car 1", "car 2", "pedestrian"]
    assert case.group == "scene 1" and case.tags["camera"] == "CAM_FRONT"
    car = case.scene.regions[0]
    assert car.box_3d is not None
    # 11.5 m before the car's origin, 1.5 m less before the camera, half a metre below it.
    assert car.box_3d.center_m == pytest.approx((0, 0.5, 10), abs=1e-9)
    # Its length lies along the way, its height along y.
    assert np.ptp(car.box_3d.corners_m, axis=0) == pytest.approx((2.0, 1.5, 4.0))
    # Its near face: x from -1 to 1 at z = 8.
    assert car.box_px == pytest.approx((400.5 - 75, 225.5 - 600 * 0.25 / 8, 400.5 + 75, 225.5 + 600 * 1.25 / 8))
    assert case.scene.regions[2].box_3d is not None
    assert case.scene.regions[2].box_3d.center_m == pytest.approx((-3, 0.6, 8.5))
    depth = case.scene.frames[0].given_depth
    assert depth is not None and np.allclose(depth.values[depth.valid], 8.0)
    rows, columns = np.nonzero(depth.valid)
    # Points of 1.7 m below the scanner lie 1.2 m below the camera.
    assert rows.max() == round(225 + 600 * 1.2 / 8) and columns.min() == round(400 - 600 * 0.85 / 8)
    check_claims(case.scene.claims, ("car 1", "car 2"), {("car 1", "car 2")})
    # The second sample's image is missing.
    assert list(data.reasons) == ["samples/CAM_FRONT/lost.jpg"] and len(data) == 2


def test_a_damaged_cloud_is_skipped(tmp_path: Path) -> None:
    data = NuScenes(save(tmp_path), limit=1)
    (tmp_path / CLOUD).write_bytes(b"1234")
    assert list(data) == [] and list(data.reasons) == [IMAGE]


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_or_damaged_table_is_named(tmp_path: Path, table: str) -> None:
    save(tmp_path)
    file = tmp_path / "v1.0-mini" / f"{table}.json"
    file.write_text("[{}]")
    with pytest.raises(InputError, match=rf"{table}\.json is not a table"):
        len(NuScenes(tmp_path))
    file.unlink()
    with pytest.raises(InputError, match=f"lacks v1.0-mini/{table}"):
        NuScenes(tmp_path)


def test_quaternions_begin_with_their_scalar() -> None:
    matrix = pose_matrix({"rotation": LEFT, "translation": [1, 2, 3]})
    assert np.allclose(matrix @ (1, 0, 0, 1), (1, 3, 3, 1))

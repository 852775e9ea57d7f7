"""Info files of mmdetection3d in their old and their new form, with the fields that its converters write."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from files_of_sets import save_image

KITTI_SIZE = (620, 188)
P2 = np.array([[360, 0, 304.0, 360 * 0.06], [0, 360, 86, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
TR = np.array([[0, -1, 0, 0.0], [0, 0, -1, -0.08], [1, 0, 0, -0.27], [0, 0, 0, 1]])
KINDS = ["Car", "Pedestrian", "DontCare"]
BOXES_PX = [[250.0, 80, 330, 120], [400, 80, 420, 130], [500, 80, 520, 90]]
# x, y, z of the bottom's centre in the rectified frame, length, height, width, yaw.
BOXES = [
    [-0.5, 1.65, 12, 4.0, 1.5, 1.6, math.pi / 2],
    [3, 1.65, 10, 0.7, 1.8, 0.6, 0],
    [-1000, -1000, -1000, -1, -1, -1, -10],
]
OCCLUDED, TRUNCATED = [0, 2, -1], [0.0, 0.1, -1.0]


def old_kitti(name: str = "000008") -> dict[str, Any]:
    boxes = np.array(BOXES)
    return {
        "image": {
            "image_idx": int(name),
            "image_path": f"training/image_2/{name}.png",
            "image_shape": np.array(KITTI_SIZE[::-1], dtype=np.int32),
        },
        "point_cloud": {"num_features": 4, "velodyne_path": f"training/velodyne/{name}.bin"},
        "calib": {"P0": P2, "P2": P2, "R0_rect": np.eye(4), "Tr_velo_to_cam": TR, "Tr_imu_to_velo": np.eye(4)},
        "annos": {
            "name": np.array(KINDS),
            "truncated": np.array(TRUNCATED),
            "occluded": np.array(OCCLUDED),
            "alpha": np.array([0.1, 0.2, -10]),
            "bbox": np.array(BOXES_PX),
            "dimensions": boxes[:, 3:6],
            "location": boxes[:, :3],
            "rotation_y": boxes[:, 6],
            "score": np.zeros(3),
            "index": np.array([0, 1, -1], dtype=np.int32),
            "difficulty": np.array([0, 1, -1], dtype=np.int32),
            "num_points_in_gt": np.array([800, 0, -1], dtype=np.int32),
        },
    }


def new_kitti(name: str = "000008") -> dict[str, Any]:
    return {
        "sample_idx": int(name),
        "images": {
            "CAM0": {"cam2img": P2.tolist()},
            "CAM2": {
                "img_path": f"{name}.png",
                "height": np.int32(KITTI_SIZE[1]),
                "width": np.int32(KITTI_SIZE[0]),
                "cam2img": P2.tolist(),
                "lidar2cam": TR.tolist(),
                "lidar2img": (P2 @ TR).tolist(),
            },
            "R0_rect": np.eye(4).tolist(),
        },
        "lidar_points": {
            "num_pts_feats": 4,
            "lidar_path": f"{name}.bin",
            "Tr_velo_to_cam": TR.tolist(),
            "Tr_imu_to_velo": np.eye(4).tolist(),
        },
        "instances": [
            {
                "bbox": BOXES_PX[at],
                "bbox_label": {"Car": 2, "Pedestrian": 0}.get(KINDS[at], -1),
                "bbox_3d": BOXES[at],
                "bbox_label_3d": {"Car": 2, "Pedestrian": 0}.get(KINDS[at], -1),
                "truncated": TRUNCATED[at],
                "occluded": OCCLUDED[at],
                "alpha": 0.1,
                "score": 0.0,
                "num_lidar_pts": 10,
            }
            for at in range(3)
        ],
    }


def new_form(dataset: str, *samples: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    categories = {name: number for number, name in enumerate(names)}
    info = {"categories": {**categories, "DontCare": -1}, "dataset": dataset, "info_version": "1.1"}
    return {"metainfo": info, "data_list": list(samples)}


def kitti_forms(*names: str) -> dict[str, Any]:
    classes = ("Pedestrian", "Cyclist", "Car", "Van", "Truck", "Person_sitting", "Tram", "Misc")
    return {
        "old": [old_kitti(name) for name in names],
        "new": new_form("kitti", *map(new_kitti, names), names=classes),
    }


def save_kitti(folder: Path, form: str, *names: str, points: str = "velodyne_reduced") -> Path:
    """A folder of mmdetection3d: images, points cut to the image, and no labels or calibrations."""
    # The back of the car: 10 m before camera 0, from 0.15 m to 1.65 m below it.
    y, z = np.meshgrid(np.linspace(-0.2, 1.2, 40), np.linspace(-1.5, -0.2, 20))
    cloud = np.stack((np.full(y.size, 10.27), y.ravel(), z.ravel(), np.ones(y.size)), axis=1)
    (folder / "training" / points).mkdir(parents=True)
    for name in names:
        save_image(folder / "training" / "image_2" / f"{name}.png", size=KITTI_SIZE)
        cloud.astype("<f4").tofile(folder / "training" / points / f"{name}.bin")
    (folder / "kitti_infos_val.pkl").write_bytes(pickle.dumps(kitti_forms(*names)[form], protocol=2))
    return folder


NUSCENES_SIZE = (800, 450)
INTRINSIC = np.array([[600, 0, 400], [0, 600, 225.0], [0, 0, 1]])
HALF = math.sqrt(0.5)
# The scanner's x is right, y forward, z up; it stands half a metre above the camera and half a metre behind it.
TO_CAMERA = np.array([[1, 0, 0, 0.0], [0, 0, -1, -0.5], [0, 1, 0, -0.5], [0, 0, 0, 1]])
IMAGE, CLOUD = "n008-2018-08-01__CAM_FRONT__1.jpg", "n008-2018-08-01__LIDAR_TOP__1.pcd.bin"
# Name, centre, length, width, height, yaw from the scanner's x, whether a return hit it.
THINGS: list[tuple[str, list[float], list[float], float, bool]] = [
    ("car", [0, 10.5, -1], [4, 2, 1.5], math.pi / 2, True),
    ("traffic_cone", [3, 8, -1.3], [0.4, 0.4, 1.0], 0.3, True),
    ("pedestrian", [-3, 9, -1.1], [0.6, 0.5, 1.8], 0, False),
    ("animal", [2, 9, -1.1], [1, 0.5, 0.8], 0, True),
    ("car", [0, -9, -1], [4, 2, 1.5], math.pi / 2, True),
]
NUSCENES = (
    "car", "truck", "trailer", "bus", "construction_vehicle", "bicycle", "motorcycle", "pedestrian", "traffic_cone",
    "barrier",
)  # fmt: skip


def old_nuscenes(*, is_second: bool = False) -> dict[str, Any]:
    """The form before 1.1; before 1.0, width came before length, and the yaw was that of SECOND."""
    boxes = np.array([[*center, *size, yaw] for _, center, size, yaw, _ in THINGS])
    if is_second:
        boxes = np.hstack((boxes[:, :3], boxes[:, [4, 3, 5]], -boxes[:, 6:] - np.pi / 2))
    to_lidar = np.linalg.inv(TO_CAMERA)
    return {
        "lidar_path": f"./data/nuscenes/samples/LIDAR_TOP/{CLOUD}",
        "token": "3e8750f331d7499e9b5123e9eb70f2e2",
        "sweeps": [],
        "cams": {
            "CAM_FRONT": {
                "data_path": f"./data/nuscenes/samples/CAM_FRONT/{IMAGE}",
                "type": "CAM_FRONT",
                "sensor2lidar_rotation": to_lidar[:3, :3],
                "sensor2lidar_translation": to_lidar[:3, 3],
                "cam_intrinsic": INTRINSIC,
                "timestamp": 1533151603512404,
            }
        },
        "lidar2ego_translation": [1, 0, 2],
        "lidar2ego_rotation": [HALF, 0, 0, -HALF],
        "ego2global_translation": [100, 50, 0],
        "ego2global_rotation": [HALF, 0, 0, HALF],
        "timestamp": 1533151603547590,
        "gt_boxes": boxes,
        "gt_names": np.array([name for name, *_ in THINGS]),
        "gt_velocity": np.zeros((len(THINGS), 2)),
        "num_lidar_pts": np.array([90 * hit for *_, hit in THINGS]),
        "num_radar_pts": np.zeros(len(THINGS), int),
        "valid_flag": np.array([hit for *_, hit in THINGS]),
    }


def new_nuscenes() -> dict[str, Any]:
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    ego2global, lidar2ego = np.eye(4), np.eye(4)
    ego2global[:3, :3], ego2global[:3, 3] = turn, (100, 50, 0)
    lidar2ego[:3, :3], lidar2ego[:3, 3] = turn.T, (1, 0, 2)
    return {
        "sample_idx": 0,
        "token": "3e8750f331d7499e9b5123e9eb70f2e2",
        "timestamp": 1533151603.54759,
        "ego2global": ego2global.tolist(),
        "images": {
            "CAM_FRONT": {
                "img_path": IMAGE,
                "cam2img": INTRINSIC.tolist(),
                "sample_data_token": "020d7b4f858147558106c504f7f31bef",
                "cam2ego": np.eye(4).tolist(),
                "lidar2cam": TO_CAMERA.tolist(),
            }
        },
        "lidar_points": {"num_pts_feats": 5, "lidar_path": CLOUD, "lidar2ego": lidar2ego.tolist()},
        "instances": [
            {
                "bbox_label": NUSCENES.index(name) if name in NUSCENES else -1,
                "bbox_3d": [*center, *size, yaw],
                "bbox_3d_isvalid": np.bool_(hit),
                "bbox_label_3d": NUSCENES.index(name) if name in NUSCENES else -1,
                "num_lidar_pts": np.int64(90 * hit),
                "velocity": [0.0, 0.0],
            }
            for name, center, size, yaw, hit in THINGS
        ],
        "cam_instances": {"CAM_FRONT": []},
    }


NUSCENES_FORMS: dict[str, Callable[[], Any]] = {
    "old": lambda: {"infos": [old_nuscenes()], "metadata": {"version": "v1.0-mini"}},
    "second": lambda: {"infos": [old_nuscenes(is_second=True)], "metadata": {"version": "v1.0-mini"}},
    "new": lambda: new_form("nuscenes", new_nuscenes(), names=NUSCENES),
}


def save_nuscenes(folder: Path, content: Any) -> Path:
    save_image(folder / "samples" / "CAM_FRONT" / IMAGE, size=NUSCENES_SIZE)
    (folder / "samples" / "LIDAR_TOP").mkdir()
    # The back of the car, 8 m before the camera.
    x, z = np.meshgrid(np.linspace(-0.85, 0.85, 20), np.linspace(-1.7, -0.3, 20))
    points = np.stack((x.ravel(), np.full(x.size, 8.5), z.ravel(), *np.zeros((2, x.size))), axis=1)
    points.astype("<f4").tofile(folder / "samples" / "LIDAR_TOP" / CLOUD)
    (folder / "nuscenes_infos_val.pkl").write_bytes(pickle.dumps(content, protocol=2))
    return folder

"""Info files of mmdetection3d: calibrations and boxes of KITTI and nuScenes, as pickles or JSON.

From version 1.1 on, ``{metainfo, data_list}`` with one dictionary per sample; before, a list of them (KITTI) or
``{infos, metadata}`` (nuScenes):

- https://mmdetection3d.readthedocs.io/en/latest/advanced_guides/datasets/kitti.html and ``nuscenes.html`` beside it,
- https://github.com/open-mmlab/mmdetection3d/tree/main/tools/dataset_converters: ``kitti_data_utils.py``,
  ``nuscenes_converter.py``, and ``update_infos_to_v2.py``, which tells how the old form becomes the new one.

Paths of the files are those of the machine that made the info file; only their names are used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.datasets.formats.kitti_files import KittiObject
from pipeline.datasets.formats.plain_pickles import MAX_BYTES, read_plain_pickle
from pipeline.geometry.projections import pose_of
from pipeline.records.errors import InputError

Info = Mapping[str, Any]
HOW = "make it again with mmdetection3d's create_data.py, or write it as JSON"
_DONT_CARE = "DontCare"
_KITTI = ("Pedestrian", "Cyclist", "Car", "Van", "Truck", "Person_sitting", "Tram", "Misc")
_NUSCENES = (
    "car", "truck", "trailer", "bus", "construction_vehicle", "bicycle", "motorcycle", "pedestrian", "traffic_cone",
    "barrier",
)  # fmt: skip
# All are longer than wide.
_LONG = frozenset(("car", "truck", "trailer", "bus", "bicycle", "motorcycle"))


@dataclass(frozen=True, eq=False)
class InfoFile:
    """Samples of an info file.

    Args:
        path: The file.
        samples: One dictionary each, unchecked.
        is_new: Whether it has the form of version 1.1.
        names: Names of classes by number, of the new form.
        swaps_sides: Whether boxes are those of nuScenes before version 1.0: width before length, and the negative yaw
            less a quarter turn.
    """

    path: Path
    samples: Sequence[Any]
    is_new: bool
    names: Mapping[int, str]
    swaps_sides: bool = False

    def damaged(self, what: str) -> InputError:
        """The error of a sample that lacks something."""
        return InputError(f"A sample of {self.path} has no usable {what}; {HOW}.")

    def part(self, sample: Any, *keys: str) -> Any:
        """What lies below the keys of a sample.

        Raises:
            InputError: If one is missing.
        """
        for key in keys:
            if not isinstance(sample, Mapping) or key not in sample:
                raise self.damaged(".".join(keys))
            sample = sample[key]
        return sample

    def array(self, sample: Any, *keys: str, shape: tuple[int, ...]) -> np.ndarray:
        """Finite numbers below the keys of a sample, float64, of that shape.

        Raises:
            InputError: If they are missing or something else.
        """
        found = self.part(sample, *keys)
        if not has_shape(found, shape):
            raise self.damaged(".".join(keys))
        try:
            numbers = np.array(found, dtype=np.float64)
        except OverflowError:
            raise self.damaged(".".join(keys)) from None
        if not np.isfinite(numbers).all():
            raise self.damaged(".".join(keys))
        return numbers

    def name(self, sample: Any, *keys: str) -> str:
        """Name of a file, without folders.

        Raises:
            InputError: If it is missing or no name.
        """
        path = self.part(sample, *keys)
        name = PurePosixPath(path.replace("\\", "/")).name if isinstance(path, str) else ""
        if name in ("", ".", "..") or "\0" in name:
            raise self.damaged(".".join(keys))
        return name


@dataclass(frozen=True, eq=False)
class NuScenesCamera:
    """One image of a sample of nuScenes.

    Args:
        image: Name of its file.
        intrinsics: float64 (3, 3) [px].
        lidar_to_camera: float64 (4, 4) [m].
    """

    image: str
    intrinsics: np.ndarray
    lidar_to_camera: np.ndarray


@dataclass(frozen=True, eq=False)
class LidarBox:
    """A box in the frame of the scanner: x right, y forward, z up.

    Args:
        name: Its class.
        center_m: float64 (3,).
        size_m: float64 (3,), along its own axes: length, width, height.
        yaw_rad: Rotation about z from x towards y.
    """

    name: str
    center_m: np.ndarray
    size_m: np.ndarray
    yaw_rad: float


def read_info_file(file: Path) -> InfoFile:
    """Read a pickle, or JSON of the same content.

    Raises:
        InputError: If it is damaged, holds more than plain data, or has no samples.
    """
    found = _content(file)
    if isinstance(found, Mapping) and isinstance(found.get("data_list"), list):
        return InfoFile(file, found["data_list"], True, _names(found.get("metainfo"), found["data_list"]))
    samples = found.get("infos") if isinstance(found, Mapping) else found
    if not isinstance(samples, list):
        raise InputError(f"{file} has neither data_list nor infos of mmdetection3d; {HOW}.")
    return InfoFile(file, samples, False, {}, _swaps_sides(samples))


def _content(file: Path) -> Any:
    if file.suffix.lower() != ".json":
        return read_plain_pickle(file, HOW)
    if file.stat().st_size > MAX_BYTES:
        raise InputError(f"{file} is larger than {MAX_BYTES // 10**9} GB; {HOW}.")
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        raise InputError(f"{file} is not JSON; {HOW}.") from None


def _names(metainfo: Any, samples: Sequence[Any]) -> dict[int, str]:
    """Names of classes by number; those of the data set where the file does not list them."""
    categories = metainfo.get("categories") if isinstance(metainfo, Mapping) else None
    if isinstance(categories, Mapping) and all(type(number) is int for number in categories.values()):
        return {number: str(name) for name, number in categories.items()}
    first = samples[0] if samples and isinstance(samples[0], Mapping) else {}
    images = first.get("images")
    return dict(enumerate(_KITTI if isinstance(images, Mapping) and "CAM2" in images else _NUSCENES))


def _swaps_sides(samples: Sequence[Any]) -> bool:
    """Whether vehicles are wider than long as version 1.0 writes their sides, so that an older version wrote them."""
    wider = longer = 0
    for sample in samples:
        names, boxes = (sample.get(key) if isinstance(sample, Mapping) else None for key in ("gt_names", "gt_boxes"))
        if not isinstance(boxes, np.ndarray) or boxes.ndim != 2 or boxes.shape[1] < 7 or boxes.dtype.kind != "f":
            continue
        if not isinstance(names, np.ndarray) or names.shape != (len(boxes),) or names.dtype.kind != "U":
            continue
        first, second = boxes[[name in _LONG for name in names.tolist()], 3:5].T
        wider, longer = wider + int((first < second).sum()), longer + int((first > second).sum())
        if wider + longer > 1000:
            break
    return wider > longer


def has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether nested lists, or an array, hold numbers of that shape.

    Never looks at more than that many: lists of a pickle may hold themselves.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.shape == shape and value.dtype.kind in "fiub"
    if not shape:
        return isinstance(value, int | float | np.number)
    return (
        isinstance(value, list | tuple) and len(value) == shape[0] and all(has_shape(part, shape[1:]) for part in value)
    )


def kitti_files(infos: InfoFile, sample: Any) -> tuple[str, str]:
    """Names of a sample's image and points.

    Raises:
        InputError: If one is missing.
    """
    if infos.is_new:
        return infos.name(sample, "images", "CAM2", "img_path"), infos.name(sample, "lidar_points", "lidar_path")
    return infos.name(sample, "image", "image_path"), infos.name(sample, "point_cloud", "velodyne_path")


def kitti_calibration(infos: InfoFile, sample: Any) -> dict[str, np.ndarray]:
    """Matrices ``P2`` (3 x 4), ``R0_rect`` (3 x 3) and ``Tr_velo_to_cam`` (3 x 4), as of a calibration file.

    Raises:
        InputError: If one is missing.
    """
    keys: dict[str, tuple[str, ...]] = {name: ("calib", name) for name in ("P2", "R0_rect", "Tr_velo_to_cam")}
    if infos.is_new:
        keys = {
            "P2": ("images", "CAM2", "cam2img"),
            "R0_rect": ("images", "R0_rect"),
            "Tr_velo_to_cam": ("lidar_points", "Tr_velo_to_cam"),
        }
    sizes = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}
    return {
        name: infos.array(sample, *keys[name], shape=(4, 4))[:rows, :columns] for name, (rows, columns) in sizes.items()
    }


def kitti_objects(infos: InfoFile, sample: Any) -> list[KittiObject]:
    """Objects of a sample, as of a label file.

    Raises:
        InputError: If one has no class, no box in the image or none in space.
    """
    if not infos.is_new:
        return _old_kitti_objects(infos, sample)
    objects = []
    for item in _list(infos, sample, "instances"):
        label = infos.part(item, "bbox_label_3d")
        kind = infos.names.get(label, _DONT_CARE) if isinstance(label, int) and label >= 0 else _DONT_CARE
        box_px, box = infos.array(item, "bbox", shape=(4,)), infos.array(item, "bbox_3d", shape=(7,))
        shares = [float(infos.array(item, key, shape=())) for key in ("truncated", "occluded")]
        objects.append(_kitti_object(kind, shares, box_px, box))
    return objects


def _old_kitti_objects(infos: InfoFile, sample: Any) -> list[KittiObject]:
    kinds = infos.part(sample, "annos", "name")
    kinds = kinds.tolist() if isinstance(kinds, np.ndarray) and kinds.ndim == 1 else kinds
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise infos.damaged("annos.name")
    count = len(kinds)
    columns = {"truncated": (), "occluded": (), "bbox": (4,), "location": (3,), "dimensions": (3,), "rotation_y": ()}
    values = {key: infos.array(sample, "annos", key, shape=(count, *shape)) for key, shape in columns.items()}
    boxes = np.hstack((values["location"], values["dimensions"], values["rotation_y"][:, None]))
    return [
        _kitti_object(
            kinds[at], [float(values["truncated"][at]), float(values["occluded"][at])], values["bbox"][at], boxes[at]
        )
        for at in range(count)
    ]


def _kitti_object(kind: str, shares: Sequence[float], box_px: np.ndarray, box: np.ndarray) -> KittiObject:
    """An object of a box (x, y, z of the bottom's centre, length, height, width, yaw) in the rectified frame."""
    x, y, z, long, tall, wide, yaw_rad = box.tolist()
    left, top, right, bottom = box_px.tolist()
    truncated, occluded = shares
    corners = (left, top, right, bottom)
    return KittiObject(kind, truncated, int(occluded), corners, (tall, wide, long), (x, y, z), yaw_rad)


def _list(infos: InfoFile, sample: Any, key: str) -> list[Any]:
    found = infos.part(sample, key)
    if not isinstance(found, list):
        raise infos.damaged(key)
    return found


def nuscenes_channels(infos: InfoFile, sample: Any) -> list[str]:
    """Names of the cameras of a sample of nuScenes."""
    found = sample.get("images" if infos.is_new else "cams") if isinstance(sample, Mapping) else None
    return list(found) if isinstance(found, Mapping) else []


def nuscenes_points(infos: InfoFile, sample: Any) -> str:
    """Name of the file of a sample's points.

    Raises:
        InputError: If it is missing.
    """
    return infos.name(sample, *(("lidar_points", "lidar_path") if infos.is_new else ("lidar_path",)))


def nuscenes_camera(infos: InfoFile, sample: Any, channel: str) -> NuScenesCamera:
    """A camera of a sample.

    Raises:
        InputError: If a part of it is missing.
    """
    if infos.is_new:
        keys = ("images", channel)
        name = infos.name(sample, *keys, "img_path")
        pose = infos.array(sample, *keys, "lidar2cam", shape=(4, 4))
        return NuScenesCamera(name, infos.array(sample, *keys, "cam2img", shape=(3, 3)), pose)
    keys = ("cams", channel)
    # Points of the camera are taken to the scanner's frame by the stored motion.
    rotation = infos.array(sample, *keys, "sensor2lidar_rotation", shape=(3, 3))
    shift = infos.array(sample, *keys, "sensor2lidar_translation", shape=(3,))
    pose = pose_of(rotation.T, -rotation.T @ shift)
    name = infos.name(sample, *keys, "data_path")
    return NuScenesCamera(name, infos.array(sample, *keys, "cam_intrinsic", shape=(3, 3)), pose)


def nuscenes_up(infos: InfoFile, sample: Any) -> np.ndarray:
    """Direction against gravity in the scanner's frame, float64 (3,).

    Raises:
        InputError: If a pose is missing.
    """
    if infos.is_new:
        global_rotation = infos.array(sample, "ego2global", shape=(4, 4))[:3, :3]
        own_rotation = infos.array(sample, "lidar_points", "lidar2ego", shape=(4, 4))[:3, :3]
    else:
        global_rotation, own_rotation = (
            _turn(infos, sample, key) for key in ("ego2global_rotation", "lidar2ego_rotation")
        )
    up: np.ndarray = (global_rotation @ own_rotation)[2]
    return up


def _turn(infos: InfoFile, sample: Any, key: str) -> np.ndarray:
    w, x, y, z = infos.array(sample, key, shape=(4,))
    if not any((w, x, y, z)):
        raise infos.damaged(key)
    matrix: np.ndarray = Rotation.from_quat((x, y, z, w)).as_matrix()
    return matrix


def nuscenes_boxes(infos: InfoFile, sample: Any) -> list[LidarBox]:
    """Boxes of known classes that hold points of the scanner or a radar.

    Raises:
        InputError: If one has no class or no numbers.
    """
    if infos.is_new:
        return [
            LidarBox(infos.names[label], box[:3], box[3:6], float(box[6]))
            for item in _list(infos, sample, "instances")
            if isinstance(label := infos.part(item, "bbox_label_3d"), int) and label >= 0 and label in infos.names
            if item.get("bbox_3d_isvalid", True)
            for box in (infos.array(item, "bbox_3d", shape=(7,)),)
        ]
    names = infos.part(sample, "gt_names")
    if not isinstance(names, np.ndarray) or names.ndim != 1 or names.dtype.kind != "U":
        raise infos.damaged("gt_names")
    boxes = infos.array(sample, "gt_boxes", shape=(len(names), 7))
    valid = sample.get("valid_flag")
    has_flags = isinstance(valid, np.ndarray) and valid.shape == names.shape
    kept = [at for at, name in enumerate(names.tolist()) if name in _NUSCENES and (not has_flags or valid[at])]
    if infos.swaps_sides:
        boxes = np.hstack((boxes[:, :3], boxes[:, [4, 3, 5]], -boxes[:, 6:] - np.pi / 2))
    return [LidarBox(str(names[at]), boxes[at, :3], boxes[at, 3:6], float(boxes[at, 6])) for at in kept]

"""nuScenes: six cameras, a LiDAR, boxes in space.

Format: https://www.nuscenes.org/nuscenes#data-format (Caesar et al. 2020, CC BY-NC-SA 4.0). Tables of a version are
JSON lists whose entries refer to each other by ``token``; ``sample_annotation`` has centre, (width, length, height) and
a quaternion (w, x, y, z) in the global frame, with x along the length; ``LIDAR_TOP/*.pcd.bin`` is float32 x, y, z,
intensity, ring. Calibrations and boxes may also come from an info file of mmdetection3d, see ``formats.info_files``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.datasets.annotated.boxes import box_in_camera, image_of_boxes, projected_box, turn_about_z
from pipeline.datasets.annotated.claims import AnnotatedDataset, ClaimCount
from pipeline.datasets.annotated.objects import AnnotatedObject, object_of_box, unique_labels
from pipeline.datasets.arguments import existing_folder, existing_parts
from pipeline.datasets.base import Case, reader
from pipeline.datasets.formats.info_files import (
    nuscenes_boxes,
    nuscenes_camera,
    nuscenes_channels,
    nuscenes_points,
    nuscenes_up,
    read_info_file,
)
from pipeline.geometry.projections import moved, pose_of
from pipeline.ingest.files import existing_file
from pipeline.ingest.images import read_image
from pipeline.ingest.lidar import scanned_frame
from pipeline.ingest.point_files import read_points
from pipeline.records import Box3D, Camera
from pipeline.records.errors import InputError
from pipeline.records.settings import Text

Row = Mapping[str, Any]
TABLES = (
    "sample", "sample_data", "calibrated_sensor", "ego_pose", "sample_annotation", "instance", "category", "sensor",
)  # fmt: skip
_WHAT = "nuScenes"
_HOW = "download a version of nuscenes.org, such as v1.0-mini, and unpack it there"
_LIDAR = "LIDAR_TOP"
_LIDAR_VALUES = 5
# Visibility of an annotation over all six images: 1 is up to 40 %, 4 is 80 % and more.
_MOSTLY_HIDDEN = "1"
_IS_HIDDEN = {"2": True, "3": True, "4": False}
_FARTHEST_M = 60.0
# Info files that are looked for where the tables are missing.
_INFOS = ("nuscenes_infos_val.pkl", "nuscenes_infos_train.pkl")


@dataclass(frozen=True, eq=False)
class _Image:
    """One image of a sample.

    Args:
        image: Its file.
        points: File of the scanner's points.
        intrinsics: float64 (3, 3) [px].
        lidar_to_camera: float64 (4, 4) [m].
        up: float64 (3,), against gravity in the camera's frame.
        boxes: Class, box in the camera's frame and visibility of every annotation.
        group: What is resampled as a whole.
    """

    image: Path
    points: Path
    intrinsics: np.ndarray
    lidar_to_camera: np.ndarray
    up: np.ndarray
    boxes: Sequence[tuple[str, Box3D, str]]
    group: str


@reader
class NuScenes(AnnotatedDataset[tuple[str, str]]):
    """nuScenes key frames, one case per camera.

    Args:
        path: Folder that holds the version's tables and ``samples``.
        version: Name of the folder of tables.
        cameras: Channels of the cameras to read.
        claims_per_scene: Claims per image.
        relations: Names of relations to draw from; None takes all.
        seed: Random seed.
        info: Info file of mmdetection3d that gives calibrations and boxes in place of the tables, relative to ``path``
            unless absolute; None takes the tables, or where their folder is missing, the info file of its usual name.
            It says nothing of how much of an object is visible.
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or a table is missing.
    """

    name = "nuscenes"

    path: Text | Path = field(kw_only=False)
    version: str = "v1.0-mini"
    cameras: Sequence[str] = ("CAM_FRONT",)
    claims_per_scene: ClaimCount = 20
    info: Text | Path | None = None

    def __post_init__(self) -> None:
        """Check the folder."""
        self.folder = existing_folder(self.path, _WHAT, _HOW)
        info = self._info_file()
        self._infos = None if info is None else read_info_file(info)
        if self._infos is not None:
            existing_parts(self.folder, ["samples"], _WHAT, _HOW)
            return
        existing_parts(self.folder, [f"{self.version}/{table}.json" for table in TABLES], _WHAT, _HOW)

    def _info_file(self) -> Path | None:
        if self.info is not None:
            return existing_file(self.folder / self.info, "an info file")
        if (self.folder / self.version).is_dir():
            return None
        return next((self.folder / name for name in _INFOS if (self.folder / name).is_file()), None)

    @cached_property
    def _tables(self) -> dict[str, dict[str, Row]]:
        """Rows of every table by token, read when first needed."""
        return {table: read_table(self.folder / self.version / f"{table}.json") for table in TABLES}

    @cached_property
    def _key_frames(self) -> dict[str, dict[str, Row]]:
        """For each sample, its key frames by channel."""
        found: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in self._tables["sample_data"].values():
            if row["is_key_frame"]:
                sensor = self._tables["calibrated_sensor"][row["calibrated_sensor_token"]]["sensor_token"]
                found[row["sample_token"]][self._tables["sensor"][sensor]["channel"]] = row
        return found

    @cached_property
    def _annotations(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self._tables["sample_annotation"].values():
            found[row["sample_token"]].append(row)
        return found

    def entries(self) -> Sequence[tuple[str, str]]:
        """Tokens of samples in the order of time, or their numbers in an info file, each with a camera's channel."""
        if self._infos is not None:
            return [
                (str(number), channel)
                for number, sample in enumerate(self._infos.samples)
                for channel in self.cameras
                if channel in nuscenes_channels(self._infos, sample)
            ]
        samples = sorted(self._tables["sample"].values(), key=lambda row: (row["timestamp"], row["token"]))
        return [
            (row["token"], channel)
            for row in samples
            for channel in self.cameras
            if channel in self._key_frames[row["token"]]
        ]

    def entry_name(self, entry: tuple[str, str]) -> str:
        """File of the image, or where an info file does not name it, the number of its sample."""
        if self._infos is not None:
            try:
                return nuscenes_camera(self._infos, self._infos.samples[int(entry[0])], entry[1]).image
            except InputError:
                return f"sample {entry[0]} {entry[1]}"
        return str(self._key_frames[entry[0]][entry[1]]["filename"])

    def case(self, entry: tuple[str, str], index: int) -> Case | None:
        """Read one image with the points and boxes of its sample."""
        token, channel = entry
        found = self._of_tables(token, channel) if self._infos is None else self._of_infos(int(token), channel)
        rgb = read_image(found.image)
        height, width = rgb.shape[:2]
        (fx, _, cx), (_, fy, cy), _ = found.intrinsics.tolist()
        camera = Camera(fx, fy, cx, cy, width, height)
        points = read_points(found.points, _LIDAR_VALUES, "file of LiDAR points")[:, :3]
        points = moved(points, found.lidar_to_camera)
        objects, hidden = _objects(found, camera, points)
        if not objects:
            return None
        return self.written(
            f"nuscenes-{token}-{channel}" if self._infos is None else f"nuscenes-{found.image.stem}",
            index,
            scanned_frame(rgb, camera, points, name=found.image.stem),
            image_of_boxes(objects, camera, hidden=hidden),
            boxes_3d=True,
            group=found.group,
            tags={"camera": channel},
        )

    def _of_tables(self, token: str, channel: str) -> _Image:
        data = self._key_frames[token][channel]
        sensor = self._tables["calibrated_sensor"][data["calibrated_sensor_token"]]
        to_camera = np.linalg.inv(self._to_global(data))
        scanner = self._key_frames[token].get(_LIDAR)
        if scanner is None:
            raise InputError(f"Sample {token} has no {_LIDAR}; unpack all parts of the version.")
        boxes = []
        for row in self._annotations[token]:
            wide, long, tall = row["size"]
            pose = to_camera @ pose_matrix(row)
            box = box_in_camera(pose[:3, 3], np.array((long, wide, tall)), pose[:3, :3])
            boxes.append((self._name(row), box, str(row.get("visibility_token", ""))))
        return _Image(
            self.folder / data["filename"],
            self.folder / scanner["filename"],
            np.array(sensor["camera_intrinsic"], dtype=np.float64),
            to_camera @ self._to_global(scanner),
            to_camera[:3, 2],
            boxes,
            str(self._tables["sample"][token]["scene_token"]),
        )

    def _of_infos(self, number: int, channel: str) -> _Image:
        assert self._infos is not None
        sample = self._infos.samples[number]
        camera = nuscenes_camera(self._infos, sample, channel)
        to_camera = camera.lidar_to_camera
        boxes = []
        for item in nuscenes_boxes(self._infos, sample):
            rotation = to_camera[:3, :3] @ turn_about_z(item.yaw_rad)
            box = box_in_camera(moved(item.center_m[None], to_camera)[0], item.size_m, rotation)
            boxes.append((_noun(item.name), box, ""))
        return _Image(
            self.folder / "samples" / channel / camera.image,
            self.folder / "samples" / _LIDAR / nuscenes_points(self._infos, sample),
            camera.intrinsics,
            to_camera,
            to_camera[:3, :3] @ nuscenes_up(self._infos, sample),
            boxes,
            # Files begin with the recording, as n015-2018-07-24-11-22-45+0800__CAM_FRONT__1532402927612460.jpg.
            camera.image.partition("__")[0],
        )

    def _to_global(self, data: Row) -> np.ndarray:
        """Motion, float64 (4, 4), from a sensor's frame to the global one, at the time of its data."""
        sensor = self._tables["calibrated_sensor"][data["calibrated_sensor_token"]]
        matrix: np.ndarray = pose_matrix(self._tables["ego_pose"][data["ego_pose_token"]]) @ pose_matrix(sensor)
        return matrix

    def _name(self, annotation: Row) -> str:
        """Noun of a category: ``car`` of ``vehicle.car``, ``pedestrian`` of ``human.pedestrian.adult``."""
        instance = self._tables["instance"][annotation["instance_token"]]
        parts = str(self._tables["category"][instance["category_token"]]["name"]).split(".")
        return _noun(parts[1] if len(parts) > 1 else parts[0])


def _noun(name: str) -> str:
    return "traffic cone" if name == "trafficcone" else name.replace("_", " ")


def _objects(found: _Image, camera: Camera, points_m: np.ndarray) -> tuple[list[AnnotatedObject], dict[str, bool]]:
    """Objects that the image shows, and which of them are partly hidden."""
    up = tuple(float(value) for value in found.up)
    boxes = []
    for name, box, visibility in found.boxes:
        box_px = projected_box(box, camera)
        # Of what lies behind the camera with most of it, the image shows little that the annotation tells.
        if box_px is None or not 0 < box.center_m[2] <= _FARTHEST_M or visibility == _MOSTLY_HIDDEN:
            continue
        boxes.append((name, box_px, box, visibility))
    labels = unique_labels(name for name, *_ in boxes)
    objects = [
        object_of_box(label, box_px, box, points_m=points_m, up=up)  # type: ignore[arg-type]
        for label, (_, box_px, box, _) in zip(labels, boxes, strict=True)
    ]
    hidden = {
        label: _IS_HIDDEN[visibility]
        for label, (*_, visibility) in zip(labels, boxes, strict=True)
        if visibility in _IS_HIDDEN
    }
    return objects, hidden


def pose_matrix(row: Row) -> np.ndarray:
    """Motion, float64 (4, 4), of a row's ``rotation`` (w, x, y, z) and ``translation`` [m]."""
    w, x, y, z = row["rotation"]
    return pose_of(Rotation.from_quat((x, y, z, w)).as_matrix(), row["translation"])


def read_table(file: Path) -> dict[str, Row]:
    """Rows of a table by token.

    Raises:
        InputError: If the file is not such a table.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return {row["token"]: row for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not a table of nuScenes ({error!r}); {_HOW}.") from None

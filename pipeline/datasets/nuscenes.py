"""nuScenes: six cameras, a LiDAR, boxes in space.

Format: https://www.nuscenes.org/nuscenes#data-format (Caesar et al. 2020, CC BY-NC-SA 4.0). Tables of a version are
JSON lists whose entries refer to each other by ``token``; ``sample_annotation`` has centre, (width, length, height) and
a quaternion (w, x, y, z) in the global frame, with x along the length; ``LIDAR_TOP/*.pcd.bin`` is float32 x, y, z,
intensity, ring.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.datasets.annotated.boxes import box_in_camera, image_of_boxes, projected_box
from pipeline.datasets.annotated.claims import AnnotatedDataset, ClaimCount
from pipeline.datasets.annotated.objects import AnnotatedObject, object_of_box, unique_labels
from pipeline.datasets.arguments import existing_folder, existing_parts
from pipeline.datasets.base import Case, reader
from pipeline.geometry.projections import moved, pose_of
from pipeline.ingest.images import read_image
from pipeline.ingest.lidar import scanned_frame
from pipeline.ingest.point_files import read_points
from pipeline.records import Camera
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
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or a table is missing.
    """

    name = "nuscenes"

    path: Text | Path = field(kw_only=False)
    version: str = "v1.0-mini"
    cameras: Sequence[str] = ("CAM_FRONT",)
    claims_per_scene: ClaimCount = 20

    def __post_init__(self) -> None:
        """Check the folder."""
        self.folder = existing_folder(self.path, _WHAT, _HOW)
        existing_parts(self.folder, [f"{self.version}/{table}.json" for table in TABLES], _WHAT, _HOW)

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
        """Tokens of samples in the order of time, each with a camera's channel."""
        samples = sorted(self._tables["sample"].values(), key=lambda row: (row["timestamp"], row["token"]))
        return [
            (row["token"], channel)
            for row in samples
            for channel in self.cameras
            if channel in self._key_frames[row["token"]]
        ]

    def entry_name(self, entry: tuple[str, str]) -> str:
        """File of the image."""
        return str(self._key_frames[entry[0]][entry[1]]["filename"])

    def case(self, entry: tuple[str, str], index: int) -> Case | None:
        """Read one image with the points and boxes of its sample."""
        token, channel = entry
        data = self._key_frames[token][channel]
        rgb = read_image(self.folder / data["filename"])
        height, width = rgb.shape[:2]
        sensor = self._tables["calibrated_sensor"][data["calibrated_sensor_token"]]
        (fx, _, cx), (_, fy, cy), _ = sensor["camera_intrinsic"]
        camera = Camera(fx, fy, cx, cy, width, height)
        to_camera = np.linalg.inv(self._to_global(data))
        scanner = self._key_frames[token].get(_LIDAR)
        if scanner is None:
            raise InputError(f"Sample {token} has no {_LIDAR}; unpack all parts of the version.")
        points = read_points(self.folder / scanner["filename"], _LIDAR_VALUES, "file of LiDAR points")[:, :3]
        points = moved(points, to_camera @ self._to_global(scanner))
        objects, hidden = self._objects(token, camera, to_camera, points)
        if not objects:
            return None
        return self.written(
            f"nuscenes-{token}-{channel}",
            index,
            scanned_frame(rgb, camera, points, name=Path(data["filename"]).stem),
            image_of_boxes(objects, camera, hidden=hidden),
            boxes_3d=True,
            group=str(self._tables["sample"][token]["scene_token"]),
            tags={"camera": channel},
        )

    def _to_global(self, data: Row) -> np.ndarray:
        """Motion, float64 (4, 4), from a sensor's frame to the global one, at the time of its data."""
        sensor = self._tables["calibrated_sensor"][data["calibrated_sensor_token"]]
        matrix: np.ndarray = pose_matrix(self._tables["ego_pose"][data["ego_pose_token"]]) @ pose_matrix(sensor)
        return matrix

    def _objects(
        self, token: str, camera: Camera, to_camera: np.ndarray, points_m: np.ndarray
    ) -> tuple[list[AnnotatedObject], dict[str, bool]]:
        up = tuple(float(value) for value in to_camera[:3, 2])
        boxes = []
        for row in self._annotations[token]:
            wide, long, tall = row["size"]
            pose = to_camera @ pose_matrix(row)
            box = box_in_camera(pose[:3, 3], np.array((long, wide, tall)), pose[:3, :3])
            box_px = projected_box(box, camera)
            visibility = str(row.get("visibility_token", ""))
            if box_px is None or box.center_m[2] > _FARTHEST_M or visibility == _MOSTLY_HIDDEN:
                continue
            boxes.append((self._name(row), box_px, box, visibility))
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

    def _name(self, annotation: Row) -> str:
        """Noun of a category: ``car`` of ``vehicle.car``, ``pedestrian`` of ``human.pedestrian.adult``."""
        instance = self._tables["instance"][annotation["instance_token"]]
        parts = str(self._tables["category"][instance["category_token"]]["name"]).split(".")
        noun = parts[1] if len(parts) > 1 else parts[0]
        return "traffic cone" if noun == "trafficcone" else noun.replace("_", " ")


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

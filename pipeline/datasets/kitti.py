"""KITTI's object data set: images, LiDAR, boxes in 2D and 3D.

Format: the readme of the development kit, https://www.cvlibs.net/datasets/kitti/eval_object.php (Geiger et al. 2012,
CC BY-NC-SA 3.0). ``label_2/*.txt`` has one object a line: type, truncated, occluded, alpha, box (left, top, right,
bottom), height, width, length, location of the bottom's centre in the rectified frame of camera 0, rotation about its
y axis. ``calib/*.txt`` has ``P2``, ``R0_rect`` and ``Tr_velo_to_cam``; ``velodyne/*.bin`` float32 x, y, z, reflectance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.datasets.base import Case
from pipeline.datasets.formats.points import moved, rasterised, split_projection
from pipeline.datasets.from_boxes import box_in_camera, image_of_boxes, turn_about_y
from pipeline.datasets.reading import (
    FileDataset,
    check_count,
    check_relations,
    existing_folder,
    existing_parts,
)
from pipeline.datasets.things import thing_of_box, unique_labels
from pipeline.datasets.writing import claims_of
from pipeline.ingest.images import read_image
from pipeline.records import Box, DepthMap, Frame, Scene
from pipeline.records.errors import InputError

_WHAT = "the KITTI object data set"
_HOW = "download the left colour images, labels, calibration and Velodyne points of cvlibs.net and unpack them there"
_PARTS = ("image_2", "label_2", "calib", "velodyne")
_FIELDS = 15
_NOT_CARED_FOR = "DontCare"
# More of an object outside of the image than this, and its box there says little about it.
_MOST_TRUNCATED = 0.5
_FULLY_VISIBLE, _HIDDEN = 0, (1, 2)


@dataclass(frozen=True)
class KittiObject:
    """One line of a label file.

    Args:
        kind: Type, as ``Car``.
        truncated: Share outside of the image, in [0, 1].
        occluded: 0 visible, 1 partly hidden, 2 largely hidden, 3 unknown.
        box_px: (left, top, right, bottom) [px].
        size_m: (height, width, length) [m].
        location_m: Centre of its bottom in the rectified frame of camera 0 [m].
        rotation_y_rad: Rotation about that frame's y axis [rad].
    """

    kind: str
    truncated: float
    occluded: int
    box_px: Box
    size_m: tuple[float, float, float]
    location_m: tuple[float, float, float]
    rotation_y_rad: float


class Kitti(FileDataset[str]):
    """KITTI object frames with LiDAR depth.

    Args:
        path: The folder ``training``, or the one that holds it.
        radius_px: Half side of the square that a LiDAR point covers in the depth map [px].
        claims_per_scene: Claims per image.
        relations: Names of relations to draw from; None takes all.
        seed: Seed of what is drawn.
        limit: Most cases.

    Raises:
        InputError: If the folder or a part of it is missing.
    """

    name = "kitti"

    def __init__(
        self,
        path: str | Path,
        *,
        radius_px: int = 2,
        claims_per_scene: int = 20,
        relations: Sequence[str] | None = None,
        seed: int = 0,
        limit: int | None = None,
    ) -> None:
        super().__init__(limit)
        folder = existing_folder(path, _WHAT, _HOW)
        self.folder = folder / "training" if (folder / "training").is_dir() else folder
        existing_parts(self.folder, _PARTS, _WHAT, _HOW)
        self.radius_px = check_count("radius_px", radius_px)
        self.claims_per_scene = check_count("claims_per_scene", claims_per_scene, 2)
        self.relations = check_relations(relations)
        self.seed = seed
        self._stems: list[str] | None = None

    def entries(self) -> Sequence[str]:
        """Numbers of the images, as ``000042``."""
        if self._stems is None:
            self._stems = sorted(file.stem for file in (self.folder / "label_2").glob("*.txt"))
        return self._stems

    def entry_name(self, entry: str) -> str:
        """The image's number."""
        return entry

    def case(self, entry: str, index: int) -> Case | None:
        """Read one image with its points and objects."""
        rgb = read_image(self.folder / "image_2" / f"{entry}.png")
        height, width = rgb.shape[:2]
        calibration = read_calibration(self.folder / "calib" / f"{entry}.txt")
        # Rectified frame of camera 0 to camera 2.
        camera, to_camera = split_projection(calibration["P2"], width, height)
        points = moved(
            read_lidar(self.folder / "velodyne" / f"{entry}.bin"), to_camera @ velodyne_to_rectified(calibration)
        )
        values, valid = rasterised(points, camera, radius_px=self.radius_px)
        objects = [
            item
            for item in read_labels(self.folder / "label_2" / f"{entry}.txt")
            if item.kind != _NOT_CARED_FOR and item.truncated <= _MOST_TRUNCATED
        ]
        labels = unique_labels(item.kind.replace("_", " ").lower() for item in objects)
        things = []
        for label, item in zip(labels, objects, strict=True):
            tall, wide, long = item.size_m
            centre = moved(np.array([item.location_m]) - (0, tall / 2, 0), to_camera)[0]
            rotation = to_camera[:3, :3] @ turn_about_y(item.rotation_y_rad)
            box = box_in_camera(centre, np.array((long, tall, wide)), rotation)
            things.append(thing_of_box(label, item.box_px, box, points_m=points))
        if not things:
            return None
        hidden = {
            label: item.occluded in _HIDDEN
            for label, item in zip(labels, objects, strict=True)
            if item.occluded in (_FULLY_VISIBLE, *_HIDDEN)
        }
        image = image_of_boxes(things, camera, hidden=hidden)
        claims = claims_of(
            image, np.random.default_rng([self.seed, index]), self.claims_per_scene, relations=self.relations
        )
        depth = DepthMap(values, valid, "metric", "sensor", backend="lidar")  # type: ignore[arg-type]
        return Case(
            Scene(
                f"kitti-{entry}",
                (Frame(rgb, camera, given_depth=depth, name=entry),),
                regions=tuple(thing.region(mask=False, box_3d=True) for thing in things),
                claims=claims,
            ),
            tags={"objects": str(len(things))},
        )


def read_labels(file: Path) -> list[KittiObject]:
    """Objects of a label file.

    Raises:
        InputError: If a line has too few or wrong fields.
    """
    objects = []
    for line in _lines(file, "label"):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < _FIELDS:
            raise InputError(f"The label file {file} has a line with {len(fields)} fields; {_FIELDS} are needed.")
        numbers = _numbers(fields[1:_FIELDS])
        if numbers is None:
            raise InputError(f"The label file {file} has a line whose fields after the type are not all numbers.")
        truncated, occluded, _, left, top, right, bottom, tall, wide, long, x, y, z, rotation_y_rad = numbers
        objects.append(
            KittiObject(
                fields[0],
                truncated,
                int(occluded),
                (left, top, right, bottom),
                (tall, wide, long),
                (x, y, z),
                rotation_y_rad,
            )
        )
    return objects


def read_calibration(file: Path) -> dict[str, np.ndarray]:
    """Matrices of a calibration file: 3 x 4, ``R0_rect`` 3 x 3.

    Raises:
        InputError: If one that is needed is missing.
    """
    matrices = {}
    for line in _lines(file, "calibration"):
        name, _, written = line.partition(":")
        numbers = _numbers(written.split())
        if numbers and len(numbers) % 3 == 0:
            matrices[name.strip()] = np.array(numbers).reshape(3, -1)
    shapes = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}
    wrong = [name for name, shape in shapes.items() if name not in matrices or matrices[name].shape != shape]
    if wrong:
        raise InputError(f"The calibration file {file} lacks {', '.join(wrong)}, or holds too few numbers of it.")
    return matrices


def _lines(file: Path, what: str) -> list[str]:
    try:
        return file.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"The {what} file {file} is damaged, as it is no plain text; copy it again.") from None


def _numbers(fields: Sequence[str]) -> list[float] | None:
    """Finite numbers of fields of text, or None where one is none."""
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def velodyne_to_rectified(calibration: Mapping[str, np.ndarray]) -> np.ndarray:
    """Motion, float64 (4, 4), from the scanner's frame to the rectified frame of camera 0."""
    rectify, to_camera = np.eye(4), np.eye(4)
    rectify[:3, :3] = calibration["R0_rect"]
    to_camera[:3] = calibration["Tr_velo_to_cam"]
    motion: np.ndarray = rectify @ to_camera
    return motion


def read_lidar(file: Path, values: int = 4) -> np.ndarray:
    """Points of a binary file of float32, float32 (N, 3).

    Args:
        file: The file.
        values: Numbers per point, of which the first three are x, y and z.

    Raises:
        InputError: If it is empty or ends within a point.
    """
    content = file.read_bytes()
    if not content or len(content) % (4 * values):
        raise InputError(f"The velodyne file {file} is {'cut short' if content else 'empty'}; copy it again.")
    numbers = np.frombuffer(content, dtype="<f4")
    points: np.ndarray = numbers.reshape(-1, values)[:, :3]
    return points

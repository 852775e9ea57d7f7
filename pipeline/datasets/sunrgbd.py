"""SUN RGB-D in the form of mmdetection3d's infos: images, points in the upright depth frame, boxes in 2D and 3D.

Format: https://mmdetection3d.readthedocs.io/en/latest/advanced_guides/datasets/sunrgbd.html (Apache-2.0); the images
(Song et al. 2015, https://rgbd.cs.princeton.edu) are free for research. ``data_list`` has one entry per image:
``images.CAM0`` with ``img_path`` and ``depth2img`` (3 x 3, ``(u, v, 1) ~ depth2img @ xyz``), ``lidar_points`` with
``lidar_path`` (float32 x, y, z, r, g, b), and ``instances`` with ``bbox`` (left, top, right, bottom) and ``bbox_3d``
(centre, full sides, yaw about z; x right, y forward, z up).
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.base import Case
from pipeline.datasets.formats.points import moved, rasterised, split_projection
from pipeline.datasets.formats.rgbd_files import read_points
from pipeline.datasets.from_boxes import box_in_camera, image_of_boxes, turn_about_z
from pipeline.datasets.reading import (
    FileDataset,
    check_count,
    check_relations,
    existing_folder,
    existing_parts,
)
from pipeline.datasets.things import Thing, thing_of_box, unique_labels
from pipeline.datasets.truths import AnnotatedImage
from pipeline.datasets.writing import claims_of
from pipeline.ingest.images import read_image
from pipeline.records import Camera, DepthMap, Frame, Scene
from pipeline.records.errors import InputError

CLASSES = (
    "bed", "table", "sofa", "chair", "toilet", "desk", "dresser", "night_stand", "bookshelf", "bathtub",
)  # fmt: skip
"""Names of the ten classes in the order of their numbers."""
_HOW = "make it with mmdetection3d's create_data.py sunrgbd, or write the info file as JSON; dataset.info names it"


class SunRgbd(FileDataset[Mapping[str, Any]]):
    """SUN RGB-D images with boxes in space.

    Args:
        path: Folder with the info file, the images and the points.
        info: Name of the info file, JSON or the pickle that mmdetection3d writes (only plain data is read from it).
        images: Folder of the images below ``path``.
        points: Folder of the points below ``path``.
        radius_px: Half side of the square that a point covers in the depth map [px].
        claims_per_scene: Claims per image.
        relations: Names of relations to draw from; None takes all.
        seed: Seed of what is drawn.
        limit: Most cases.

    Raises:
        InputError: If the folder or a part of it is missing.
    """

    name = "sunrgbd"

    def __init__(
        self,
        path: str | Path,
        *,
        info: str = "sunrgbd_infos_val.pkl",
        images: str = "sunrgbd_trainval/image",
        points: str = "points",
        radius_px: int = 1,
        claims_per_scene: int = 30,
        relations: Sequence[str] | None = None,
        seed: int = 0,
        limit: int | None = None,
    ) -> None:
        super().__init__(limit)
        self.folder = existing_folder(path, "SUN RGB-D in the form of mmdetection3d", _HOW)
        existing_parts(self.folder, (info, images, points), "SUN RGB-D in the form of mmdetection3d", _HOW)
        self.info, self.images, self.points = info, images, points
        self.radius_px = check_count("radius_px", radius_px)
        self.claims_per_scene = check_count("claims_per_scene", claims_per_scene, 2)
        self.relations = check_relations(relations)
        self.seed = seed
        self._infos: dict[str, Any] | None = None

    def entries(self) -> Sequence[Mapping[str, Any]]:
        """The entries of the info file, which is read when first asked for."""
        if self._infos is None:
            self._infos = read_infos(self.folder / self.info)
        listed: Sequence[Mapping[str, Any]] = self._infos["data_list"]
        return listed

    def entry_name(self, entry: Mapping[str, Any]) -> str:
        """The image's name, or that of the info file where it has none."""
        try:
            return str(entry["images"]["CAM0"]["img_path"])
        except (KeyError, TypeError):
            return f"an entry of {self.info}"

    def case(self, entry: Mapping[str, Any], index: int) -> Case:
        """Read one image with its points and boxes."""
        camera_entry = entry["images"]["CAM0"]
        file = self.folder / self.images / camera_entry["img_path"]
        rgb = read_image(file)
        height, width = rgb.shape[:2]
        camera, pose = split_projection(np.array(camera_entry["depth2img"], dtype=float), width, height)
        points = read_points(self.folder / self.points / entry["lidar_points"]["lidar_path"])
        cloud = moved(points[:, :3], pose)
        values, valid = rasterised(cloud, camera, radius_px=self.radius_px)
        depth = DepthMap(values, valid, "metric", "sensor", backend="file")  # type: ignore[arg-type]
        assert self._infos is not None
        image = image_of_instances(entry, self._infos.get("metainfo", {}), camera, cloud)
        claims = claims_of(
            image, np.random.default_rng([self.seed, index]), self.claims_per_scene, relations=self.relations
        )
        return Case(
            Scene(
                f"sunrgbd-{file.stem}",
                (Frame(rgb, camera, given_depth=depth, name=file.stem),),
                regions=tuple(thing.region(mask=False, box_3d=True) for thing in image.things),
                claims=claims,
            ),
            tags={"objects": str(len(image.things))},
        )


def image_of_instances(
    entry: Mapping[str, Any], metainfo: Mapping[str, Any], camera: Camera, points_m: np.ndarray
) -> AnnotatedImage:
    """What an entry's annotated instances tell of its image.

    Args:
        entry: One entry of ``data_list``.
        metainfo: The info file's own; ``categories`` (name to number) names the classes where it is there.
        camera: Intrinsics of the image.
        points_m: Measured points, float (N, 3) in the camera frame.

    Raises:
        InputError: If an instance has another form.
    """
    _, pose = split_projection(np.array(entry["images"]["CAM0"]["depth2img"], dtype=float), camera.width, camera.height)
    names = {number: name for name, number in metainfo.get("categories", {}).items()} or dict(enumerate(CLASSES))
    up = tuple(float(value) for value in pose[:3, 2])
    things: list[Thing] = []
    instances = entry["instances"]
    labels = unique_labels(
        str(names.get(item.get("bbox_label_3d"), f"class {item.get('bbox_label_3d')}")).replace("_", " ")
        for item in instances
    )
    for label, item in zip(labels, instances, strict=True):
        numbers = np.array(item["bbox_3d"], dtype=float)
        if numbers.shape != (7,):
            raise InputError(f"bbox_3d of {label} has {numbers.size} numbers, not centre, sides and yaw (7).")
        center = moved(numbers[None, :3], pose)[0]
        left, top, right, bottom = (float(value) for value in item["bbox"])
        if center[2] <= 0 or right <= left or bottom <= top:
            continue
        box = box_in_camera(center, numbers[3:6], pose[:3, :3] @ turn_about_z(numbers[6]))
        things.append(thing_of_box(label, (left, top, right, bottom), box, points_m=points_m, up=up))  # type: ignore[arg-type]
    return image_of_boxes(things, camera)


class _PlainData(pickle.Unpickler):
    """Reads arrays, numbers, texts, lists and dictionaries, and refuses everything that could run code."""

    _ALLOWED = frozenset(
        {
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
            *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise InputError(f"The info file names {module}.{name}, which is no plain data; convert it to JSON.")
        return super().find_class(module, name)


def read_infos(file: Path) -> dict[str, Any]:
    """The content of an info file.

    Args:
        file: JSON, or a pickle.

    Raises:
        InputError: If it is damaged, holds more than plain data, or has no ``data_list``.
    """
    data = file.read_bytes()
    try:
        found = _PlainData(io.BytesIO(data)).load() if file.suffix == ".pkl" else json.loads(data)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{file} cannot be read ({error}); {_HOW}.") from None
    if not isinstance(found, dict) or not isinstance(found.get("data_list"), list):
        raise InputError(f"{file} has no data_list, as infos before mmdetection3d 1.1 have none; {_HOW}.")
    return found

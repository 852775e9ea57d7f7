"""SUN RGB-D: rooms seen by four kinds of sensor; claims from its boxes, true depth from either of its two forms.

Format (Song et al. 2015, https://rgbd.cs.princeton.edu, free for research), in either of two forms:

- mmdetection3d's infos, https://mmdetection3d.readthedocs.io/en/latest/advanced_guides/datasets/sunrgbd.html
  (Apache-2.0). ``data_list`` has one entry per image: ``images.CAM0`` with ``img_path`` and ``depth2img`` (3 x 3,
  ``(u, v, 1) ~ depth2img @ xyz``), ``lidar_points`` with ``lidar_path`` (float32 x, y, z, r, g, b), and ``instances``
  with ``bbox`` (left, top, right, bottom) and ``bbox_3d`` (centre, full sides, yaw about z; x right, y forward, z up).
  It yields claims about its boxes, and the depth of its points.
- the original folders of ``SUNRGBD.zip``, which yield true depth: ``SENSOR/SET/.../NAME/`` with ``image/*.jpg``, with
  ``depth/*.png`` as it was measured and ``depth_bfx/*.png`` with its gaps filled, both registered to the image, and
  with ``intrinsics.txt`` (3 x 3). Depth is uint16, 0 where nothing is known; after its three lowest bits are moved to
  the top (read3dPoints.m of the toolbox), it is z [mm].
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.datasets.annotated.boxes import box_in_camera, image_of_boxes, turn_about_z
from pipeline.datasets.annotated.claims import AnnotatedDataset, ClaimCount
from pipeline.datasets.annotated.ground_truth import AnnotatedImage
from pipeline.datasets.annotated.objects import AnnotatedObject, object_of_box, unique_labels
from pipeline.datasets.arguments import existing_folder, existing_parts
from pipeline.datasets.base import Case, DepthDataset, DepthSample, reader
from pipeline.datasets.formats.info_files import has_shape
from pipeline.datasets.formats.plain_pickles import read_plain_pickle
from pipeline.datasets.formats.rgbd_files import POINT_VALUES, FrameFiles, read_frame
from pipeline.datasets.listed import ImageFiles, metric_truth
from pipeline.geometry.projections import moved, rasterised, split_projection
from pipeline.ingest.files import is_image
from pipeline.ingest.images import read_image
from pipeline.ingest.point_files import read_points
from pipeline.ingest.text_files import number_table
from pipeline.records import Camera, DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.settings import Natural, Text

CLASSES = (
    "bed", "table", "sofa", "chair", "toilet", "desk", "dresser", "night_stand", "bookshelf", "bathtub",
)  # fmt: skip
"""Names of the ten classes in the order of their numbers."""
DEPTHS = {"raw": "depth", "filled": "depth_bfx"}
SENSORS = ("kv1", "kv2", "realsense", "xtion")
# Only this part holds frames of one recording side by side; elsewhere each folder is another view.
_RECORDINGS = "sun3ddata"
_INFOS = "SUN RGB-D in the form of mmdetection3d"
_HOW_INFOS = "make it with mmdetection3d's create_data.py sunrgbd, or write the info as JSON; dataset.info names it"
_HOW = f"unpack SUNRGBD.zip of https://rgbd.cs.princeton.edu there, or {_HOW_INFOS}"
Info = Mapping[str, Any]


@reader
class SunRgbd(AnnotatedDataset[Info | ImageFiles], DepthDataset[Info | ImageFiles]):
    """SUN RGB-D, in the form that the folder has; the group of an original folder is the recording where there is one.

    Args:
        path: Folder with the info file, the images and the points; else the folder ``SUNRGBD``, or the one that holds
            it.
        info: Name of the info file, JSON or the pickle that mmdetection3d writes (only plain data is read from it).
        images: Folder of the images below ``path``.
        points: Folder of the points below ``path``.
        radius_px: Half side of the square that a point covers in the depth that the verifier gets [px].
        claims_per_scene: Claims per image.
        relations: Names of relations to draw from; None takes all.
        seed: Random seed.
        depth: In original folders, ``raw`` for what the sensor measured, or ``filled`` for the depth without gaps.
        sensor: In original folders, ``kv1``, ``kv2``, ``realsense``, ``xtion``, or None for all.
        limit: Maximum number of entries; None takes all.

    Raises:
        InputError: If the folder or a part of it is missing, or has neither form.
        ConfigError: If an argument is not usable.
    """

    name = "sunrgbd"

    path: Text | Path = field(kw_only=False)
    info: str = "sunrgbd_infos_val.pkl"
    images: str = "sunrgbd_trainval/image"
    points: str = "points"
    radius_px: Natural = 1
    claims_per_scene: ClaimCount = 30
    depth: Literal["raw", "filled"] = "raw"
    sensor: Literal["kv1", "kv2", "realsense", "xtion"] | None = None

    def __post_init__(self) -> None:
        """Find out which form the folder has."""
        self.folder = existing_folder(self.path, "SUN RGB-D", _HOW)
        # What only the original folders have asks for them.
        has_infos = (self.folder / self.info).is_file() and self.sensor is None and self.depth == "raw"
        self._files = [] if has_infos else _files(self.folder, DEPTHS[self.depth], self.sensor)
        if self._files:
            self.lacks_claims = (
                f"{self.folder} holds the original folders of SUN RGB-D, whose boxes are not read; "
                f"give {_INFOS} for claims: {_HOW_INFOS}."
            )
        else:
            existing_parts(self.folder, (self.info, self.images, self.points), _INFOS, _HOW)

    @cached_property
    def _infos(self) -> dict[str, Any]:
        return read_infos(self.folder / self.info)

    def entries(self) -> Sequence[Info | ImageFiles]:
        """The images of original folders, or the entries of the info file, which is read once."""
        return self._files or self._infos["data_list"]

    def entry_name(self, entry: Info | ImageFiles) -> str:
        """The image's name, or that of the info file where it has none."""
        if isinstance(entry, ImageFiles):
            return entry.name
        try:
            return Path(entry["images"]["CAM0"]["img_path"]).stem
        except (KeyError, TypeError):
            return f"an entry of {self.info}"

    def case(self, entry: Info | ImageFiles, index: int) -> Case:
        """Read one image of the info file with its points and boxes."""
        assert not isinstance(entry, ImageFiles)
        rgb, camera, points = self._measured(entry)
        name = self.entry_name(entry)
        values, valid = rasterised(points, camera, radius_px=self.radius_px)
        depth = DepthMap(values, valid, DepthKind.METRIC, ScaleSource.SENSOR, backend="file")
        frame = Frame(rgb, camera, given_depth=depth, name=name)
        image = image_of_instances(entry, self._infos.get("metainfo", {}), camera, points)
        return self.written(f"sunrgbd-{name}", index, frame, image, boxes_3d=True)

    def sample(self, entry: Info | ImageFiles) -> DepthSample:
        """Read an image and its depth.

        Raises:
            InputError: If a file is missing or damaged, or depth has another size than the image.
        """
        name = self.entry_name(entry)
        if isinstance(entry, ImageFiles):
            return _original(entry)
        rgb, camera, points = self._measured(entry)
        truth = metric_truth(
            *rasterised(points, camera), self.folder / self.points / entry["lidar_points"]["lidar_path"]
        )
        return DepthSample(name, Frame(rgb, camera, name=name), truth)

    def _measured(self, entry: Info) -> tuple[np.ndarray, Camera, np.ndarray]:
        """Image, camera, and points in its frame (N, 3)."""
        camera_entry = entry["images"]["CAM0"]
        rgb = read_image(self.folder / self.images / camera_entry["img_path"])
        matrix = _numbers(camera_entry["depth2img"], (3, 3))
        camera, pose = split_projection(matrix, rgb.shape[1], rgb.shape[0])
        points = read_points(self.folder / self.points / entry["lidar_points"]["lidar_path"], POINT_VALUES)
        return rgb, camera, moved(points[:, :3], pose)


def image_of_instances(
    entry: Mapping[str, Any], metainfo: Mapping[str, Any], camera: Camera, points_m: np.ndarray
) -> AnnotatedImage:
    """The annotated image of an entry's instances.

    Args:
        entry: One entry of ``data_list``.
        metainfo: The info file's own; ``categories`` (name to number) names the classes where it is there.
        camera: Intrinsics of the image.
        points_m: Measured points, float (N, 3) in the camera frame.

    Raises:
        InputError: If an instance has no box of seven numbers.
    """
    _, pose = split_projection(_numbers(entry["images"]["CAM0"]["depth2img"], (3, 3)), camera.width, camera.height)
    names = {number: name for name, number in metainfo.get("categories", {}).items()} or dict(enumerate(CLASSES))
    up = tuple(float(value) for value in pose[:3, 2])
    objects: list[AnnotatedObject] = []
    instances = entry["instances"]
    numbered = (label if isinstance(label := item.get("bbox_label_3d"), int) else -1 for item in instances)
    labels = unique_labels(str(names.get(number, f"class {number}")).replace("_", " ") for number in numbered)
    for label, item in zip(labels, instances, strict=True):
        if not has_shape(item["bbox_3d"], (7,)):
            raise InputError(f"bbox_3d of {label} does not have 7 numbers: centre, sides and yaw.")
        numbers = np.array(item["bbox_3d"], dtype=float)
        center = moved(numbers[None, :3], pose)[0]
        left, top, right, bottom = _numbers(item["bbox"], (4,)).tolist()
        if center[2] <= 0 or right <= left or bottom <= top:
            continue
        box = box_in_camera(center, numbers[3:6], pose[:3, :3] @ turn_about_z(numbers[6]))
        objects.append(object_of_box(label, (left, top, right, bottom), box, points_m=points_m, up=up))  # type: ignore[arg-type]
    return image_of_boxes(objects, camera)


def _numbers(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    if not has_shape(value, shape):
        raise InputError(f"An entry of the info file lacks {' x '.join(map(str, shape))} numbers; {_HOW_INFOS}.")
    return np.array(value, dtype=float)


def read_infos(file: Path) -> dict[str, Any]:
    """The content of an info file.

    Args:
        file: JSON, or a pickle.

    Raises:
        InputError: If it is damaged, holds more than plain data, or has no ``data_list``.
    """
    if file.suffix == ".pkl":
        found = read_plain_pickle(file, _HOW_INFOS)
    else:
        try:
            found = json.loads(file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise InputError(f"{file} cannot be read ({error}); {_HOW_INFOS}.") from None
    if not isinstance(found, dict) or not isinstance(found.get("data_list"), list):
        raise InputError(f"{file} has no data_list, which infos before mmdetection3d 1.1 lack; {_HOW_INFOS}.")
    return found


def _files(folder: Path, depth: str, sensor: str | None) -> list[ImageFiles]:
    """Images of the original folders; their image and depth are the folders that hold them."""
    root = folder / "SUNRGBD" if (folder / "SUNRGBD").is_dir() else folder
    found = [
        file.parent for part in ((sensor,) if sensor else SENSORS) for file in (root / part).rglob("intrinsics.txt")
    ]
    return [
        ImageFiles(place.relative_to(root).as_posix(), _group(place, root), place / "image", place / depth)
        for place in sorted(found)
        if (place / "image").is_dir()
    ]


def _original(entry: ImageFiles) -> DepthSample:
    image, depth = _only(entry.image), _only(entry.depth)
    matrix = number_table(entry.image.parent / "intrinsics.txt", 3, "file of intrinsics")
    # The size does not matter here: the intrinsics are those of the stored image.
    camera = split_projection(matrix[:3], 1, 1)[0]
    described = {
        "camera": {key: getattr(camera, key) for key in ("fx", "fy", "cx", "cy")},
        "depth": {"encoding": "sun3d"},
    }
    stored = read_frame(FrameFiles(entry.depth, entry.name, image, depth, described))
    assert stored.given_depth is not None
    truth = metric_truth(stored.given_depth.values, stored.given_depth.valid, depth)
    return entry.sample(stored.rgb, stored.camera, truth)


def _group(place: Path, root: Path) -> str:
    parts = place.relative_to(root).parts
    return "/".join(parts[:-1]) if _RECORDINGS in parts[:-1] else ""


def _only(folder: Path) -> Path:
    """The one image of a folder."""
    files = sorted(file for file in folder.iterdir() if is_image(file)) if folder.is_dir() else []
    if len(files) != 1:
        raise InputError(f"{folder} holds {len(files)} images, not one; unpack SUNRGBD.zip again.")
    return files[0]

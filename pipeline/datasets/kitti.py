"""KITTI: streets with LiDAR; claims from the boxes of its object data set, true depth from either of its two forms.

Format, of https://www.cvlibs.net/datasets/kitti (CC BY-NC-SA 3.0), in either of two forms:

- the object data set (Geiger et al. 2012): ``image_2/NUMBER.png``, ``label_2/NUMBER.txt``, ``calib/NUMBER.txt`` with
  ``P2``, ``R0_rect`` and ``Tr_velo_to_cam``, and ``velodyne/NUMBER.bin`` (float32 x, y, z, reflectance). It yields
  claims about its boxes, and the depth of the single scan, through which some of the background shows.
  Calibration and boxes may also come from an info file of mmdetection3d, see ``formats.info_files``; its points are
  those of ``velodyne``, or of ``velodyne_reduced``, which keeps what the image shows.
- annotated depth (Uhrig et al. 2017), eleven scans checked by stereo: PNG, uint16, ``number / 256`` is z [m], 0 where
  nothing is known. ``data_depth_annotated`` holds
  ``train|val/DRIVE/proj_depth/groundtruth/image_02|image_03/NUMBER.png``; the images come with the raw recordings,
  ``DATE/DRIVE/image_02/data/NUMBER.png`` (or .jpg, as some keep them), whose ``DATE/calib_cam_to_cam.txt`` has
  ``P_rect_02`` and ``P_rect_03`` (3 x 4). ``val_selection_cropped`` of ``data_depth_selection`` holds 1000 images of
  1216 x 352 px: ``image/DRIVE_image_NUMBER_CAMERA.png``,
  ``groundtruth_depth/DRIVE_groundtruth_depth_NUMBER_CAMERA.png`` and ``intrinsics/DRIVE_image_NUMBER_CAMERA.txt``
  (3 x 3). A single scan lies beside each true depth as ``velodyne_raw``. Lists of the Eigen split have lines
  ``DATE/DRIVE/image_02/data/NUMBER.png DRIVE/.../NUMBER.png FOCAL``, in which ``None`` stands for missing true
  depth, or ``DATE/DRIVE NUMBER l``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.datasets.annotated.boxes import box_in_camera, image_of_boxes, turn_about_y
from pipeline.datasets.annotated.claims import AnnotatedDataset, ClaimCount
from pipeline.datasets.annotated.objects import object_of_box, unique_labels
from pipeline.datasets.arguments import existing_folder, existing_parts
from pipeline.datasets.base import Case, DepthSample, reader
from pipeline.datasets.formats.info_files import (
    InfoFile,
    kitti_calibration,
    kitti_files,
    kitti_objects,
    read_info_file,
)
from pipeline.datasets.formats.kitti_files import KittiObject, read_labels
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth, stored_truth
from pipeline.geometry.projections import moved, rasterised, split_projection
from pipeline.ingest.files import existing_file
from pipeline.ingest.images import read_image
from pipeline.ingest.kitti_calibration import read_calibration, read_projection, velodyne_to_rectified
from pipeline.ingest.lidar import scanned_frame
from pipeline.ingest.point_files import read_points
from pipeline.ingest.text_files import number_table, text_lines
from pipeline.records.camera import Camera
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.settings import Text

CAMERAS = ("image_02", "image_03")
UNIT_M = 1 / 256
_OBJECTS = "the KITTI object data set"
_OBJECT_PARTS = ("image_2", "label_2", "calib", "velodyne")
# Info files that are looked for where labels or calibrations are missing, and the folders of their points.
_INFOS = ("kitti_infos_val.pkl", "kitti_infos_trainval.pkl", "kitti_infos_train.pkl")
_INFO_POINTS = ("velodyne", "velodyne_reduced")
_SELECTION = ("val_selection_cropped", "depth_selection/val_selection_cropped")
_TRUTH, _SCAN = "groundtruth", "velodyne_raw"
# Folders of the three archives, where they were unpacked side by side, or into one.
_TRUTH_ROOTS, _SCAN_ROOTS = (".", "data_depth_annotated"), (".", "data_depth_velodyne")
_HOW_OBJECTS = (
    "unpack the left colour images, labels, calibration and Velodyne points of the object data set of cvlibs.net there"
)
_HOW_DEPTH = "unpack data_depth_annotated.zip and the raw recordings, or data_depth_selection.zip, of cvlibs.net there"
_HOW = f"{_HOW_OBJECTS}, or {_HOW_DEPTH}"
_NOT_CARED_FOR = "DontCare"
# Largest share of an object outside of the image; beyond it, its box in the image says little about it.
_MOST_TRUNCATED = 0.5
_IS_HIDDEN = {0: False, 1: True, 2: True}


@reader
class Kitti(ListedDataset, AnnotatedDataset[ImageFiles]):
    """KITTI, in the form that the folder has; the group of annotated depth is the drive.

    Args:
        path: The folder ``training`` of the object data set, or the one that holds it. Else the folder with ``train``
            and ``val`` of the annotated depth, or with ``data_depth_annotated`` that holds them; for the selection the
            folder ``val_selection_cropped``, or one that holds it.
        claims_per_scene: Claims per image.
        relations: Names of relations to draw from; None takes all.
        seed: Random seed.
        raw: Folder of the raw recordings, relative to ``path`` unless absolute; None takes ``path``.
        split: ``val``, ``train``, ``all`` of both, or ``selection`` for the 1000 cropped images.
        camera: ``image_02`` (left), ``image_03`` (right), or None for both.
        split_file: List of images, relative to ``path`` unless absolute; None takes all that have true depth.
        prompt: ``velodyne`` gives the single scan as the frame's depth, for networks that take one; None gives none.
        form: ``objects`` or ``annotated``, for a folder that holds both; None takes the one that it holds.
        info: Info file of mmdetection3d that gives calibrations and boxes of the object data set, relative to ``path``
            unless absolute; None takes ``label_2`` and ``calib``, or where one of them is missing, the info file of
            its usual name.
        limit: Maximum number of entries; None takes all.

    Raises:
        InputError: If a folder or a list is missing, or the folder has neither form.
        ConfigError: If an argument is not usable.
    """

    name = "kitti"

    claims_per_scene: ClaimCount = 20
    raw: Text | Path | None = None
    split: Literal["val", "train", "all", "selection"] = "val"
    camera: Literal["image_02", "image_03"] | None = "image_02"
    split_file: Text | Path | None = None
    prompt: Literal["velodyne"] | None = None
    form: Literal["objects", "annotated"] | None = None
    info: Text | Path | None = None

    def __post_init__(self) -> None:
        """List the images."""
        split, split_file = self.split, self.split_file
        if split == "selection" and split_file is not None:
            raise ConfigError("dataset.split_file lists images of the raw recordings: set dataset.split to val.")
        self.folder = existing_folder(self.path, "KITTI", _HOW)
        objects = self.folder / "training" if (self.folder / "training").is_dir() else self.folder
        holds_objects = any((objects / part).is_dir() for part in _OBJECT_PARTS[:2])
        self._infos: InfoFile | None = None
        self._samples: dict[str, Any] = {}
        if self.form is None and holds_objects and _holds_annotated(self.folder):
            raise ConfigError(
                f"{self.folder} holds the object data set and annotated depth; "
                "set dataset.form to objects or annotated."
            )
        self.has_objects = holds_objects if self.form is None else self.form == "objects"
        cameras = CAMERAS if self.camera is None else (self.camera,)
        if self.has_objects:
            for name in ("prompt", "raw", "split_file"):
                if getattr(self, name) is not None:
                    raise ConfigError(
                        f"dataset.{name} must be null for the object data set, whose scan is the true depth."
                    )
            info = _info_file(self.folder, objects, self.info)
            if info is not None:
                files = self._info_files(objects, info)
            else:
                existing_parts(objects, _OBJECT_PARTS, _OBJECTS, _HOW_OBJECTS)
                files = _objects(objects)
        elif split == "selection":
            files = list(_selection(self.folder, cameras))
        else:
            recordings = existing_folder(self.folder / (self.raw or ""), "KITTI's raw recordings", _HOW_DEPTH)
            parts = ("val", "train") if split == "all" else (split,)
            # A list names images of any part: Eigen's test images lie in both.
            truths = _truths(self.folder, ("val", "train") if split_file else parts)
            found = _listed(self.folder / split_file, truths) if split_file else _all(truths, cameras)
            files = [_raw_files(recordings, truth) for truth in dict.fromkeys(found)]
        missing = (
            f"{objects} holds no label_2/*.txt; {_HOW_OBJECTS}."
            if self.has_objects
            else f"{self.folder} holds no annotated depth of {split} {' or '.join(cameras)}, and no image_2 and "
            f"label_2 of the object data set; {_HOW}."
        )
        self.set_files(files, missing)
        if not self.has_objects:
            self.lacks_claims = (
                f"{self.folder} holds the annotated depth of KITTI, which has no boxes to make claims of; set "
                f"dataset.path to the object data set, with {', '.join(_OBJECT_PARTS)}."
            )

    def _info_files(self, objects: Path, info: Path) -> list[ImageFiles]:
        """Images of the samples of an info file; those without names of their files become unreadable."""
        points = next((objects / name for name in _INFO_POINTS if (objects / name).is_dir()), objects / "velodyne")
        existing_parts(objects, ("image_2", points.name), _OBJECTS, _HOW_OBJECTS)
        self._infos = read_info_file(info)
        files = []
        for number, sample in enumerate(self._infos.samples):
            try:
                image, scan = kitti_files(self._infos, sample)
            except InputError as error:
                self.unreadable[f"sample {number} of {info.name}"] = str(error)
                continue
            name = Path(image).stem
            if name in self._samples:
                self.unreadable[f"sample {number} of {info.name}"] = f"{info} has several samples of {image}."
                continue
            files.append(ImageFiles(name, "", objects / "image_2" / image, points / scan))
            self._samples[name] = sample
        return files

    def _scanned(self, entry: ImageFiles) -> tuple[np.ndarray, Camera, np.ndarray, np.ndarray]:
        """Image, camera, points in its frame (N, 3), and the motion from the rectified frame of camera 0 into it."""
        rgb = read_image(entry.image)
        if self._infos is not None:
            calibration = kitti_calibration(self._infos, self._samples[entry.name])
        else:
            calibration = read_calibration(entry.image.parents[1] / "calib" / f"{entry.name}.txt")
        # The image is that of camera 2.
        camera, to_camera = split_projection(calibration["P2"], rgb.shape[1], rgb.shape[0])
        points = read_points(entry.depth, 4, "velodyne file")[:, :3]
        return rgb, camera, moved(points, to_camera @ velodyne_to_rectified(calibration)), to_camera

    def _labels(self, entry: ImageFiles) -> list[KittiObject]:
        if self._infos is not None:
            return kitti_objects(self._infos, self._samples[entry.name])
        return read_labels(entry.image.parents[1] / "label_2" / f"{entry.name}.txt")

    def case(self, entry: ImageFiles, index: int) -> Case | None:
        """Read one image of the object data set with its points and objects."""
        rgb, camera, points, to_camera = self._scanned(entry)
        labelled = [
            item for item in self._labels(entry) if item.kind != _NOT_CARED_FOR and item.truncated <= _MOST_TRUNCATED
        ]
        labels = unique_labels(item.kind.replace("_", " ").lower() for item in labelled)
        objects, hidden = [], {}
        for label, item in zip(labels, labelled, strict=True):
            tall, wide, long = item.size_m
            centre = moved(np.array([item.location_m]) - (0, tall / 2, 0), to_camera)[0]
            rotation = to_camera[:3, :3] @ turn_about_y(item.rotation_y_rad)
            box = box_in_camera(centre, np.array((long, tall, wide)), rotation)
            objects.append(object_of_box(label, item.box_px, box, points_m=points))
            if item.occluded in _IS_HIDDEN:
                hidden[label] = _IS_HIDDEN[item.occluded]
        if not objects:
            return None
        frame = scanned_frame(rgb, camera, points, name=entry.name)
        image = image_of_boxes(objects, camera, hidden=hidden)
        return self.written(f"kitti-{entry.name}", index, frame, image, boxes_3d=True)

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image and its depth.

        Raises:
            InputError: If a file is missing or damaged.
        """
        if self.has_objects:
            rgb, camera, points, _ = self._scanned(entry)
            truth = metric_truth(*rasterised(points, camera), entry.depth)
            return entry.sample(rgb, camera, truth)
        rgb = read_image(entry.image)
        truth = stored_truth(entry.depth, UNIT_M)
        given = None
        if self.prompt is not None:
            given = replace(stored_truth(self._scan_file(entry.depth), UNIT_M), backend="lidar")
        camera = _annotated_camera(entry.image, rgb.shape[1], rgb.shape[0])
        return entry.sample(rgb, camera, truth, given=given)

    def _scan_file(self, truth: Path) -> Path:
        """File of the single scan of the same moment."""
        if truth.parent.name == "groundtruth_depth":
            return truth.parents[1] / _SCAN / truth.name.replace("groundtruth_depth", _SCAN)
        below = Path(truth.parents[4].name, truth.parents[3].name, "proj_depth", _SCAN, truth.parent.name, truth.name)
        places = [self.folder / root / below for root in _SCAN_ROOTS]
        return next((place for place in places if place.is_file()), places[0])


def _objects(folder: Path) -> list[ImageFiles]:
    stems = sorted(file.stem for file in (folder / "label_2").glob("*.txt"))
    return [
        ImageFiles(stem, "", folder / "image_2" / f"{stem}.png", folder / "velodyne" / f"{stem}.bin") for stem in stems
    ]


def _info_file(folder: Path, objects: Path, given: str | Path | None) -> Path | None:
    """The given info file, or where labels or calibrations are missing, the one of its usual name."""
    if given is not None:
        return existing_file(folder / given, "an info file")
    if all((objects / part).is_dir() for part in _OBJECT_PARTS[1:3]):
        return None
    places = (place / name for name in _INFOS for place in dict.fromkeys((folder, objects)))
    return next((place for place in places if place.is_file()), None)


def _holds_annotated(folder: Path) -> bool:
    parts = [f"{root}/{part}" for root in _TRUTH_ROOTS for part in ("train", "val")]
    return any((folder / part).is_dir() for part in (*parts, *_SELECTION))


def _truths(folder: Path, parts: tuple[str, ...]) -> dict[str, Path]:
    """Folders of true depth by drive."""
    places = [folder / root / part for root in _TRUTH_ROOTS for part in parts]
    drives = [drive for place in places for drive in sorted(place.glob(f"*/proj_depth/{_TRUTH}"))]
    return {drive.parents[1].name: drive for drive in drives}


def _all(truths: dict[str, Path], cameras: tuple[str, ...]) -> Iterator[Path]:
    for drive in sorted(truths):
        for camera in cameras:
            yield from sorted((truths[drive] / camera).glob("*.png"))


def _listed(file: Path, truths: dict[str, Path]) -> Iterator[Path]:
    """True depth of the images of a list, in its order, without those that have none according to the list."""
    for number, line in enumerate(text_lines(file, "list of images"), start=1):
        words = line.split()
        if not words or "None" in words:
            continue
        image = Path(words[0].lstrip("/"))
        if len(words) == 3 and re.fullmatch(r"[0-9]{1,10}", words[1]) and words[2] in ("l", "r"):
            image = image / CAMERAS[words[2] == "r"] / "data" / f"{int(words[1]):010d}.png"
        if len(image.parts) < 4 or image.parts[-2] != "data":
            raise InputError(
                f"Line {number} of {file} must name a DATE/DRIVE/image_02/data/NUMBER.png, not {line.strip()[:80]!r}."
            )
        drive, camera = image.parts[-4], image.parts[-3]
        # Images without annotated depth count as missing files.
        yield truths.get(drive, file.parent / drive / "proj_depth" / _TRUTH) / camera / f"{image.stem}.png"


def _raw_files(recordings: Path, truth: Path) -> ImageFiles:
    drive, camera = truth.parents[3].name, truth.parent.name
    image = recordings / drive[:10] / drive / camera / "data" / truth.name
    if not image.is_file() and image.with_suffix(".jpg").is_file():
        image = image.with_suffix(".jpg")
    return ImageFiles(f"{drive} {camera} {truth.stem}", drive, image, truth)


def _selection(folder: Path, cameras: tuple[str, ...]) -> Iterator[ImageFiles]:
    root = next((folder / part for part in _SELECTION if (folder / part).is_dir()), folder)
    for truth in sorted((root / "groundtruth_depth").glob("*_groundtruth_depth_*.png")):
        drive, _, rest = truth.stem.partition("_groundtruth_depth_")
        number, _, camera = rest.partition("_")
        if camera in cameras:
            image = root / "image" / f"{drive}_image_{rest}.png"
            yield ImageFiles(f"{drive} {camera} {number}", drive, image, truth)


def _annotated_camera(image: Path, width: int, height: int) -> Camera:
    if image.parent.name == "image":
        matrix = number_table(image.parents[1] / "intrinsics" / f"{image.stem}.txt", 3, "file of intrinsics")
    else:
        camera = image.parents[1].name
        matrix = read_projection(image.parents[3] / "calib_cam_to_cam.txt", f"P_rect_{camera[-2:]}")
    return split_projection(matrix, width, height)[0]

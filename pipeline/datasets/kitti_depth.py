"""KITTI's depth maps of streets: eleven laser scans each, checked by stereo (Uhrig et al. 2017). CC BY-NC-SA 3.0.

Format, of https://www.cvlibs.net/datasets/kitti/eval_depth.php and its development kit: depth is PNG, uint16,
``number / 256`` is z [m], 0 where nothing is known. ``data_depth_annotated`` holds
``train|val/DRIVE/proj_depth/groundtruth/image_02|image_03/NUMBER.png``; the images come with the raw recordings,
``DATE/DRIVE/image_02/data/NUMBER.png`` (or .jpg, as some keep them), whose ``DATE/calib_cam_to_cam.txt`` has
``P_rect_02`` and ``P_rect_03`` (3 x 4). ``val_selection_cropped`` of ``data_depth_selection`` holds 1000 images of
1216 x 352 px: ``image/DRIVE_image_NUMBER_CAMERA.png``, ``groundtruth_depth/DRIVE_groundtruth_depth_NUMBER_CAMERA.png``
and ``intrinsics/DRIVE_image_NUMBER_CAMERA.txt`` (3 x 3). A single scan lies beside each truth as ``velodyne_raw``.
Lists of the Eigen split have lines ``DATE/DRIVE/image_02/data/NUMBER.png DRIVE/.../NUMBER.png FOCAL``, in which
``None`` stands for truth that does not exist, or ``DATE/DRIVE NUMBER l``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.datasets.arguments import check_text
from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.formats.points import split_projection
from pipeline.datasets.listed import ImageFiles, ListedDataset
from pipeline.datasets.reading import existing_folder
from pipeline.datasets.registration import stored_truth, table
from pipeline.ingest.images import read_image
from pipeline.records import Frame
from pipeline.records.camera import Camera
from pipeline.records.errors import ConfigError, InputError

SPLITS = ("val", "train", "all", "selection")
CAMERAS = ("image_02", "image_03")
PROMPTS = ("velodyne",)
UNIT_M = 1 / 256
_SELECTION = ("val_selection_cropped", "depth_selection/val_selection_cropped")
_TRUTH, _SCAN = "groundtruth", "velodyne_raw"
# Folders of the three archives, where they were unpacked side by side, or into one.
_TRUTH_ROOTS, _SCAN_ROOTS = (".", "data_depth_annotated"), (".", "data_depth_velodyne")
_HOW = "unpack data_depth_annotated.zip and the raw recordings, or data_depth_selection.zip, of cvlibs.net there"


class KittiDepth(ListedDataset):
    """KITTI images with annotated depth, one group per drive.

    Args:
        path: Folder with ``train`` and ``val``, or with ``data_depth_annotated`` that holds them; for the selection
            the folder ``val_selection_cropped``, or one that holds it.
        raw: Folder of the raw recordings, relative to ``path`` unless absolute; None takes ``path``.
        split: ``val``, ``train``, ``all`` of both, or ``selection`` for the 1000 cropped images.
        camera: ``image_02`` (left), ``image_03`` (right), or None for both.
        split_file: List of images, relative to ``path`` unless absolute; None takes all that have a truth.
        prompt: ``velodyne`` gives the single scan as the frame's depth, for networks that take one; None gives none.
        limit: Most samples; None takes all.

    Raises:
        InputError: If a folder or a list is missing, or nothing has a truth.
        ConfigError: If an argument is not usable.
    """

    name = "kitti_depth"

    def __init__(
        self,
        path: str | Path,
        *,
        raw: str | Path | None = None,
        split: str = "val",
        camera: str | None = "image_02",
        split_file: str | Path | None = None,
        prompt: str | None = None,
        limit: int | None = None,
    ) -> None:
        for key, value, known in (("split", split, SPLITS), ("camera", camera, CAMERAS), ("prompt", prompt, PROMPTS)):
            if value not in known and (key == "split" or value is not None):
                raise ConfigError(f"dataset.{key} must be one of {', '.join(known)}, not {value!r}.")
        if split == "selection" and split_file is not None:
            raise ConfigError("dataset.split_file lists images of the raw recordings: set dataset.split to val.")
        check_text("raw", raw, optional=True)
        check_text("split_file", split_file, optional=True)
        self.prompt = prompt
        self.folder = existing_folder(path, "KITTI's annotated depth", _HOW)
        cameras = CAMERAS if camera is None else (camera,)
        if split == "selection":
            files = list(_selection(self.folder, cameras))
        else:
            recordings = existing_folder(self.folder / (raw or ""), "KITTI's raw recordings", _HOW)
            parts = ("val", "train") if split == "all" else (split,)
            # A list names images of any part: Eigen's test images lie in both.
            truths = _truths(self.folder, ("val", "train") if split_file else parts)
            found = _listed(self.folder / split_file, truths) if split_file else _all(truths, cameras)
            files = [_raw_files(recordings, truth) for truth in dict.fromkeys(found)]
        super().__init__(
            files, f"{self.folder} holds no annotated depth of {split} {' or '.join(cameras)}; {_HOW}.", limit
        )

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image and its depth.

        Raises:
            InputError: If a file is missing or damaged.
        """
        rgb = read_image(entry.image)
        height, width = rgb.shape[:2]
        truth = stored_truth(entry.depth, UNIT_M)
        given = None
        if self.prompt is not None:
            given = replace(stored_truth(self._scan(entry.depth), UNIT_M), backend="lidar")
        frame = Frame(rgb, _camera(entry.image, width, height), given_depth=given, name=entry.name)
        return DepthSample(entry.name, frame, truth, entry.group)

    def _scan(self, truth: Path) -> Path:
        """The single scan of the same moment."""
        if truth.parent.name == "groundtruth_depth":
            return truth.parents[1] / _SCAN / truth.name.replace("groundtruth_depth", _SCAN)
        below = Path(truth.parents[4].name, truth.parents[3].name, "proj_depth", _SCAN, truth.parent.name, truth.name)
        places = [self.folder / root / below for root in _SCAN_ROOTS]
        return next((place for place in places if place.is_file()), places[0])


def _truths(folder: Path, parts: tuple[str, ...]) -> dict[str, Path]:
    """Folders of truth by the drive."""
    places = [folder / root / part for root in _TRUTH_ROOTS for part in parts]
    drives = [drive for place in places for drive in sorted(place.glob(f"*/proj_depth/{_TRUTH}"))]
    return {drive.parents[1].name: drive for drive in drives}


def _all(truths: dict[str, Path], cameras: tuple[str, ...]) -> Iterator[Path]:
    for drive in sorted(truths):
        for camera in cameras:
            yield from sorted((truths[drive] / camera).glob("*.png"))


def _listed(file: Path, truths: dict[str, Path]) -> Iterator[Path]:
    """Truth of the images of a list, in its order, without those that the list says have none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"The list of images {file} cannot be opened ({error.strerror}).") from None
    except ValueError:
        raise InputError(f"The list of images {file} is no text; copy it again.") from None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or "None" in words:
            continue
        image = Path(words[0].lstrip("/"))
        if len(words) == 3 and re.fullmatch(r"[0-9]{1,10}", words[1]) and words[2] in ("l", "r"):
            image = image / CAMERAS[words[2] == "r"] / "data" / f"{int(words[1]):010d}.png"
        if len(image.parts) < 4 or image.parts[-2] != "data":
            raise InputError(
                f"Line {number} of {file} names no DATE/DRIVE/image_02/data/NUMBER.png: {line.strip()[:80]!r}."
            )
        drive, camera = image.parts[-4], image.parts[-3]
        # Images without annotated truth remain in the count, as files that are missing.
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


def _camera(image: Path, width: int, height: int) -> Camera:
    if image.parent.name == "image":
        matrix = table(image.parents[1] / "intrinsics" / f"{image.stem}.txt", 3, "file of intrinsics")
    else:
        camera = image.parents[1].name
        matrix = rectified_projection(image.parents[3] / "calib_cam_to_cam.txt", f"P_rect_{camera[-2:]}")
    return split_projection(matrix, width, height)[0]


@lru_cache(maxsize=16)
def rectified_projection(file: Path, key: str) -> np.ndarray:
    """Projection of a rectified camera, float64 (3, 4), of a file of calibration.

    Raises:
        InputError: If the file is missing or lacks it.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"The calibration {file} cannot be opened ({error.strerror}); {_HOW}.") from None
    written = next((line.partition(":")[2] for line in lines if line.partition(":")[0].strip() == key), "")
    try:
        return np.array([float(word) for word in written.split()]).reshape(3, 4)
    except ValueError:
        raise InputError(f"The calibration {file} lacks the 12 numbers of {key}; copy it again.") from None

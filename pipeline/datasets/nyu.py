"""NYU Depth v2, the 1449 labelled images of rooms (Silberman et al. 2012). Free for research.

Format, of ``nyu_depth_v2_labeled.mat`` (MATLAB 7.3, which is HDF5 with its dimensions turned around), from
https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html: ``images`` uint8 (N, 3, W, H); ``rawDepths`` float32
(N, W, H), the sensor's z [m] as the colour camera sees it, 0 where nothing was measured; ``depths``, the same filled in
by colour; ``labels`` uint16 and ``instances`` uint8 (N, W, H), which together number the objects, 0 where there is
none; ``names`` of the labels, from 1; ``scenes``. ``splits.mat`` (MATLAB 5; from the same page) has ``testNdxs``, the
654 images that Eigen et al. 2014 and all later ones test with, and ``trainNdxs``, counted from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.arguments import check_choice, check_flag, check_text
from pipeline.datasets.depth_base import DepthDataset, DepthSample
from pipeline.datasets.formats.hdf5 import check_size
from pipeline.datasets.formats.mat5 import read_mat5
from pipeline.datasets.listed import metric_truth
from pipeline.datasets.reading import check_count
from pipeline.datasets.things import unique_labels
from pipeline.geometry.regions import mask_box
from pipeline.ingest.files import decoding
from pipeline.records import Frame, Origin, Region
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError

COLOR_CAMERA = Camera(518.857901, 519.469611, 325.582449, 253.736166, 640, 480)
"""Intrinsics of the colour camera, of the authors' toolbox (camera_params.m) [px]."""

DEPTHS = {"raw": "rawDepths", "filled": "depths"}
SPLITS = {"test": "testNdxs", "train": "trainNdxs", "all": None}
_FILE = "nyu_depth_v2_labeled.mat"
_PAGE = "https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html"
# More than the instances of one label in one image.
_INSTANCES = 256
# More than the file has images, or a text letters: it may claim any number of them.
_MOST_IMAGES, _MOST_LETTERS = 100_000, 1000


@dataclass(frozen=True)
class _Contents:
    """What is known of the images without reading them: how many, each one's scene, the names of the labels."""

    count: int
    scenes: tuple[str, ...]
    names: tuple[str, ...]


class NyuLabelled(DepthDataset[int]):
    """Labelled images of NYU Depth v2, one group per scene; a sample is called by its number, from 1.

    Args:
        path: The file, or the folder that holds it under its name.
        split: ``test`` for the 654 images of the Eigen split, ``train`` for the 795 others, or ``all``.
        splits: Name of the file of splits beside it; not needed for ``all``.
        depth: ``raw`` for what the sensor measured, or ``filled`` for the depth without gaps.
        objects: Whether the annotated objects are given as regions.
        least_object_px: Smallest object that counts [px].
        limit: Most samples; None takes all.

    Raises:
        InputError: If a file is missing or damaged.
        ConfigError: If an argument is not usable.
    """

    name = "nyu_v2"

    def __init__(
        self,
        path: str | Path,
        *,
        split: str = "test",
        splits: str = "splits.mat",
        depth: str = "raw",
        objects: bool = True,
        least_object_px: int = 500,
        limit: int | None = None,
    ) -> None:
        super().__init__(limit)
        for key, value, known in (("split", split, SPLITS), ("depth", depth, DEPTHS)):
            check_choice(key, value, known)
        check_flag("objects", objects)
        check_text("splits", splits)
        check_text("path", path)
        self.depth = depth
        self.objects = objects
        self.least_object_px = check_count("least_object_px", least_object_px, 1)
        place = Path(path).expanduser()
        self.file = place / _FILE if place.is_dir() else place
        if not self.file.is_file():
            raise InputError(f"There is no file {self.file} with labelled NYU Depth v2; download it from {_PAGE}.")
        self._contents = _read_contents(self.file)
        numbers = range(1, self._contents.count + 1)
        listed = SPLITS[split]
        self._numbers = (
            list(numbers) if listed is None else _split(self.file.with_name(splits), listed, self._contents.count)
        )

    def entries(self) -> Sequence[int]:
        """Numbers of the images, from 1."""
        return self._numbers

    def entry_name(self, entry: int) -> str:
        """The number, with four digits."""
        return f"{entry:04d}"

    def sample(self, entry: int) -> DepthSample:
        """Read one image with its depth and objects.

        Raises:
            InputError: If the file is damaged there.
        """
        import h5py

        with decoding(self.file, "a file of NYU Depth v2"), h5py.File(self.file, "r") as stored:
            rgb = np.ascontiguousarray(stored["images"][entry - 1].T)
            depth_m = np.ascontiguousarray(stored[DEPTHS[self.depth]][entry - 1].T)
            parts = [stored[key][entry - 1].T for key in ("labels", "instances")] if self.objects else []
        name = self.entry_name(entry)
        frame = Frame(rgb, COLOR_CAMERA.resized(rgb.shape[1], rgb.shape[0]), name=name)
        truth = metric_truth(depth_m, depth_m > 0, self.file)
        regions = _regions(parts[0], parts[1], self._contents.names, self.least_object_px) if parts else ()
        return DepthSample(name, frame, truth, self._contents.scenes[entry - 1], regions)


def _read_contents(file: Path) -> _Contents:
    import h5py

    with decoding(file, "a file of NYU Depth v2"), h5py.File(file, "r") as stored:
        wanted = ("images", *DEPTHS.values(), "labels", "instances", "scenes", "names")
        missing = [key for key in wanted if key not in stored]
        if missing:
            raise InputError(f"{file} lacks {', '.join(missing)}, so it is not {_FILE}; download it from {_PAGE}.")
        images = stored["images"].shape
        count, size = images[0], images[2:]
        shapes = {stored[key].shape for key in (*DEPTHS.values(), "labels", "instances")}
        if len(images) != 4 or images[1] != 3 or shapes != {(count, *size)}:
            raise InputError(f"{file} holds images of shape {images}, and depth or labels of other sizes.")
        if max(count, stored["scenes"].size, stored["names"].size) > _MOST_IMAGES:
            raise InputError(f"{file} claims to hold more than {_MOST_IMAGES} images or names; download it again.")
        for key in ("images", *DEPTHS.values(), "labels", "instances"):
            check_size(file, stored[key], stored[key].shape[1:])
        scenes, names = _texts(stored, "scenes"), _texts(stored, "names")
    if len(scenes) != count:
        raise InputError(f"{file} holds {count} images but names {len(scenes)} scenes; download it again.")
    return _Contents(count, scenes, names)


def _texts(stored: Any, key: str) -> tuple[str, ...]:
    """Texts of a MATLAB cell array: references to arrays of letters."""
    texts = [stored[reference] for reference in stored[key][()].ravel()]
    if any(text.size > _MOST_LETTERS for text in texts):
        raise InputError(f"The file of NYU Depth v2 claims to hold {key} of more than {_MOST_LETTERS} letters.")
    return tuple("".join(map(chr, text[()].ravel())) for text in texts)


def _split(file: Path, key: str, count: int) -> list[int]:
    if not file.is_file():
        raise InputError(f"There is no {file}, which names the split; download it from {_PAGE}, or set split=all.")
    with decoding(file, "a file of splits"):
        found = read_mat5(file, None, (key,))
        numbers = sorted(int(number) for number in found[key].ravel()) if key in found else []
    if not numbers or numbers[0] < 1 or numbers[-1] > count or len(set(numbers)) < len(numbers):
        raise InputError(f"{file} must name different images from 1 to {count} as {key}; download it again.")
    return numbers


def _regions(labels: np.ndarray, instances: np.ndarray, names: Sequence[str], least_px: int) -> tuple[Region, ...]:
    """Objects of at least so many pixels: those of one label and one instance."""
    numbers = np.where((labels > 0) & (instances > 0), labels.astype(np.int64) * _INSTANCES + instances, 0)
    found, counts = np.unique(numbers, return_counts=True)
    kept = [int(number) for number, pixels in zip(found, counts, strict=True) if number and pixels >= least_px]
    labelled = unique_labels(_label(number // _INSTANCES, names) for number in kept)
    masks = [numbers == number for number in kept]
    boxes = [mask_box(mask) for mask in masks]
    return tuple(
        Region(label, box, mask=mask, origin=Origin.GIVEN)
        for label, box, mask in zip(labelled, boxes, masks, strict=True)
        if box is not None
    )


def _label(number: int, names: Sequence[str]) -> str:
    return names[number - 1] if number <= len(names) else f"class {number}"

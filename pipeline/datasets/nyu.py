"""NYU Depth v2: rooms seen by the first Kinect (Silberman et al. 2012). Free for research.

Format, of https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html, in either of two forms:

- the 1449 labelled images, ``nyu_depth_v2_labeled.mat`` (MATLAB 7.3, which is HDF5 with its dimensions turned around):
  ``images`` uint8 (N, 3, W, H); ``rawDepths`` float32 (N, W, H), the sensor's z [m] as the colour camera sees it, 0
  where nothing was measured; ``depths``, the same filled in by colour; ``labels`` uint16 and ``instances`` uint8
  (N, W, H), which together number the objects, 0 where there is none; ``names`` of the labels, from 1; ``scenes``.
  ``splits.mat`` (MATLAB 5) has ``testNdxs``, the 654 images that Eigen et al. 2014 and all later ones test with, and
  ``trainNdxs``, counted from 1.
- raw recordings: one folder per scene with images ``r-TIME-TICKS.ppm`` and depth ``d-TIME-TICKS.pgm``, which were not
  taken at the same moments: TIME [s] joins them. Depth is uint16 of the infrared camera, low byte first in a format
  that has the high byte first; ``351.3 / (1092.5 - number)`` is z [m]. It is registered to the image here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.datasets.annotated.objects import unique_labels
from pipeline.datasets.base import DepthDataset, DepthSample, reader
from pipeline.datasets.formats.hdf5 import check_size
from pipeline.datasets.formats.matlab import read_matlab
from pipeline.datasets.formats.nyu_toolbox import COLOR_CAMERA, read_registered
from pipeline.datasets.formats.sequences import associate
from pipeline.datasets.listed import ImageFiles, metric_truth
from pipeline.geometry.regions import mask_box
from pipeline.ingest.files import decoding
from pipeline.records import Frame, Origin, Region
from pipeline.records.errors import InputError
from pipeline.records.settings import Count, Positive, Text

DEPTHS = {"raw": "rawDepths", "filled": "depths"}
SPLITS = {"test": "testNdxs", "train": "trainNdxs", "all": None}
_FILE, _SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
_PAGE = "https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html"
_TIME = re.compile(r"[rd]-(\d+\.\d+)-\d+\Z")
# Exceeds the number of instances of one label in one image.
_INSTANCES = 256
# Most images of the file and letters of a text; a damaged file may claim any number.
_MOST_IMAGES, _MOST_LETTERS = 100_000, 1000


@reader
class NyuDepth(DepthDataset[int | ImageFiles]):
    """NYU Depth v2, one group per scene; a labelled image is called by its number, from 1.

    Args:
        path: The file of labelled images, or the folder that holds it under its name; else the folder of one scene's
            raw recording, or one that holds such folders at any depth.
        split: Of labelled images, ``test`` for the 654 images of the Eigen split, ``train`` for the 795 others, or
            ``all``.
        depth: Of labelled images, ``raw`` for what the sensor measured, or ``filled`` for the depth without gaps.
        objects: Whether the annotated objects of labelled images are given as regions.
        least_object_px: Smallest area of such an object [px].
        most_apart_s: Longest time between an image and its depth, of raw recordings [s].
        farthest_m: Depth of raw recordings beyond this is discarded [m]; the toolbox's limit is 10.
        step: Take every n-th pair of a raw recording.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If files are missing or damaged.
        ConfigError: If an argument is not usable.
    """

    name = "nyu_v2"

    path: Text | Path = field(kw_only=False)
    split: Literal["test", "train", "all"] = "test"
    depth: Literal["raw", "filled"] = "raw"
    objects: bool = True
    least_object_px: Count = 500
    most_apart_s: Positive = 0.05
    farthest_m: Positive = 10.0
    step: Count = 1

    def __post_init__(self) -> None:
        """List the images."""
        place = Path(self.path).expanduser()
        self.file = place / _FILE if place.is_dir() else place
        self._entries: Sequence[int | ImageFiles]
        if self.file.is_file():
            self._scenes, self._labels = _read_contents(self.file)
            listed, count = SPLITS[self.split], len(self._scenes)
            self._entries = (
                range(1, count + 1) if listed is None else _split(self.file.with_name(_SPLITS), listed, count)
            )
            return
        self._entries = _recordings(place, self.most_apart_s, self.step)
        if not self._entries:
            raise InputError(
                f"There is neither a file {self.file} with labelled images of NYU Depth v2 nor a raw recording, "
                f"r-TIME-*.ppm with a d-TIME-*.pgm of the same moment; download one of them from {_PAGE}."
            )

    def entries(self) -> Sequence[int | ImageFiles]:
        """Numbers of the labelled images, from 1; or pairs of raw recordings, by scene and time."""
        return self._entries

    def entry_name(self, entry: int | ImageFiles) -> str:
        """The number, with four digits; or scene, time and ticks."""
        return entry.name if isinstance(entry, ImageFiles) else f"{entry:04d}"

    def sample(self, entry: int | ImageFiles) -> DepthSample:
        """Read one image with its depth, and objects where they are labelled.

        Raises:
            InputError: If a file is damaged.
        """
        if isinstance(entry, ImageFiles):
            frame, values, known = read_registered(entry.image, entry.depth, entry.name, self.farthest_m)
            return DepthSample(entry.name, frame, metric_truth(values, known, entry.depth), entry.group)
        import h5py

        with decoding(self.file, "a file of NYU Depth v2"), h5py.File(self.file, "r") as stored:
            rgb = np.ascontiguousarray(stored["images"][entry - 1].T)
            depth_m = np.ascontiguousarray(stored[DEPTHS[self.depth]][entry - 1].T)
            parts = [stored[key][entry - 1].T for key in ("labels", "instances")] if self.objects else []
        name = self.entry_name(entry)
        frame = Frame(rgb, COLOR_CAMERA.resized(rgb.shape[1], rgb.shape[0]), name=name)
        truth = metric_truth(depth_m, depth_m > 0, self.file)
        regions = _regions(parts[0], parts[1], self._labels, self.least_object_px) if parts else ()
        return DepthSample(name, frame, truth, self._scenes[entry - 1], regions)


def _read_contents(file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The scene of each image, and the names of the labels."""
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
    return scenes, names


def _texts(stored: Any, key: str) -> tuple[str, ...]:
    """Texts of a MATLAB cell array: references to arrays of letters."""
    texts = [stored[reference] for reference in stored[key][()].ravel()]
    if any(text.size > _MOST_LETTERS for text in texts):
        raise InputError(f"The file of NYU Depth v2 claims to hold {key} of more than {_MOST_LETTERS} letters.")
    return tuple("".join(map(chr, text[()].ravel())) for text in texts)


def _split(file: Path, key: str, count: int) -> list[int]:
    if not file.is_file():
        raise InputError(f"The file of splits {file} is missing; download it from {_PAGE}, or set split=all.")
    with decoding(file, "a file of splits"):
        found = read_matlab(file, None, (key,))
        numbers = sorted(int(number) for number in found[key].ravel()) if key in found else []
    if not numbers or numbers[0] < 1 or numbers[-1] > count or len(set(numbers)) < len(numbers):
        raise InputError(f"{file} must name different images from 1 to {count} as {key}; download it again.")
    return numbers


def _regions(labels: np.ndarray, instances: np.ndarray, names: Sequence[str], least_px: int) -> tuple[Region, ...]:
    """Objects, each of one label and one instance, of at least that many pixels."""
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


def _recordings(root: Path, most_apart_s: float, step: int) -> list[ImageFiles]:
    scenes = sorted({file.parent for file in root.rglob("d-*.pgm")}) if root.is_dir() else []
    return [pair for scene in scenes for pair in _pairs(scene, root, most_apart_s)[::step]]


def _pairs(scene: Path, root: Path, most_apart_s: float) -> list[ImageFiles]:
    colors, depths = _moments(scene, "r-*.ppm"), _moments(scene, "d-*.pgm")
    group = scene.relative_to(root).as_posix() if scene != root else scene.name
    pairs = associate([time_s for time_s, _ in depths], [time_s for time_s, _ in colors], most_apart_s)
    return [
        ImageFiles(f"{group} {depths[at][1].stem[2:]}", group, colors[other][1], depths[at][1]) for at, other in pairs
    ]


def _moments(scene: Path, pattern: str) -> list[tuple[float, Path]]:
    """Times [s] and files of a stream."""
    found = []
    for file in sorted(scene.glob(pattern)):
        time = _TIME.match(file.stem)
        if time is None:
            raise InputError(f"{file} is not named {pattern[0]}-TIME-TICKS{file.suffix}; restore its name.")
        found.append((float(time[1]), file))
    return found

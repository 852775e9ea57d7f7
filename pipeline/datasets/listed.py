"""Data sets that list their images and depth files when they are opened, and steps that their readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pipeline.datasets.base import DepthDataset, DepthSample, reader
from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.resampling import bounded_size, resize_depth, resize_rgb
from pipeline.records import Camera, DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.settings import Text

# Backend of true depth.
BACKEND = "truth"

MILLIMETRE_M = 0.001
"""Metres per stored number of depth in millimetres."""


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Files of one image and its true depth.

    Args:
        name: Unique name within the data set.
        group: Place or sequence; empty where every image is its own group.
        image: File of the image.
        depth: File of its true depth.
        time_s: Optional time of the image [s].
        pose: Optional camera-to-world matrix, float64 (4, 4).
    """

    name: str
    group: str
    image: Path
    depth: Path
    time_s: float | None = None
    pose: np.ndarray | None = None

    def sample(
        self,
        rgb: np.ndarray,
        camera: Camera,
        truth: DepthMap,
        *,
        pose: np.ndarray | None = None,
        given: DepthMap | None = None,
    ) -> DepthSample:
        """The sample of its decoded files.

        Args:
            rgb: uint8 (H, W, 3).
            camera: Its camera.
            truth: Its true depth.
            pose: Camera-to-world matrix, float64 (4, 4); None takes the entry's.
            given: Given depth of the frame.
        """
        pose = self.pose if pose is None else pose
        frame = Frame(rgb, camera, timestamp_s=self.time_s, pose=pose, given_depth=given, name=self.name)
        return DepthSample(self.name, frame, truth, self.group)


@reader
class ListedDataset(DepthDataset[ImageFiles]):
    """A data set in files, one entry for each file of true depth.

    Args:
        path: Its folder.
    """

    path: Text | Path = field(kw_only=False)

    def set_files(self, files: Iterable[ImageFiles], missing: str) -> None:
        """Set the entries.

        Args:
            files: The entries in their order.
            missing: Message for a data set without entries.

        Raises:
            InputError: If there is no entry; gives the reason of the first unreadable folder.
        """
        self._files = tuple(files)
        if not self._files:
            raise InputError(next(iter(self.unreadable.values()), missing))

    def files_of(self, folders: Iterable[Path], read: Callable[[Path], Iterable[ImageFiles]]) -> Iterator[ImageFiles]:
        """What ``read`` lists of each folder; those that cannot be used become unreadable."""
        for folder in folders:
            try:
                yield from read(folder)
            except InputError as error:
                self.unreadable[folder.name] = str(error)

    def entries(self) -> Sequence[ImageFiles]:
        """One entry per file of true depth; a missing image is reported when the entry is read."""
        return self._files

    def entry_name(self, entry: ImageFiles) -> str:
        """Unique name of the entry."""
        return entry.name


def metric_truth(values_m: np.ndarray, known: np.ndarray, file: Path) -> DepthMap:
    """True depth of an image.

    Args:
        values_m: (H, W), z [m]; arbitrary where unknown.
        known: bool (H, W).
        file: Where it was read, for the message.

    Raises:
        InputError: If no pixel has a positive, finite depth.
    """
    truth = DepthMap(values_m, known, DepthKind.METRIC, ScaleSource.SENSOR, backend=BACKEND)
    if not truth.valid.any():
        raise InputError(f"{file} knows the depth of no pixel of its image; copy it again or leave it out.")
    # Invalid numbers would spoil sums and the limits of colour scales.
    return replace(truth, values=np.where(truth.valid, truth.values, 0))


def stored_truth(file: Path, unit_m: float) -> DepthMap:
    """True depth of a file of whole numbers, 0 where nothing was measured.

    Args:
        file: The file.
        unit_m: Metres per stored number.

    Raises:
        InputError: If it is missing, damaged or knows no pixel's depth.
    """
    stored = read_depth(file, kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR, scale=unit_m)
    return metric_truth(stored.values, stored.valid, file)


def shrunk(frame: Frame, truth: DepthMap, max_side_px: int) -> tuple[Frame, DepthMap]:
    """An image shrunk with its camera and its true depth, which takes the nearest pixel and is never averaged.

    Args:
        frame: The image.
        truth: Its true depth, of the same size.
        max_side_px: Longest side [px]; 0 keeps the size.
    """
    size = bounded_size((frame.width, frame.height), max_side_px)
    if size == (frame.width, frame.height):
        return frame, truth
    values, valid = resize_depth(truth.values, truth.valid, size, nearest=True)
    smaller = replace(frame, rgb=resize_rgb(frame.rgb, size), camera=frame.camera.resized(*size))
    return smaller, replace(truth, values=values, valid=valid)

"""Data sets whose images and depth files are listed when they are opened, and what their readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.datasets.base import DepthDataset, DepthSample
from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.resampling import bounded_size, resize_depth, resize_rgb
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError

# Name of the depth that others are measured against.
BACKEND = "truth"

MILLIMETRE_M = 0.001
"""Metres per stored number of depth in millimetres."""


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Where one image and its true depth are.

    Args:
        name: Unique name within the data set.
        group: Place or sequence; empty where every image stands for itself.
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
        """What was read of it.

        Args:
            rgb: uint8 (H, W, 3).
            camera: Its camera.
            truth: Its true depth.
            pose: Camera-to-world matrix, float64 (4, 4); None takes the entry's.
            given: Depth that goes in beside the image.
        """
        pose = self.pose if pose is None else pose
        frame = Frame(rgb, camera, timestamp_s=self.time_s, pose=pose, given_depth=given, name=self.name)
        return DepthSample(self.name, frame, truth, self.group)


class ListedDataset(DepthDataset[ImageFiles]):
    """A data set in files, one entry for each file of true depth.

    Args:
        files: The entries in their order.
        missing: What to say where there is none.
        limit: Most samples; None takes all.
        unreadable: Folders that cannot be used, with the reason.

    Raises:
        InputError: If there is no entry; says why the first folder that is there cannot be used.
        ConfigError: If the limit is not usable.
    """

    def __init__(
        self,
        files: Iterable[ImageFiles],
        missing: str,
        limit: int | None,
        unreadable: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(limit)
        self._files = tuple(files)
        self.unreadable = dict(unreadable or {})
        if not self._files:
            raise InputError(next(iter(self.unreadable.values()), missing))

    def entries(self) -> Sequence[ImageFiles]:
        """One entry per file of true depth; its image may be missing, which reading it tells."""
        return self._files

    def entry_name(self, entry: ImageFiles) -> str:
        """Unique name of the entry."""
        return entry.name


def files_of_sequences(
    folders: Iterable[Path], read: Callable[[Path], Iterable[ImageFiles]], unreadable: dict[str, str]
) -> list[ImageFiles]:
    """Entries of all sequences.

    Args:
        folders: Their folders.
        read: Lists the entries of one.
        unreadable: Takes the name of each folder that cannot be used, with the reason.
    """
    files: list[ImageFiles] = []
    for folder in folders:
        try:
            files += read(folder)
        except InputError as error:
            unreadable[folder.name] = str(error)
    return files


def metric_truth(values_m: np.ndarray, known: np.ndarray, file: Path) -> DepthMap:
    """True depth of an image.

    Args:
        values_m: (H, W), z [m]; may hold anything where it is not known.
        known: bool (H, W).
        file: Where it was read, for the message.

    Raises:
        InputError: If no pixel has a positive, finite depth.
    """
    truth = DepthMap(values_m, known, DepthKind.METRIC, ScaleSource.SENSOR, backend=BACKEND)
    if not truth.valid.any():
        raise InputError(f"{file} knows the depth of no pixel of its image; copy it again or leave it out.")
    # Numbers that mean nothing would spoil sums and limits of a colour scale.
    return replace(truth, values=np.where(truth.valid, truth.values, 0))


def stored_truth(file: Path, unit_m: float) -> DepthMap:
    """True depth of a file of whole numbers in which 0 means that nothing was measured.

    Args:
        file: The file.
        unit_m: Metres per stored number.

    Raises:
        InputError: If it is missing, damaged or knows no pixel's depth.
    """
    stored = read_depth(file, kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR, scale=unit_m)
    return metric_truth(stored.values, stored.valid, file)


def shrunk(frame: Frame, truth: DepthMap, max_side_px: int) -> tuple[Frame, DepthMap]:
    """An image made smaller with its camera and its true depth, which is taken from the nearest pixel, not averaged.

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

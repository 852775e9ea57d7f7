"""Data sets whose images and depth files are listed when they are opened, and what their readers share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.datasets.depth_base import DepthDataset
from pipeline.ingest.resampling import bounded_size, resize_depth, resize_rgb
from pipeline.records import DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.errors import ConfigError, InputError

# Name of the depth that others are measured against.
BACKEND = "truth"


@dataclass(frozen=True)
class ImageFiles:
    """Where one image and its true depth are.

    Args:
        name: Unique name within the data set.
        group: Place or sequence; empty where every image stands for itself.
        image: File of the image.
        depth: File of its true depth.
    """

    name: str
    group: str
    image: Path
    depth: Path


class ListedDataset(DepthDataset[ImageFiles]):
    """A data set in files, one entry for each file of true depth.

    Args:
        files: The entries in their order.
        missing: What to say where there is none.
        limit: Most samples; None takes all.

    Raises:
        InputError: If there is no entry.
        ConfigError: If the limit is not usable.
    """

    def __init__(self, files: Iterable[ImageFiles], missing: str, limit: int | None) -> None:
        super().__init__(limit)
        self._files = tuple(files)
        if not self._files:
            raise InputError(missing)

    def entries(self) -> Sequence[ImageFiles]:
        """One entry per file of true depth; its image may be missing, which reading it tells."""
        return self._files

    def entry_name(self, entry: ImageFiles) -> str:
        """Unique name of the entry."""
        return entry.name


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


def checked_kind(kind: str | None, is_needed: bool) -> DepthKind | None:
    """What the numbers of stored predictions mean, which no file says.

    Raises:
        ConfigError: If it is needed and not given, or unknown.
    """
    known = ", ".join(DepthKind)
    if kind is None:
        if is_needed:
            raise ConfigError(f"Say what the predictions are: set dataset.prediction_kind to one of {known}.")
        return None
    if kind not in list(DepthKind):
        raise ConfigError(f"dataset.prediction_kind must be one of {known}, not {kind!r}.")
    return DepthKind(kind)

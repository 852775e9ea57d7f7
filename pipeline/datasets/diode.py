"""DIODE: indoor and outdoor places scanned by a laser (Vasiljevic et al. 2019). MIT licence.

Format, of ``val.tar.gz`` from https://diode-dataset.org: ``val/indoors/scene_00019/scan_00183/NAME.png`` with
``NAME_depth.npy`` (float32 (H, W, 1), z [m]) and ``NAME_depth_mask.npy`` ((H, W), 1 where the laser measured);
``outdoor`` beside ``indoors``. All images have 1024 x 768 px and the intrinsics of the authors' development kit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth
from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.images import read_image
from pipeline.records import Camera, DepthKind, ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.settings import Text

PLACES = ("indoors", "outdoor")
CAMERA = Camera(fx=886.81, fy=927.06, cx=512, cy=384, width=1024, height=768)
"""Intrinsics that the authors publish for all images (intrinsics.txt of the development kit)."""

_DEPTH, _MASK = "_depth.npy", "_depth_mask.npy"
_HOW = "unpack val.tar.gz from https://diode-dataset.org and name the folder val"


@reader
class Diode(ListedDataset):
    """DIODE, one group per scene.

    Args:
        path: The folder of a split with ``indoors`` and ``outdoor``, or the one that holds it.
        split: ``val`` or ``train``; used where ``path`` holds both.
        places: ``indoors``, ``outdoor``, or None for both.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no scan.
        ConfigError: If an argument is not usable.
    """

    name = "diode"

    split: Text = "val"
    places: Literal["indoors", "outdoor"] | None = None

    def __post_init__(self) -> None:
        """List the scans."""
        folder = existing_folder(self.path, "the DIODE data set", _HOW)
        folder = folder / self.split if (folder / self.split).is_dir() else folder
        wanted = PLACES if self.places is None else (self.places,)
        files = [
            _files(depth) for place in wanted for depth in sorted((folder / place).glob(f"scene_*/scan_*/*{_DEPTH}"))
        ]
        missing = f"{folder} holds no {' or '.join(wanted)}/scene_*/scan_*/*{_DEPTH}; {_HOW}."
        self.set_files(files, missing)

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image and its scan.

        Raises:
            InputError: If a file is missing or damaged.
        """
        rgb = read_image(entry.image)
        depth = read_depth(entry.depth, kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR)
        mask_file = entry.depth.with_name(entry.depth.name.removesuffix(_DEPTH) + _MASK)
        mask = read_depth(mask_file, kind=DepthKind.DEPTH_AFFINE, scale_source=ScaleSource.NONE, invalid=(0,))
        if mask.shape != depth.shape:
            raise InputError(f"{mask_file} is {mask.shape}, its depth {depth.shape}; copy both again.")
        truth = metric_truth(depth.values, depth.valid & mask.valid, entry.depth)
        return entry.sample(rgb, CAMERA.resized(rgb.shape[1], rgb.shape[0]), truth)


def _files(depth: Path) -> ImageFiles:
    # The name of a file already holds its scene, scan and place.
    name = depth.name.removesuffix(_DEPTH)
    scene = depth.parents[1].name
    return ImageFiles(name, f"{depth.parents[2].name}/{scene}", depth.with_name(f"{name}.png"), depth)

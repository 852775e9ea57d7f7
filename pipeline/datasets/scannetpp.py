"""ScanNet++, as its toolkit exports the phone's recordings: rooms that a laser scanned too (Yeshwanth et al. 2023).

Format, of https://kaldir.vc.in.tum.de/scannetpp, under the ScanNet++ Terms of Use, for research: ``data/SCENE/iphone``
has ``rgb/frame_NUMBER.jpg`` (1920 x 1440 px), ``depth/frame_NUMBER.png`` (256 x 192 px, the phone's own depth) and
``pose_intrinsic_imu.json`` with ``intrinsic`` (3 x 3 [px of the image]) by the frame's name; the toolkit's
``iphone.prepare_iphone_data`` writes the first two. Its ``common.render`` writes ``render_depth/frame_NUMBER.png``, the
laser's mesh seen by the phone. Depth is uint16, z [mm], 0 where nothing is known. The image is shrunk to the depth,
so every true depth is a measured one. Images of the DSLR are not read, as its lens is a fisheye.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.formats.sequences import sequences
from pipeline.datasets.listed import MILLIMETRE_M, ImageFiles, ListedDataset, stored_truth
from pipeline.datasets.scannet import camera_of_matrix, frame_of_depth
from pipeline.ingest.images import read_image
from pipeline.ingest.resampling import size_of
from pipeline.records.errors import InputError
from pipeline.records.settings import Count

DEPTHS = {"sensor": "depth", "rendered": "render_depth"}
_CALIBRATION = "pose_intrinsic_imu.json"
_HOW = "extract images and depth with the toolkit's iphone.prepare_iphone_data, or render depth with common.render"


@reader
class ScanNetPP(ListedDataset):
    """The phone's frames of ScanNet++, one group per scene.

    Args:
        path: The folder ``data`` with one folder per scene, the one that holds it, or one scene's.
        depth: ``sensor`` for the phone's own depth, or ``rendered`` for that of the laser's mesh.
        step: Take every n-th frame that has depth; neighbours are nearly equal.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no exported scene.
        ConfigError: If an argument is not usable.
    """

    name = "scannetpp"

    depth: Literal["sensor", "rendered"] = "sensor"
    step: Count = 1

    def __post_init__(self) -> None:
        """List the frames."""
        part = DEPTHS[self.depth]
        folder = existing_folder(self.path, "exported scenes of ScanNet++", _HOW)
        folder = folder / "data" if (folder / "data").is_dir() else folder
        scenes = sequences(folder, lambda place: (place / "iphone" / part).is_dir())
        files = [
            ImageFiles(f"{scene.name} {truth.stem}", scene.name, scene / "iphone" / "rgb" / f"{truth.stem}.jpg", truth)
            for scene in scenes
            for truth in sorted((scene / "iphone" / part).glob("frame_*.png"))[:: self.step]
        ]
        self.set_files(files, f"{folder} holds no SCENE/iphone/{part}/frame_*.png; {_HOW}.")

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image, shrunk to its depth.

        Raises:
            InputError: If a file is missing or damaged.
        """
        truth = stored_truth(entry.depth, MILLIMETRE_M)
        rgb = read_image(entry.image)
        file = entry.depth.parents[1] / _CALIBRATION
        matrix = intrinsics(file).get(entry.depth.stem)
        if matrix is None:
            raise InputError(f"{file} has no intrinsics of {entry.depth.stem}; download it again.")
        camera = camera_of_matrix(matrix, size_of(rgb), file)
        return DepthSample(entry.name, frame_of_depth(rgb, camera, truth, entry.name), truth, entry.group)


# The file of a scene has tens of megabytes, most of them measurements of motion.
@lru_cache(maxsize=8)
def intrinsics(file: Path) -> dict[str, np.ndarray]:
    """Intrinsic matrices, float64 (3, 3), of the phone's frames by their names.

    Raises:
        InputError: If the file is missing or damaged.
    """
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        return {
            name: np.array(entry["intrinsic"], dtype=float).reshape(3, 3)
            for name, entry in stored.items()
            if "intrinsic" in entry
        }
    except OSError as error:
        raise InputError(f"The calibration {file} cannot be opened ({error.strerror}); {_HOW}.") from None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise InputError(f"The calibration {file} is damaged; download it again.") from None

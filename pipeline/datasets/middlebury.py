"""Middlebury stereo of 2014 and 2021: indoor scenes with disparity of structured light (Scharstein et al. 2014).

Format, of https://vision.middlebury.edu/stereo/data/: ``SCENE/im0.png``, ``SCENE/disp0.pfm`` (``disp0GT.pfm`` in the
evaluation of 2014; float disparity [px] of the left image, infinite where unknown) and ``SCENE/calib.txt`` with
``cam0=[f 0 cx; 0 f cy; 0 0 1]``, ``doffs`` [px], ``baseline`` [mm], ``width`` and ``height`` [px]. Depth is
z = baseline * f / (disparity + doffs), as the authors' page says. Free for research.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth, shrunk
from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.files import existing_file
from pipeline.ingest.images import read_image
from pipeline.records import Camera, DepthKind, Frame, ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.settings import Natural

_DISPARITIES = ("disp0.pfm", "disp0GT.pfm")
_HOW = "unpack scenes of 2014 or 2021 from https://vision.middlebury.edu/stereo/data/ into it"
# Distinguishes several recordings of one scene: its calibration, or the number of the view.
_VARIANT = re.compile(r"-(perfect|imperfect)$|\d+$")


@reader
class Middlebury(ListedDataset):
    """Scenes of Middlebury stereo; recordings and views of one scene share a group.

    Args:
        path: Folder with one subfolder per scene.
        max_side_px: Longer side to which images are shrunk [px]; 0 keeps all of up to 6 million pixels.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no scene.
        ConfigError: If an argument is not usable.
    """

    name = "middlebury"

    max_side_px: Natural = 0

    def __post_init__(self) -> None:
        """List the scenes."""
        folder = existing_folder(self.path, "scenes of Middlebury stereo", _HOW)
        files = [
            ImageFiles(scene.name, _VARIANT.sub("", scene.name) or scene.name, scene / "im0.png", disparities[0])
            for scene in sorted(folder.iterdir())
            if (disparities := [scene / name for name in _DISPARITIES if (scene / name).is_file()])
        ]
        self.set_files(files, f"{folder} holds no SCENE/{' or SCENE/'.join(_DISPARITIES)}; {_HOW}.")

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read the left image and turn its disparity into depth.

        Raises:
            InputError: If a file is missing, damaged or of another size than the calibration.
        """
        rgb = read_image(entry.image)
        camera, baseline_m, offset_px = read_calibration(entry.depth.with_name("calib.txt"), rgb.shape[1], rgb.shape[0])
        disparity = read_depth(entry.depth, kind=DepthKind.DEPTH_AFFINE, scale_source=ScaleSource.NONE)
        sums = np.where(disparity.valid, disparity.values, 0).astype(np.float64) + offset_px
        known = disparity.valid & (sums > 0)
        depth_m = np.where(known, baseline_m * camera.fx / np.where(known, sums, 1), 0)
        frame, truth = shrunk(
            Frame(rgb, camera, name=entry.name), metric_truth(depth_m, known, entry.depth), self.max_side_px
        )
        return DepthSample(entry.name, frame, truth, entry.group)


def read_calibration(file: Path, width: int, height: int) -> tuple[Camera, float, float]:
    """Left camera, baseline [m] and offset of the disparity [px] of a ``calib.txt``.

    Raises:
        InputError: If it is missing, lacks a number, or is for an image of another size.
    """
    text = existing_file(file, "a calibration").read_text(encoding="utf-8", errors="replace")
    lines = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))
    try:
        matrix = [float(number) for number in re.split(r"[\s;]+", lines["cam0"].strip("[] "))]
        fx, _, cx, _, fy, cy = matrix[:6]
        baseline_mm, offset_px = float(lines["baseline"]), float(lines["doffs"])
        size = (int(lines.get("width", width)), int(lines.get("height", height)))
    except (KeyError, ValueError):
        raise InputError(f"{file} lacks cam0, baseline or doffs as numbers; copy it again.") from None
    if size != (width, height):
        raise InputError(
            f"{file} is for {size[0]} x {size[1]} px, its image has {width} x {height}; use the same size."
        )
    if baseline_mm <= 0:
        raise InputError(f"{file} has a baseline of {baseline_mm:g} mm, which must be positive; copy it again.")
    return Camera(fx, fy, cx, cy, width, height), baseline_mm / 1000, offset_px

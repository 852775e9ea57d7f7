"""ScanNet, as its SensReader exports it: rooms filmed with a structured-light sensor (Dai et al. 2017).

Format, of https://github.com/ScanNet/ScanNet/tree/master/SensReader; the data come under the ScanNet Terms of Use, for
research: each scene's folder has ``color/NUMBER.jpg``, ``depth/NUMBER.png`` (uint16, z [mm], registered to the image,
0 where nothing is known), ``pose/NUMBER.txt`` (4 x 4, camera to world [m]; infinite where the camera was lost) and
``intrinsic/intrinsic_color.txt`` (4 x 4 [px of the image]). Images have 1296 x 968 px, depth 640 x 480: the image
is shrunk to the depth, so every true depth is a measured one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.formats.sequences import sequences
from pipeline.datasets.listed import MILLIMETRE_M, ImageFiles, ListedDataset, stored_truth
from pipeline.ingest.files import is_image, natural_key
from pipeline.ingest.images import read_image
from pipeline.ingest.resampling import resize_rgb, same_aspect, size_of
from pipeline.ingest.text_files import number_table
from pipeline.records import Camera, DepthMap, Frame
from pipeline.records.errors import InputError
from pipeline.records.settings import Count

# Largest distance of a principal point from the middle of the image, as a share of each side.
_MIDDLE_SHARE = 0.15
_HOW = "export scenes with SensReader's reader.py, images, depth, poses and intrinsics, one folder a scene"


@reader
class ScanNet(ListedDataset):
    """Exported scenes of ScanNet, one group each.

    Args:
        path: A scene's folder, or one that holds several, as ``scans``.
        step: Take every n-th frame of a scene; neighbours are nearly equal.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no exported scene.
        ConfigError: If an argument is not usable.
    """

    name = "scannet"

    step: Count = 1

    def __post_init__(self) -> None:
        """List the frames."""
        folder = existing_folder(self.path, "exported scenes of ScanNet", _HOW)
        scenes = sequences(folder, lambda place: (place / "color").is_dir() and (place / "depth").is_dir())
        files = [
            ImageFiles(f"{scene.name} {color.stem}", scene.name, color, scene / "depth" / f"{color.stem}.png")
            for scene in scenes
            for color in sorted(filter(is_image, (scene / "color").iterdir()), key=natural_key)[:: self.step]
        ]
        self.set_files(files, f"{folder} holds no scene with color and depth; {_HOW}.")

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image, shrunk to its depth, and its pose.

        Raises:
            InputError: If a file is missing or damaged, or the calibration is of images of another size.
        """
        scene = entry.image.parents[1]
        truth = stored_truth(entry.depth, MILLIMETRE_M)
        rgb = read_image(entry.image)
        matrix = number_table(scene / "intrinsic" / "intrinsic_color.txt", 4, "file of intrinsics")
        camera = camera_of_matrix(matrix, size_of(rgb), scene / "intrinsic")
        pose = number_table(scene / "pose" / f"{entry.image.stem}.txt", 4, "pose")
        if pose.shape != (4, 4):
            raise InputError(f"The pose of {entry.name} has {len(pose)} rows, not 4; export it again.")
        frame = frame_of_depth(rgb, camera, truth, entry.name, pose if np.isfinite(pose).all() else None)
        return DepthSample(entry.name, frame, truth, entry.group)


def camera_of_matrix(matrix: np.ndarray, size: tuple[int, int], source: Path) -> Camera:
    """Camera of an intrinsic matrix of 3 x 3 or 4 x 4 for images of a size.

    Args:
        matrix: float (3, 3) or (4, 4) [px].
        size: (width, height) of the image [px].
        source: Where the matrix was read, for the message.

    Raises:
        InputError: If its principal point is far from the image's middle, which means another size.
    """
    if matrix.shape not in ((3, 3), (4, 4)):
        raise InputError(f"The intrinsics of {source} are a matrix of {matrix.shape}, not of 3 x 3 or 4 x 4.")
    (width, height), (cx, cy) = size, (float(matrix[0, 2]), float(matrix[1, 2]))
    if not (abs(cx / width - 0.5) <= _MIDDLE_SHARE and abs(cy / height - 0.5) <= _MIDDLE_SHARE):
        raise InputError(
            f"The intrinsics of {source} have their centre at ({cx:.0f}, {cy:.0f}), which does not fit images of "
            f"{width} x {height} px; export the images in their own size."
        )
    return Camera(float(matrix[0, 0]), float(matrix[1, 1]), cx, cy, width, height)


def frame_of_depth(
    rgb: np.ndarray, camera: Camera, truth: DepthMap, name: str, pose: np.ndarray | None = None
) -> Frame:
    """An image shrunk to the size of its depth, with its camera.

    Raises:
        InputError: If their shapes differ, or the depth has more pixels than the image.
    """
    size = size_of(truth.values)
    if not same_aspect(size, size_of(rgb)) or size[0] > rgb.shape[1]:
        raise InputError(
            f"The depth of {name} has {size[0]} x {size[1]} px, its image {rgb.shape[1]} x {rgb.shape[0]} px; "
            "export both again."
        )
    return Frame(resize_rgb(rgb, size), camera.resized(*size), pose=pose, name=name)

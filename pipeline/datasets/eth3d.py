"""ETH3D, high-resolution multi-view: places scanned by a laser (Schoeps et al. 2017). CC BY-NC-SA 4.0.

Format, of ``multi_view_training_dslr_jpg.7z`` and ``multi_view_training_dslr_depth.7z`` (or those of single scenes)
from https://www.eth3d.net/datasets, unpacked into one folder: ``SCENE/images/dslr_images/DSC_0001.JPG``,
``SCENE/ground_truth_depth/dslr_images/DSC_0001.JPG`` (not a JPEG, but float32 z [m] of every pixel, little-endian, rows
from the top, infinite where unknown) and ``SCENE/dslr_calibration_jpg`` with ``cameras.txt`` and ``images.txt``.

The depth belongs to the *original* images, which a lens has distorted (model THIN_PRISM_FISHEYE); the camera of a
sample is the linear part of that model. It is exact in the middle of an image and off by some pixels towards its
corners, which affects points in space but not the order and error of depth. At full size (24 million pixels) the laser
knows about a tenth of all pixels; ``max_side_px`` shrinks the image and takes the depth of the nearest pixel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.datasets.arguments import existing_folder
from pipeline.datasets.base import DepthSample, reader
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth, shrunk
from pipeline.ingest.captures.colmap_files import cached_calibration
from pipeline.ingest.files import existing_file
from pipeline.ingest.images import read_image
from pipeline.records import Camera, CameraSource, Frame
from pipeline.records.errors import InputError
from pipeline.records.settings import Natural

CAMERA_FOLDER = "dslr_images"
_HOW = (
    "unpack multi_view_training_dslr_jpg.7z and multi_view_training_dslr_depth.7z from "
    "https://www.eth3d.net/datasets into it"
)


@reader
class Eth3d(ListedDataset):
    """The training scenes of ETH3D, one group each.

    Args:
        path: Folder with one subfolder per scene.
        max_side_px: Longer side to which images are shrunk [px]; 0 keeps every pixel.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no depth.
        ConfigError: If an argument is not usable.
    """

    name = "eth3d"

    max_side_px: Natural = 2048

    def __post_init__(self) -> None:
        """List the scenes."""
        folder = existing_folder(self.path, "the ETH3D data set", _HOW)
        files = [
            ImageFiles(f"{scene.name}/{depth.stem}", scene.name, scene / "images" / CAMERA_FOLDER / depth.name, depth)
            for scene in sorted(folder.iterdir())
            for depth in sorted((scene / "ground_truth_depth" / CAMERA_FOLDER).glob("*.JPG"))
        ]
        self.set_files(files, f"{folder} holds no SCENE/ground_truth_depth/{CAMERA_FOLDER}/*.JPG; {_HOW}.")

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image, its depth, its camera and its pose.

        Raises:
            InputError: If a file is missing, damaged or of another size.
        """
        rgb = read_image(entry.image)
        height, width = rgb.shape[:2]
        depth = read_raw_depth(entry.depth, width, height)
        folder = entry.image.parents[2] / "dslr_calibration_jpg"
        camera, pose = _taken(folder, f"{CAMERA_FOLDER}/{entry.image.name}", width, height)
        frame, truth = shrunk(
            Frame(rgb, camera, pose=pose, name=entry.name),
            metric_truth(depth, np.isfinite(depth), entry.depth),
            self.max_side_px,
        )
        if not truth.valid.any():
            raise InputError(f"{entry.depth} knows too few pixels for {self.max_side_px} px; raise max_side_px.")
        return DepthSample(entry.name, frame, truth, entry.group)


def read_raw_depth(file: Path, width: int, height: int) -> np.ndarray:
    """Depth of an image of that size [px], float32 (H, W).

    Raises:
        InputError: If the file is missing or of another size.
    """
    size = existing_file(file, "a depth file").stat().st_size
    if size != 4 * width * height:
        raise InputError(
            f"{file} holds {size} bytes, but its image of {width} x {height} px needs {4 * width * height}; "
            "take the original images, not the undistorted ones."
        )
    return np.fromfile(file, dtype="<f4").reshape(height, width)


def _taken(folder: Path, image: str, width: int, height: int) -> tuple[Camera, np.ndarray | None]:
    """Camera and pose of an image; a scene without calibration gets an assumed camera."""
    if not folder.is_dir():
        return Camera.from_fov(width, height, 60.0, CameraSource.ASSUMED), None
    calibration = cached_calibration(folder)
    if image not in calibration.images:
        raise InputError(f"{folder / 'images.txt'} does not name {image}; take the calibration of the same archive.")
    number, pose = calibration.images[image]
    camera = calibration.cameras.get(number)
    if camera is None or (camera.width, camera.height) != (width, height):
        raise InputError(
            f"{folder / 'cameras.txt'} has no camera {number} of {width} x {height} px for {image}; "
            "take images and calibration of the same archive."
        )
    return camera, pose

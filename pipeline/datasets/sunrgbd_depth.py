"""SUN RGB-D in its original folders: rooms seen by four kinds of sensor (Song et al. 2015). Free for research.

Format, of ``SUNRGBD.zip`` from https://rgbd.cs.princeton.edu: ``SENSOR/SET/.../NAME/`` with ``image/*.jpg``, with
``depth/*.png`` as it was measured and ``depth_bfx/*.png`` with its gaps filled, both registered to the image, and
with ``intrinsics.txt`` (3 x 3). Depth is uint16, 0 where nothing is known; after its three lowest bits are moved to the
top (read3dPoints.m of the toolbox), it is z [mm].
"""

from __future__ import annotations

from pathlib import Path

from pipeline.datasets.arguments import check_choice
from pipeline.datasets.depth_base import DepthSample
from pipeline.datasets.formats.points import split_projection
from pipeline.datasets.formats.rgbd_files import FrameFiles, read_frame
from pipeline.datasets.listed import ImageFiles, ListedDataset, metric_truth
from pipeline.datasets.reading import existing_folder
from pipeline.datasets.registration import table
from pipeline.ingest.files import is_image
from pipeline.records import Frame
from pipeline.records.errors import InputError

DEPTHS = {"raw": "depth", "filled": "depth_bfx"}
SENSORS = ("kv1", "kv2", "realsense", "xtion")
# Frames of one recording lie side by side in this part alone; everywhere else each folder is another view.
_RECORDINGS = "sun3ddata"
_HOW = "unpack SUNRGBD.zip of https://rgbd.cs.princeton.edu there"


class SunRgbdDepth(ListedDataset):
    """SUN RGB-D; the group is the recording where there is one, else the image itself.

    Args:
        path: The folder ``SUNRGBD``, or the one that holds it.
        depth: ``raw`` for what the sensor measured, or ``filled`` for the depth without gaps.
        sensor: ``kv1``, ``kv2``, ``realsense``, ``xtion``, or None for all.
        limit: Most samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no image.
        ConfigError: If an argument is not usable.
    """

    name = "sunrgbd_depth"

    def __init__(
        self, path: str | Path, *, depth: str = "raw", sensor: str | None = None, limit: int | None = None
    ) -> None:
        check_choice("depth", depth, DEPTHS)
        check_choice("sensor", sensor, SENSORS, optional=True)
        folder = existing_folder(path, "SUN RGB-D in its original folders", _HOW)
        folder = folder / "SUNRGBD" if (folder / "SUNRGBD").is_dir() else folder
        found = [
            file.parent
            for part in ((sensor,) if sensor else SENSORS)
            for file in (folder / part).rglob("intrinsics.txt")
        ]
        files = [
            ImageFiles(_name(place, folder), _group(place, folder), place / "image", place / DEPTHS[depth])
            for place in sorted(found)
            if (place / "image").is_dir()
        ]
        super().__init__(files, f"{folder} holds no {sensor or 'SENSOR'}/.../image with intrinsics.txt; {_HOW}.", limit)

    def sample(self, entry: ImageFiles) -> DepthSample:
        """Read an image and its depth.

        Raises:
            InputError: If a file is missing or damaged, or depth has another size than the image.
        """
        image, depth = _only(entry.image), _only(entry.depth)
        matrix = table(entry.image.parent / "intrinsics.txt", 3, "file of intrinsics")
        # The size does not matter yet: the intrinsics are those of the image as it is stored.
        camera = split_projection(matrix[:3], 1, 1)[0]
        described = {
            "camera": {key: getattr(camera, key) for key in ("fx", "fy", "cx", "cy")},
            "depth": {"encoding": "sun3d"},
        }
        stored = read_frame(FrameFiles(entry.depth, entry.name, image, depth, described))
        assert stored.given_depth is not None
        truth = metric_truth(stored.given_depth.values, stored.given_depth.valid, depth)
        return DepthSample(entry.name, Frame(stored.rgb, stored.camera, name=entry.name), truth, entry.group)


def _name(place: Path, root: Path) -> str:
    return place.relative_to(root).as_posix()


def _group(place: Path, root: Path) -> str:
    parts = place.relative_to(root).parts
    return "/".join(parts[:-1]) if _RECORDINGS in parts[:-1] else ""


def _only(folder: Path) -> Path:
    """The one image of a folder."""
    files = sorted(file for file in folder.iterdir() if is_image(file)) if folder.is_dir() else []
    if len(files) != 1:
        raise InputError(f"{folder} holds {len(files)} images, not one; unpack SUNRGBD.zip again.")
    return files[0]

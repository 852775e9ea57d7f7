"""Projects of COLMAP: a model of cameras and images, the images, and depth maps of a dense reconstruction.

A project has ``sparse/0`` (or ``sparse``) and ``images``; the folder that ``colmap image_undistorter`` writes has
``sparse``, ``images`` without distortion, and, after ``patch_match_stereo``, ``stereo/depth_maps``
(https://colmap.github.io/format.html). Images, depth and poses of a reconstruction share a unit, but nobody knows how
long it is: depth is known up to scale, and poses are left out, because everything that uses poses takes them as metres.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.ingest.captures.base import Capture, CapturedFrame, within
from pipeline.ingest.captures.colmap_files import has_calibration, read_calibration
from pipeline.ingest.captures.stored_images import upright_frame
from pipeline.ingest.depth_files import MAX_VALUES
from pipeline.ingest.files import existing_file, natural_key
from pipeline.records import DepthKind, DepthMap
from pipeline.records.errors import InputError, RecordError
from pipeline.records.message import Message, message

# Consistent over several images, or of one image alone.
_DEPTH_SUFFIXES = (".geometric.bin", ".photometric.bin")
# Names of images that are tried in order to find their folder.
_TRIED = 20
_HEADER = re.compile(rb"(\d{1,10})&(\d{1,10})&(\d{1,10})&")


class Colmap(Capture):
    """A project of COLMAP; its images are sorted by name."""

    format = "COLMAP"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        models = _models_in(path)
        if not models:
            raise InputError(f"{path} holds no model of COLMAP; give the folder with sparse and images.")
        self._model = models[0]
        self._notes: tuple[Message, ...] = (message("poses_without_unit", path=str(self._model)),)
        if len(models) > 1:
            others = len(models) - 1
            self._notes += (message("other_models", path=str(path), name=self._model.name, count=others),)
        self._calibration = read_calibration(self._model)
        self._names = sorted(self._calibration.images, key=_order)
        if not self._names:
            raise InputError(f"{self._model} is a model without images; run the reconstruction again.")
        self._root, self._images = _folders_of(path, self._model, self._names)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the folder holds a model of COLMAP."""
        try:
            return path.is_dir() and bool(_models_in(path))
        except OSError:
            return False

    @property
    def times_s(self) -> Sequence[float]:
        """Numbers of the images."""
        return range(len(self._names))

    @property
    def has_times(self) -> bool:
        """COLMAP knows no times."""
        return False

    def frames(self, indices: Sequence[int]) -> Iterator[CapturedFrame]:
        """Decode images with their cameras and, where there is some, depth up to scale.

        Raises:
            InputError: If an image or its depth is missing or damaged, or its camera has a distortion that no lens
                stands for.
        """
        for index in indices:
            yield self._frame(self._names[index])

    def _frame(self, name: str) -> CapturedFrame:
        number, _ = self._calibration.images[name]
        camera = self._calibration.models.get(number)
        if camera is None:
            raise InputError(
                f"{self._model} has no camera {number}, which its image {name!r:.80} needs; export it again."
            )
        lens = camera.lens
        file = within(self._images, name, f"{self._model}")
        depth = self._depth(name)
        if depth is not None and lens is not None:
            raise InputError(
                f"{self._root} has depth maps, but its camera {number} is of model {camera.model}; depth maps "
                "belong to the images without distortion: give the folder that colmap image_undistorter wrote."
            )
        return upright_frame(file, self._calibration.cameras[number], lens, depth, notes=self._notes)

    def _depth(self, name: str) -> DepthMap | None:
        folder = self._root / "stereo" / "depth_maps"
        for suffix in _DEPTH_SUFFIXES:
            file = within(folder, name + suffix, f"{self._model}")
            if file.is_file():
                depth = read_depth_map(file)
                return depth if depth.valid.any() else None
        return None


def read_depth_map(file: Path) -> DepthMap:
    """A depth map of COLMAP's multi-view stereo, up to scale; pixels without depth are 0.

    The text ``WIDTH&HEIGHT&CHANNELS&``, then float32, little-endian, row by row:
    https://github.com/colmap/colmap/blob/main/scripts/python/read_write_dense.py

    Raises:
        InputError: If the file is damaged or cut off.
    """
    size = existing_file(file, "a depth map").stat().st_size
    with file.open("rb") as stream:
        header = _HEADER.match(stream.read(33))
        width, height, channels = (int(number) for number in header.groups()) if header else (0, 0, 0)
        count = width * height
        if header is None or channels != 1 or not 0 < count <= MAX_VALUES or size != header.end() + 4 * count:
            raise InputError(f"{file} is cut off or not a depth map of COLMAP; copy it again.")
        stream.seek(header.end())
        values = np.frombuffer(stream.read(4 * count), "<f4").reshape(height, width)
    try:
        return DepthMap.from_values(values, DepthKind.SCALE_INVARIANT, backend="colmap")
    except RecordError as error:
        raise InputError(f"{file} is not a depth map of COLMAP: {error}") from None


def _models_in(path: Path) -> list[Path]:
    """The models of a folder: itself, or those in ``sparse``; that with the lowest number first."""
    for folder in (path, path / "sparse"):
        if has_calibration(folder):
            return [folder]
    sparse = path / "sparse"
    numbered = [folder for folder in sparse.iterdir() if folder.name.isdecimal()] if sparse.is_dir() else []
    return sorted(filter(has_calibration, numbered), key=natural_key)


def _folders_of(path: Path, model: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """The folder of a project, and that of its images: ``images`` in it, or itself."""
    above = [model.parent.parent] if model.parent.name == "sparse" else []
    places = [(root, images) for root in (path, model, model.parent, *above) for images in (root / "images", root)]
    for root, images in places:
        if any(within(images, name, f"{model}").is_file() for name in names[:_TRIED]):
            return root, images
    for root, images in places[::2]:
        if images.is_dir():
            return root, images
    raise InputError(f"{path} has no folder images beside its model; put the images of the project there.")


def _order(name: str) -> tuple[list[list[tuple[bool, int, str]]], str]:
    return [natural_key(Path(part)) for part in name.split("/")], name

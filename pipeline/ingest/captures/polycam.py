"""Raw data that the app Polycam exports.

A folder with ``keyframes/images/STAMP.jpg``, ``cameras/STAMP.json``, ``depth/STAMP.png`` (uint16, millimetres) and
``confidence/STAMP.png``; where the app has optimized the poses, also ``corrected_images`` (without distortion) and
``corrected_cameras``. A stamp is a time in microseconds. Specification: https://github.com/PolyCam/polyform, README
and ``polyform/core/capture_folder.py``.

Cameras: ``fx, fy, cx, cy`` for an image of ``width`` x ``height``, and the upper three rows ``t_00`` to ``t_23`` of the
matrix from ARKit's camera to ARKit's world, y up (README). Nerfstudio reads the columns as OpenGL's camera, which has
ARKit's axes
(https://github.com/nerfstudio-project/nerfstudio/blob/main/nerfstudio/process_data/polycam_utils.py).

Confidence: 0 is low and 255 high; for medium the README has 127, files have other values between. Depth beyond the
5 m of the scanner is a guess of ARKit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.ingest.captures.arkit import (
    WORLD_DOWN,
    bounded_text,
    camera_of,
    json_object,
    lidar_depth,
    numbers_of,
    pose_of_rows,
    stored_grey,
    stored_rgb,
    with_opencv_axes,
)
from pipeline.ingest.captures.base import Capture, CapturedFrame
from pipeline.ingest.depth_files import stored_depth
from pipeline.ingest.files import natural_key, printable
from pipeline.ingest.images import open_image
from pipeline.ingest.resampling import same_aspect, size_of
from pipeline.records import DepthKind, ScaleSource
from pipeline.records.errors import InputError

_SUFFIXES = {"images": (".jpg", ".jpeg", ".png"), "cameras": (".json",), "depth": (".png",), "confidence": (".png",)}
_LENS = ("fx", "fy", "cx", "cy")
_ROWS = tuple(f"t_{row}{column}" for row in range(3) for column in range(4))


class Polycam(Capture):
    """Raw data of Polycam; see the module for its files.

    Optimized poses live in a world of their own, so frames are those that have a corrected image and camera, or, where
    none has, all; each with depth and, where the export has any, confidence.
    """

    format = "Polycam"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        folder = path / "keyframes"
        parts = {name: _by_stem(folder / name, suffixes) for name, suffixes in _SUFFIXES.items()}
        corrected = {name: _by_stem(folder / f"corrected_{name}", _SUFFIXES[name]) for name in ("images", "cameras")}
        if not parts["confidence"]:
            del parts["confidence"]
        stems = set.intersection(*(set(files) for files in {**parts, **corrected}.values()))
        if stems:
            parts |= corrected
        else:
            stems = set.intersection(*(set(files) for files in parts.values()))
        if not stems:
            raise InputError(f"{path} has no keyframe with an image, a camera, depth and confidence; export it again.")
        self.left_out = len(set.union(*(set(files) for files in parts.values()))) - len(stems)
        self._parts = parts
        self._stems = sorted(stems, key=lambda stem: (natural_key(parts["images"][stem]), stem))
        self._has_times = all(stem.isascii() and stem.isdecimal() and len(stem) <= 18 for stem in self._stems)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether the folder has keyframes with cameras and depth."""
        return all((path / "keyframes" / name).is_dir() for name in ("images", "cameras", "depth"))

    @property
    def times_s(self) -> Sequence[float]:
        """Time of every frame from the first [s]; their numbers where the files are not named by time."""
        if not self._has_times:
            return range(len(self._stems))
        first = int(self._stems[0])
        return [(int(stem) - first) * 1e-6 for stem in self._stems]

    @property
    def has_times(self) -> bool:
        """Whether the files are named by time."""
        return self._has_times

    def frames(self, indices: Sequence[int]) -> Iterator[CapturedFrame]:
        """Decode frames; see ``Capture.frames``."""
        for stem in (self._stems[index] for index in indices):
            files = {name: by_stem[stem] for name, by_stem in self._parts.items()}
            file = files["cameras"]
            values = json_object(bounded_text(file, "a camera"), file, "a camera")
            keys = (*_LENS, "width", "height", *_ROWS)
            if missing := [key for key in keys if key not in values]:
                raise InputError(f"{file} has no {missing[0]!r}; export the raw data again.")
            numbers = numbers_of([values[key] for key in keys], (len(keys),), str(file))
            camera = camera_of(numbers[:4].tolist(), tuple(numbers[4:6].tolist()), str(file))
            with open_image(files["images"]) as image:
                if not same_aspect(image.size, (camera.width, camera.height)):
                    raise InputError(
                        f"{file} is for {camera.width} x {camera.height} px, its image has "
                        f"{image.width} x {image.height} px; export the raw data again."
                    )
                rgb = stored_rgb(image)
            what = f"keyframe {stem} of {self.path}"
            depth = stored_depth(files["depth"], kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR, scale=0.001)
            levels = _levels(stored_grey(files["confidence"])) if "confidence" in files else None
            yield CapturedFrame(
                rgb,
                printable(files["images"].name),
                camera,
                depth=lidar_depth(depth, levels, size_of(rgb), what),
                pose=with_opencv_axes(pose_of_rows(numbers[6:].reshape(3, 4), str(file))),
                world_down=WORLD_DOWN,
            )


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The files of a folder that are not hidden, by their name without suffix."""
    if not folder.is_dir():
        return {}
    files = (file for file in folder.iterdir() if file.suffix.lower() in suffixes)
    return {file.stem: file for file in files if file.name[0] != "."}


def _levels(stored: np.ndarray) -> np.ndarray:
    return (stored > 0).astype(np.uint8) + (stored == 255)

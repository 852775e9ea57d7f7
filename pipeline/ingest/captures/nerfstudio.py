"""Projects of nerfstudio and instant-ngp: ``transforms.json``.

https://docs.nerf.studio/quickstart/data_conventions.html and
https://github.com/NVlabs/instant-ngp/blob/master/docs/nerf_dataset_tips.md. Poses are camera to world with the axes of
OpenGL (x right, y up, z backward). They are in metres only where a device measured them, which nothing in the file
says: they are kept where there is measured depth, and left out where COLMAP made them, whose unit nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.ingest.captures.base import Capture, CapturedFrame, within
from pipeline.ingest.captures.nerfstudio_cameras import camera_and_lens
from pipeline.ingest.captures.stored_images import upright_frame
from pipeline.ingest.depth_files import stored_depth
from pipeline.ingest.files import decoding, existing_file, natural_key, one_line
from pipeline.records import DepthKind, DepthMap, ScaleSource
from pipeline.records.checks import finite
from pipeline.records.errors import InputError, RecordError
from pipeline.records.message import Message, message

_NAME = "transforms.json"
_MAX_BYTES = 64 << 20
_FIRST_BYTES = 4096
# Suffixes that a path without one may stand for: Blender's synthetic scenes and instant-ngp leave it out.
_SUFFIXES = (".png", ".jpg", ".jpeg", ".JPG", ".PNG")
# From nerfstudio's axes (OpenGL) to ours (OpenCV).
_FLIP = np.diag((1.0, -1.0, -1.0, 1.0))
# Default of depth_unit_scale_factor for whole numbers, and between which medians floats can be metres [m].
_MILLIMETRE, _FARTHEST_M, _NEAREST_M = 1e-3, 100.0, 0.02
# Share of pixels that measured depth fills at least.
_DENSE_SHARE = 0.1
# How far the columns of a rotation may be from unit length and from right angles.
_TOLERANCE = 1e-3


class Nerfstudio(Capture):
    """A ``transforms.json``, by itself or by its folder; its images are sorted by name."""

    format = "nerfstudio"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = existing_file(path / _NAME if path.is_dir() else path, "a project of nerfstudio")
        self._meta = _content(self._file)
        self._frames = _frames_of(self._file, self._meta)
        self._is_colmap = any("colmap_im_id" in frame for frame in self._frames)
        self._notes = self._pose_notes()

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether it is ``transforms.json``, its folder, or another JSON file that begins like one."""
        try:
            file = path / _NAME if path.is_dir() else path
            if not file.is_file() or file.suffix.lower() != ".json":
                return False
            with file.open("rb") as stream:
                start = stream.read(_FIRST_BYTES)
        except OSError:
            return False
        keys = (b'"transform_matrix"', b'"fl_x"', b'"camera_angle_x"')
        return file.name == _NAME or (start.lstrip()[:1] == b"{" and any(key in start for key in keys))

    @property
    def times_s(self) -> Sequence[float]:
        """Numbers of the images."""
        return range(len(self._frames))

    @property
    def has_times(self) -> bool:
        """The format knows no times."""
        return False

    def frames(self, indices: Sequence[int]) -> Iterator[CapturedFrame]:
        """Decode images with their cameras and, where there is some, depth and poses.

        Raises:
            InputError: If a file is missing or damaged, or an entry of ``transforms.json`` is unusable.
        """
        for index in indices:
            yield self._frame(self._frames[index])

    def _frame(self, frame: Mapping[str, Any]) -> CapturedFrame:
        image = self._path(frame, "file_path")
        camera, lens, notes = camera_and_lens({**self._meta, **frame}, image, self._file)
        depth, depth_notes = self._depth(frame)
        pose = self._pose(frame) if self._is_metric else None
        # "none" says that the poses need no turn to have the world's z axis up.
        is_upright = pose is not None and self._meta.get("orientation_override") == "none"
        down = np.array((0.0, 0.0, -1.0)) if is_upright else None
        return upright_frame(image, camera, lens, depth, pose, down, self._notes + notes + depth_notes)

    @property
    def _is_metric(self) -> bool:
        return not self._is_colmap and any(_names_depth(frame) for frame in self._frames)

    @property
    def _scale(self) -> float:
        """Factor by which the poses were scaled after their device gave them."""
        with _naming(self._file, "applied_scale or applied_transform"), np.errstate(all="ignore"):
            transform = np.asarray(self._meta.get("applied_transform", np.eye(4)), dtype=np.float64)
            size = np.cbrt(np.abs(np.linalg.det(transform[:3, :3])))
            scale = finite(self._meta.get("applied_scale", 1.0), "applied_scale") * float(size)
            if not 1e-9 < scale < 1e9:
                raise ValueError(f"a scale of {scale:g}")
        return 1.0 if abs(scale - 1) < _TOLERANCE else scale

    def _pose_notes(self) -> tuple[Message, ...]:
        if not self._is_metric:
            return (message("poses_without_unit", path=str(self._file)),)
        if self._scale != 1:
            return (message("scale_undone", path=str(self._file), scale=self._scale),)
        return ()

    def _pose(self, frame: Mapping[str, Any]) -> np.ndarray:
        """Camera-to-world pose (4, 4) with the axes of OpenCV [m].

        ``applied_scale`` and the scale of ``applied_transform`` stretched the positions, so these are divided by them:
        https://github.com/nerfstudio-project/nerfstudio/blob/main/nerfstudio/data/dataparsers/nerfstudio_dataparser.py
        """
        with _naming(self._file, "transform_matrix"), np.errstate(all="ignore"):
            matrix = np.asarray(frame["transform_matrix"], dtype=np.float64)
            if matrix.shape not in ((4, 4), (3, 4)) or not np.isfinite(matrix).all():
                raise ValueError(f"numbers of shape {matrix.shape}")
            rotation = matrix[:3, :3]
            # The object of a camera in Blender may have a scale of its own; it does not move the camera.
            rotation = rotation / np.linalg.norm(rotation, axis=0)
            if not np.allclose(rotation.T @ rotation, np.eye(3), atol=_TOLERANCE) or np.linalg.det(rotation) < 0:
                raise ValueError("no rotation")
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, matrix[:3, 3] / self._scale
        flipped: np.ndarray = pose @ _FLIP
        return flipped

    def _depth(self, frame: Mapping[str, Any]) -> tuple[DepthMap | None, tuple[Message, ...]]:
        """Depth in metres, or up to scale where COLMAP made the poses.

        ``depth_file_path`` is nerfstudio's key; instant-ngp's ``depth_path`` has its factor in ``integer_depth_scale``:
        https://github.com/NVlabs/instant-ngp/blob/master/scripts/nerfcapture2nerf.py
        """
        if not _names_depth(frame):
            return None, ()
        key = "depth_file_path" if frame.get("depth_file_path") else "depth_path"
        file = self._path(frame, key)
        stated, is_whole = self._factor(key), _holds_integers(file)
        # nerfstudio itself takes floats by the same factor, but without one they are metres in practice.
        factor = stated or (_MILLIMETRE if is_whole else 1.0)
        depth = stored_depth(file, kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR, scale=factor, trusted=True)
        median_m = float(np.median(depth.values[depth.valid]))
        if not is_whole and not _NEAREST_M < median_m < (_FARTHEST_M if stated is None else np.inf):
            raise InputError(
                f"{file} has a median depth of {median_m:g} m, so its numbers are of another unit; set "
                f"depth_unit_scale_factor in {self._file.name}, in metres per stored number."
            )
        if not self._is_colmap:
            return depth, ()
        if depth.sampling.is_scattered or depth.valid.mean() < _DENSE_SHARE:
            # https://github.com/nerfstudio-project/nerfstudio/blob/main/nerfstudio/process_data/colmap_utils.py
            # (create_sfm_depth): pixels of the reconstructed points, in COLMAP's unit.
            return None, (message("depth_of_points", path=str(self._file)),)
        up_to_scale = DepthMap(
            depth.values, depth.valid, DepthKind.SCALE_INVARIANT, backend=depth.backend, sampling=depth.sampling
        )
        return up_to_scale, (message("depth_without_unit", path=str(self._file)),)

    def _factor(self, key: str) -> float | None:
        """Metres per stored number, where the file states them."""
        name = "depth_unit_scale_factor" if key == "depth_file_path" else "integer_depth_scale"
        if name not in self._meta:
            if key == "depth_path":
                raise InputError(
                    f"{self._file} has depth_path but no integer_depth_scale; add it in metres per number."
                )
            return None
        with _naming(self._file, name):
            factor = finite(self._meta[name], name)
            if not 1e-9 < factor < 1e3:
                raise ValueError(f"a factor of {factor:g}")
        return factor

    def _path(self, frame: Mapping[str, Any], key: str) -> Path:
        name = frame.get(key)
        file = within(self._file.parent, name.replace("\\", "/") if isinstance(name, str) else name, str(self._file))
        if not file.is_file() and key == "file_path":
            for suffix in _SUFFIXES:
                if (longer := file.with_name(file.name + suffix)).is_file():
                    return within(self._file.parent, str(longer), str(self._file))
        return existing_file(file, "an image" if key == "file_path" else "a depth file")


def _names_depth(frame: Mapping[str, Any]) -> bool:
    return bool(frame.get("depth_file_path") or frame.get("depth_path"))


def _holds_integers(file: Path) -> bool:
    if file.suffix.lower() != ".npy":
        return file.suffix.lower() in (".png", ".pgm")
    with decoding(file, "a depth file"):
        return np.load(file, mmap_mode="r", allow_pickle=False).dtype.kind in "iu"


def _content(file: Path) -> Mapping[str, Any]:
    if file.stat().st_size > _MAX_BYTES:
        raise InputError(f"{file} is larger than {_MAX_BYTES >> 20} MB; split the project.")
    with decoding(file, "a project of nerfstudio"):
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    if not isinstance(content, dict):
        raise InputError(f"{file} must hold an object {{...}} with frames, not {type(content).__name__}.")
    return content


def _frames_of(file: Path, meta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    frames = meta.get("frames")
    if not isinstance(frames, list) or not frames:
        raise InputError(f"{file} lists no frames; export the project again.")
    for frame in frames:
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise InputError(f"{file} has a frame without file_path; export the project again.")
    return sorted(frames, key=lambda frame: _order(frame["file_path"]))


def _order(name: str) -> tuple[list[list[tuple[bool, int, str]]], str]:
    return [natural_key(Path(part)) for part in name.replace("\\", "/").split("/")], name


@contextmanager
def _naming(file: Path, key: str) -> Iterator[None]:
    """Turn any error about a value within the block into an InputError that names its key."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecordError) as error:
        what = f"lacks {key}" if isinstance(error, KeyError) else f"has an unusable {key} ({one_line(error)})"
        raise InputError(f"{file} {what}; export the project again.") from None

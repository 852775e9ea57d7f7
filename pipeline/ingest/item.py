"""One item of input: the files to read and the questions to ask."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pipeline.ingest.annotations import parse_claims, parse_each, parse_regions
from pipeline.ingest.cameras import check_camera
from pipeline.ingest.files import check_keys, check_no_url, is_video, may_be_recording
from pipeline.records import Anchor, Claim, DepthKind, ScaleSource
from pipeline.records.checks import finite_tuple, member, text
from pipeline.records.errors import InputError, RecordError

if TYPE_CHECKING:
    from pipeline.ingest.lidar import LidarPose
    from pipeline.ingest.tar_members import Member

CameraSpec = Mapping[str, Any]
Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class BadItem:
    """An unusable item, which does not stop the others.

    Args:
        id: Its id, or its place in the manifest if the id is missing or taken.
        reason: What is wrong, in one sentence.
    """

    id: str
    reason: str


@dataclass(frozen=True)
class Item:
    """The files to read and the questions to ask; checked when made, read by ``build_scene``.

    A single path, question, camera, region or number may stand for a tuple of one.

    Args:
        id: Name of the item in results; one line.
        frames: Paths of images, or the path of one video or capture.
        questions: Questions about the frames.
        camera: fx, fy, cx, cy [px of the upright image], with width and height if they are for another size, and the
            coefficients of its lens (``LENS_KEYS``); one for all frames or one per frame. None is EXIF or an assumed
            field of view.
        depth: Paths of depth files, one per frame, or none.
        depth_kind: What the numbers of the depth files mean.
        scale_source: Source of their metric scale; None is ``sensor`` for metric depth.
        depth_scale: Metres (or units) per stored number; see ``read_depth``.
        depth_invalid: Stored numbers that mean "no depth"; None is 0 for integers.
        depth_key: Name of the array in an npz or of the channel in an EXR.
        depth_backend: Name of the network that made the depth files, which chooses their noise model; None is
            ``file``, whose errors are those of the worst network measured.
        lidar_to_camera: Where the depth files hold points of a scanner: the rigid matrix from its frame to the
            camera's, or the path of a KITTI calibration; one for all frames or one per frame, see ``lidar_poses``.
        poses: Camera-to-world matrices 4 x 4 [m], one per frame, or none.
        timestamps_s: Times of images [s], one per frame, or none; a video has its own times.
        regions: Regions in JSON form, see ``parse_region``.
        claims: Claims, or the path of a JSON file of claims.
        anchors: Known lengths and distances, as anchors or in JSON form, see ``Anchor.from_plain``.

    Raises:
        InputError: If a value breaks these rules; names the item and the key.
    """

    id: str
    frames: tuple[Path, ...]
    questions: tuple[str, ...] = ()
    camera: CameraSpec | tuple[CameraSpec | None, ...] | None = None
    depth: tuple[Path, ...] = ()
    depth_kind: DepthKind = DepthKind.METRIC
    scale_source: ScaleSource | None = None
    depth_scale: float | None = None
    depth_invalid: tuple[float, ...] | None = None
    depth_key: str | None = None
    depth_backend: str | None = None
    lidar_to_camera: tuple[LidarPose, ...] = ()
    poses: tuple[Matrix, ...] = ()
    timestamps_s: tuple[float, ...] = ()
    regions: tuple[Mapping[str, Any], ...] = ()
    claims: tuple[Claim, ...] | Path = ()
    anchors: tuple[Anchor, ...] = ()

    def __post_init__(self) -> None:
        """Check and normalise every field."""
        if not isinstance(self.id, str) or not self.id.strip() or not self.id.isprintable():
            raise InputError(f"The id of an item must be one line of text, not {self.id!r}.")
        object.__setattr__(self, "id", self.id.strip())
        for name, normalise in _NORMALISERS.items():
            if (value := getattr(self, name)) is not None:
                with self._naming(name):
                    object.__setattr__(self, name, normalise(value))
        with self._naming("scale_source"):
            object.__setattr__(self, "scale_source", _scale_source(self.scale_source, self.depth_kind))
        if not self.frames:
            raise InputError(f"Item {self.id!r}, frames: give at least one image or a video.")
        if any(map(may_be_recording, self.frames)) and len(self.frames) > 1:
            raise InputError(
                f"Item {self.id!r}, frames: a video or a capture must be the only one; give it an item of its own."
            )
        if self.is_recording and self.timestamps_s:
            raise InputError(f"Item {self.id!r}, timestamps_s: a video or a capture has its own times; leave them out.")
        for name in ("depth", "poses", "timestamps_s", "camera", "lidar_to_camera"):
            value = getattr(self, name)
            if name == "lidar_to_camera" and len(value) == 1:
                continue
            if not self.is_recording and isinstance(value, tuple) and value and len(value) != len(self.frames):
                raise InputError(
                    f"Item {self.id!r}, {name}: {len(value)} given for {len(self.frames)} frames; give one per frame."
                )

        first_of: dict[Path, int] = {}
        for index, file in enumerate(self.depth):
            first = first_of.setdefault(file, index)
            if first != index and (self.is_video or self.frames[first] != self.frames[index]):
                raise InputError(
                    f"Item {self.id!r}, depth: {file.name} is given for frames {first} and {index}, but one depth map "
                    "belongs to one frame; give each frame its own."
                )

    @property
    def is_video(self) -> bool:
        """Whether the frames are those of a video."""
        return is_video(self.frames[0])

    @property
    def is_recording(self) -> bool:
        """Whether the frames are those of a video or of what may be a capture."""
        return may_be_recording(self.frames[0])

    def camera_of(self, frame: int) -> CameraSpec | None:
        """The camera given for a frame, or None."""
        return self.camera[frame] if isinstance(self.camera, tuple) else self.camera

    @classmethod
    def from_plain(cls, values: Mapping[str, Any], folder: Path, default_id: str) -> Self:
        """Make an item from a line of a manifest.

        Args:
            values: The fields by name; ``question`` stands for ``questions``; null fields count as absent.
            folder: Paths are relative to it.
            default_id: The id if none is given.

        Raises:
            InputError: If a key is unknown or a value breaks a rule.
        """
        given = {str(key): part for key, part in values.items() if part is not None}
        item_id = given.pop("id", default_id)
        item_id = str(item_id) if isinstance(item_id, int) else item_id
        check_keys(given, ITEM_KEYS, f"Item {item_id!r}")
        if "question" in given:
            if "questions" in given:
                raise InputError(f"Item {item_id!r}: give question or questions, not both.")
            given["questions"] = given.pop("question")
        try:
            for key in ("frames", "depth"):
                given[key] = tuple(folder / path for path in _paths(given.get(key, ())))
            if isinstance(given.get("claims"), str):
                given["claims"] = folder / given["claims"]
            if "lidar_to_camera" in given:
                given["lidar_to_camera"] = _lidar_poses(given["lidar_to_camera"], folder)
            given["regions"] = parse_regions(_several(given.get("regions", ())), folder)
        except InputError as error:
            raise InputError(f"Item {item_id!r}: {error}") from None
        return cls(id=item_id, **given)

    @contextmanager
    def _naming(self, key: str) -> Iterator[None]:
        try:
            yield
        except (InputError, RecordError) as error:
            raise InputError(f"Item {self.id!r}, {key}: {error}") from None
        except (OverflowError, RecursionError):
            raise InputError(f"Item {self.id!r}, {key}: a number is too large or a list too deep.") from None


@dataclass(frozen=True)
class TarItem(Item):
    """An item whose files are members of an archive; ``frames`` and ``depth`` hold the archive's path and their names.

    Args:
        tar: The archive.
        members: The members by the path that stands for each.
    """

    tar: Path = Path()
    members: Mapping[Path, Member] = field(default_factory=dict)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _paths(value: Any) -> tuple[Path, ...]:
    paths = _several(value)
    for path in paths:
        if not isinstance(path, str | PathLike) or not str(path).strip():
            raise InputError(f"a path must be a nonempty text, not {path!r}.")
        check_no_url(str(path))
    return tuple(Path(path) for path in paths)


def questions_of(value: Any) -> tuple[str, ...]:
    """The questions that one text or a list of texts gives, each once; None gives none.

    Raises:
        InputError: If one of them is no text or an empty one.
    """
    if value is None:
        return ()
    return tuple(dict.fromkeys(text(question, "A question") for question in _several(value)))


def _camera(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if not value:
            raise InputError("the list is empty; give one camera, one per frame, or none at all.")
        return tuple(None if spec is None else _camera(spec) for spec in value)
    spec = {key: part for key, part in value.items() if part is not None} if isinstance(value, Mapping) else value
    check_camera(spec)
    return spec


def _scale_source(value: Any, kind: DepthKind) -> ScaleSource:
    if value is None:
        return ScaleSource.SENSOR if kind is DepthKind.METRIC else ScaleSource.NONE
    source = member(ScaleSource, value, "It")
    if (source is ScaleSource.NONE) == (kind is DepthKind.METRIC):
        raise InputError(f"depth of kind {kind} cannot have {source}; metric depth names sensor, model or anchor.")
    return source


def _positive(value: Any) -> float:
    (number,) = finite_tuple((value,), 1, "It")
    if number <= 0:
        raise InputError(f"it must be positive, not {number:g}.")
    return number


def _numbers(value: Any) -> tuple[float, ...]:
    numbers = _several(value)
    return finite_tuple(numbers, len(numbers), "They")


def _pose(value: Any) -> Matrix:
    try:
        matrix = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError("it must be a 4 x 4 matrix of finite numbers, camera to world.")
    return tuple(map(tuple, matrix.tolist()))


def _lidar_poses(value: Any, folder: Path = Path()) -> tuple[LidarPose, ...]:
    if isinstance(value, tuple) and not value:
        return ()
    from pipeline.ingest.lidar import lidar_poses

    return lidar_poses(value, folder)


def _claims(value: Any) -> tuple[Claim, ...] | Path:
    return Path(value) if isinstance(value, str | PathLike) else parse_claims(value)


def _anchors(value: Any) -> tuple[Anchor, ...]:
    """Anchors; texts are JSON, which a command line may have split at its commas."""
    values = _several(value)
    if values and all(isinstance(part, str) for part in values):
        try:
            values = json.loads(f"[{','.join(values)}]")
        except ValueError:
            given = ", ".join(values)
            raise InputError(f"they must be a list such as [{{size, measure, value, unit}}], not {given!r}.") from None
        values = values[0] if values and isinstance(values[0], list) else values
    return parse_each(values, lambda part: part if isinstance(part, Anchor) else Anchor.from_plain(part), "anchor")


_NORMALISERS = {
    "frames": _paths,
    "questions": questions_of,
    "camera": _camera,
    "depth": _paths,
    "depth_kind": lambda value: member(DepthKind, value, "It"),
    "depth_scale": _positive,
    "depth_backend": lambda value: text(value, "It"),
    # NaN never counts as depth, so naming it is harmless.
    "depth_invalid": lambda value: _numbers([number for number in _several(value) if number == number]),
    "depth_key": lambda value: text(value, "It"),
    "lidar_to_camera": _lidar_poses,
    "poses": lambda value: parse_each(value, _pose, "pose"),
    "timestamps_s": _numbers,
    "regions": lambda value: parse_regions(_several(value), Path()),
    "claims": _claims,
    "anchors": _anchors,
}

ITEM_KEYS = frozenset(part.name for part in fields(Item)) | {"question"}

"""From uploads to a scene: every file is checked by its header first, then read by the readers of the command line."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pipeline.ingest.files import IMAGE_SUFFIXES
from pipeline.ingest.item import BadItem
from pipeline.ingest.source import FileSource
from pipeline.ingest.source_images import IngestSettings
from pipeline.ingest.video_files import video_limits
from pipeline.records import Scene
from pipeline.records.errors import DependencyError, InputError, TheodoliteError
from pipeline.serve.intake.archives import is_npz, is_record3d, unpack
from pipeline.serve.intake.depth_headers import check_depth
from pipeline.serve.intake.films import check_film, limits_of_videos
from pipeline.serve.intake.kinds import ZIP, Kind, Role, kind_of_file
from pipeline.serve.intake.names import clean_name
from pipeline.serve.intake.pictures import MEGA, check_picture, limited_pixels
from pipeline.serve.intake.staging import Staging, staging
from pipeline.serve.problems import (
    GoneError,
    ServeError,
    TooLargeError,
    UnfitError,
    UnknownError,
    UnsupportedError,
    place_of,
)
from pipeline.serve.records import SceneInput, Upload
from pipeline.serve.settings import Limits, ServeSettings

logger = logging.getLogger(__name__)

# Names of one kind that a client's file may keep; readers tell some of them apart.
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    ".tif": (".tif", ".tiff"),
    ".mp4": (".mp4", ".mov", ".m4v", ".3gp"),
    ".mkv": (".mkv", ".webm"),
}


def read_scene_input(
    given: SceneInput, uploads: Mapping[str, Upload], settings: ServeSettings, config: DictConfig | None = None
) -> Scene:
    """Read what a client gave as a scene, before any depth is computed.

    Args:
        given: What it is read from.
        uploads: The uploads that it names, by id.
        settings: The limits, and the folder of the store, which no error shows.
        config: The configuration, whose ``input`` says how files are read; defaults where it has none.

    Returns:
        The scene, whose id and frames are called by the client's names for the files.

    Raises:
        TooLargeError: If a limit is broken; where headers tell it, before anything is decoded.
        UnsupportedError: If a file is of another kind than its place needs.
        UnfitError: If a side of an image is too long for the other.
        InputError: If a file cannot be read, or if the files do not fit together.
    """
    limits, hidden = settings.limits, (Path(settings.store.folder),)
    with staging(hidden) as stage, limited_pixels(limits), video_limits(limits_of_videos(limits)):
        try:
            return _read(given, uploads, stage, limits, config)
        except ServeError as error:
            error.detail = stage.words(error.detail)
            raise
        except TheodoliteError as error:
            kind = DependencyError if isinstance(error, DependencyError) else InputError
            raise kind(stage.words(str(error))) from None
        except Exception as error:
            # Files of clients may be made to break a reader; that is their fault, and the log says how.
            logger.error("A reader failed on an upload with %s", place_of(error))
            raise InputError(
                "The files cannot be read; they may be damaged: save them again, and send those."
            ) from error


def check_upload(upload: Upload, limits: Limits) -> None:
    """Check a single upload by its header, so that a client hears early that it cannot be used.

    Raises:
        TooLargeError, UnsupportedError, UnfitError, InputError: As ``read_scene_input``.
    """
    name, kind = clean_name(upload.name), _kind(upload)
    with limited_pixels(limits):
        if Role.IMAGE in kind.roles:
            check_picture(upload.path, name, limits)
        elif Role.VIDEO in kind.roles:
            check_film(upload.path, name, limits)
        elif kind is not ZIP:
            check_depth(upload.path, kind.suffix, name, limits)


def _read(
    given: SceneInput, uploads: Mapping[str, Upload], stage: Staging, limits: Limits, config: DictConfig | None
) -> Scene:
    settings = _ingest_settings(given, limits, config)
    images = _images([_upload(uploads, id) for id in given.images], stage, limits, settings["video_frames"])
    depth = [_depth(_upload(uploads, id), stage, limits) for id in given.depth]
    source = FileSource(
        images[0] if len(images) == 1 else images,
        depth=depth or None,
        depth_kind=given.depth_kind,
        depth_scale=given.depth_scale,
        camera=given.camera,
        anchors=given.anchors or None,  # type: ignore[arg-type]
        **settings,
    )
    items = list(source.items())
    if len(items) != 1 or isinstance(items[0], BadItem):
        bad = next((item for item in items if isinstance(item, BadItem)), None)
        raise InputError(bad.reason if bad is not None else "The files make several scenes; send those of one.")
    scene = source.scene(items[0])
    if len(scene.frames) > limits.frames:
        raise TooLargeError(f"The scene has {len(scene.frames)} frames; send at most {limits.frames}.")
    _check_total(sum(frame.rgb.shape[0] * frame.rgb.shape[1] for frame in scene.frames), limits)
    return replace(scene, notes=tuple(map(stage.note, scene.notes)))


def _upload(uploads: Mapping[str, Upload], id: str) -> Upload:
    upload = uploads.get(id)
    if upload is None:
        raise UnknownError("A file of this scene is not known; upload it again.")
    if not upload.path.is_file():
        raise GoneError(f"{clean_name(upload.name)} was deleted because of its age; upload it again.")
    return upload


def _kind(upload: Upload) -> Kind:
    kind = kind_of_file(upload.path)
    if kind is None:
        raise UnsupportedError(f"{clean_name(upload.name)} is not of a supported type.")
    return kind


def _images(uploads: Sequence[Upload], stage: Staging, limits: Limits, sampled: int) -> list[Path]:
    """The staged images, video or export.

    Args:
        uploads: The uploads.
        stage: Where they go.
        limits: The limits.
        sampled: Frames that are taken from a video or an export.
    """
    if not uploads:
        raise UnfitError("The scene has no image; give at least one.")
    if len(uploads) > limits.frames:
        raise TooLargeError(f"The scene has {len(uploads)} images; send at most {limits.frames}.")
    kinds = [_kind(upload) for upload in uploads]
    if len(uploads) > 1 and not all(Role.IMAGE in kind.roles for kind in kinds):
        raise UnfitError("A video or an export of a device is a scene of its own; send it alone.")
    if kinds[0] is ZIP:
        return [_export(uploads[0], stage, limits, sampled)]
    paths, total = [], 0
    for upload, kind in zip(uploads, kinds, strict=True):
        name = clean_name(upload.name)
        if Role.IMAGE in kind.roles:
            # Readers of images go by content.
            path = stage.place(upload, (kind.suffix, *sorted(IMAGE_SUFFIXES)))
            total += check_picture(path, name, limits)
        elif Role.VIDEO in kind.roles:
            path = stage.place(upload, _SUFFIXES.get(kind.suffix, (kind.suffix,)))
            total += sampled * check_film(path, name, limits)
        else:
            raise UnsupportedError(f"{name} is no image; send it as depth of one.")
        paths.append(path)
    _check_total(total, limits)
    return paths


def _export(upload: Upload, stage: Staging, limits: Limits, sampled: int) -> Path:
    """An export of a device: a recording of Record3D as it is, or the unpacked folder of another one."""
    from pipeline.ingest.captures.registry import capture_format

    name = clean_name(upload.name)
    path = stage.place(upload, (".zip", ".r3d"))
    if is_npz(path, name):
        raise UnsupportedError(f"{name} holds arrays and no image; send it as depth of one.")
    if is_record3d(path, name):
        return stage.place(upload, (".r3d",))
    folder = stage.new_folder() / path.stem
    folder.mkdir()
    unpack(path, folder, name, limits)
    for _ in range(2):
        if capture_format(folder) is not None:
            _check_files(folder, limits, sampled)
            return folder
        inner = [entry for entry in folder.iterdir() if entry.is_dir() and entry.name[0] not in "._"]
        if len(inner) != 1:
            break
        folder = inner[0]
    raise UnsupportedError(f"{name} is no export of a device that is read; send images, a video or an export.")


def _check_files(folder: Path, limits: Limits, sampled: int) -> None:
    """Check every image and video of an export by its header; the readers choose among them."""
    kinds = {path: kind_of_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    images = [path for path, kind in kinds.items() if kind is not None and Role.IMAGE in kind.roles]
    films = [path for path, kind in kinds.items() if kind is not None and Role.VIDEO in kind.roles]
    frames = sampled if films else max(min(sampled, len(images)), 1)
    each = replace(limits, megapixels=min(limits.megapixels, limits.scene_megapixels / frames))
    for path in images:
        check_picture(path, path.name, each)
    for path in films:
        check_film(path, path.name, each)


def _depth(upload: Upload, stage: Staging, limits: Limits) -> Path:
    kind, name = _kind(upload), clean_name(upload.name)
    if Role.DEPTH not in kind.roles:
        raise UnsupportedError(f"{name} is no depth file; send PNG, TIFF, PGM, npy, npz, PFM or EXR.")
    suffix = ".npz" if kind is ZIP else kind.suffix
    path = stage.place(upload, _SUFFIXES.get(suffix, (suffix,)), called="depth file")
    check_depth(path, suffix, name, limits)
    return path


def _ingest_settings(given: SceneInput, limits: Limits, config: DictConfig | None) -> dict[str, Any]:
    """How files are read: as configured, within the limits."""
    found: dict[str, Any] = {part.name: part.default for part in fields(IngestSettings)}
    configured: Any = None if config is None else OmegaConf.select(config, "input")
    for name in found if configured is not None else ():
        found[name] = configured.get(name, found[name])
    if given.fov_deg is not None:
        found["fov_deg"] = given.fov_deg
    for name in ("video_frames", "video_max_frames"):
        found[name] = min(found[name], limits.frames)
    return found


def _check_total(pixels: int, limits: Limits) -> None:
    if pixels > limits.scene_megapixels * MEGA:
        raise TooLargeError(f"The scene has more than {limits.scene_megapixels:g} million pixels; shrink its images.")


__all__ = ["check_upload", "read_scene_input"]

"""From uploads to a scene: every file is checked by its header first, then read by the readers of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pipeline.ingest.item import BadItem
from pipeline.ingest.source import FileSource
from pipeline.ingest.source_images import IngestSettings
from pipeline.ingest.video_files import video_limits
from pipeline.records import Scene
from pipeline.records.errors import InputError, RecordError, TheodoliteError
from pipeline.serve.intake.archives import is_npz, is_record3d, unpack
from pipeline.serve.intake.depth_headers import check_depth
from pipeline.serve.intake.films import check_film, limits_of_videos
from pipeline.serve.intake.kinds import ZIP, Kind, Role, kind_of_file
from pipeline.serve.intake.names import clean_name
from pipeline.serve.intake.pictures import MEGA, check_picture, limited_pixels
from pipeline.serve.intake.staging import Staging, staging
from pipeline.serve.problems import GoneError, ServeError, TooLargeError, UnfitError, UnknownError, UnsupportedError
from pipeline.serve.records import SceneInput, Upload
from pipeline.serve.settings import Limits, ServeSettings

# Names of one kind that a client's file may keep; readers tell some of them apart.
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    ".jpg": (".jpg", ".jpeg", ".mpo"),
    ".tif": (".tif", ".tiff"),
    ".heic": (".heic", ".heif", ".hif"),
    ".mp4": (".mp4", ".mov", ".m4v", ".3gp"),
    ".mkv": (".mkv", ".webm"),
    ".ppm": (".ppm", ".pgm"),
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
        InputError: If a file cannot be read, or if the files do not fit together.
    """
    limits = settings.limits
    with (
        staging((Path(settings.store.folder),)) as stage,
        limited_pixels(limits),
        video_limits(limits_of_videos(limits)),
    ):
        try:
            images, is_folder = _images([_upload(uploads, id) for id in given.images], stage, limits)
            depth = [_depth(_upload(uploads, id), stage, limits) for id in given.depth]
            scene = _scene(given, images, depth, is_folder, limits, config)
            _check_scene(scene, limits)
            return replace(scene, notes=tuple(map(stage.note, scene.notes)))
        except ServeError as error:
            error.detail = stage.words(error.detail)
            raise
        except TheodoliteError as error:
            kind = type(error) if isinstance(error, InputError | RecordError) else InputError
            raise kind(stage.words(str(error))) from None


def check_upload(upload: Upload, limits: Limits) -> None:
    """Check a single upload by its header, so that a client hears early that it cannot be used.

    Raises:
        TooLargeError, UnsupportedError, InputError: As ``read_scene_input``.
    """
    name, kind = clean_name(upload.name), _kind(upload)
    with limited_pixels(limits):
        if Role.IMAGE in kind.roles:
            check_picture(upload.path, name, limits)
        elif Role.VIDEO in kind.roles:
            check_film(upload.path, name, limits)
        elif kind is not ZIP:
            check_depth(upload.path, kind.suffix, name, limits)


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
        raise UnsupportedError(f"{clean_name(upload.name)} is none of the files that are read.")
    return kind


def _images(uploads: Sequence[Upload], stage: Staging, limits: Limits) -> tuple[list[Path], bool]:
    """The staged images, video or export, and whether they are the files of a folder."""
    if not uploads:
        raise UnfitError("The scene has no image; give at least one.")
    if len(uploads) > limits.frames:
        raise TooLargeError(f"The scene has {len(uploads)} images; send at most {limits.frames}.")
    kinds = [_kind(upload) for upload in uploads]
    if len(uploads) > 1 and not all(Role.IMAGE in kind.roles for kind in kinds):
        raise UnfitError("A video or an export of a device is a scene of its own; send it alone.")
    if kinds[0] is ZIP:
        return _export(uploads[0], stage, limits)
    paths, total = [], 0
    for upload, kind in zip(uploads, kinds, strict=True):
        path = stage.place(upload, _SUFFIXES.get(kind.suffix, (kind.suffix,)))
        if Role.IMAGE in kind.roles:
            total += check_picture(path, clean_name(upload.name), limits)
        elif Role.VIDEO in kind.roles:
            total += check_film(path, clean_name(upload.name), limits)
        else:
            raise UnsupportedError(f"{clean_name(upload.name)} is no image; send it as depth of one.")
        paths.append(path)
    _check_total(total, limits)
    return paths, False


def _export(upload: Upload, stage: Staging, limits: Limits) -> tuple[list[Path], bool]:
    """An export of a device: a recording of Record3D as it is, or the unpacked folder of another one."""
    from pipeline.ingest.captures.registry import capture_format

    name = clean_name(upload.name)
    path = stage.place(upload, (".zip", ".r3d"))
    if is_npz(path):
        raise UnsupportedError(f"{name} holds arrays and no image; send it as depth of one.")
    if is_record3d(path):
        return [stage.place(upload, (".r3d",))], False
    folder = stage.new_folder()
    unpack(path, folder, name, limits)
    for _ in range(2):
        if capture_format(folder) is not None:
            _check_files(folder, limits)
            return [folder], True
        inner = [entry for entry in folder.iterdir() if entry.is_dir() and entry.name[0] not in "._"]
        if len(inner) != 1:
            break
        folder = inner[0]
    raise UnsupportedError(
        f"{name} is none of the exports of devices that are read; send images, a video or an export."
    )


def _check_files(folder: Path, limits: Limits) -> None:
    """Check every image and video of an export by its header; the readers choose among them."""
    for path in sorted(folder.rglob("*")):
        kind = kind_of_file(path) if path.is_file() else None
        if kind is None:
            continue
        if Role.IMAGE in kind.roles:
            check_picture(path, path.name, limits)
        elif Role.VIDEO in kind.roles:
            check_film(path, path.name, limits)


def _depth(upload: Upload, stage: Staging, limits: Limits) -> Path:
    kind, name = _kind(upload), clean_name(upload.name)
    if Role.DEPTH not in kind.roles:
        raise UnsupportedError(f"{name} is no depth file; send PNG, TIFF, PGM, npy, npz, PFM or EXR.")
    suffix = ".npz" if kind is ZIP else kind.suffix
    path = stage.place(upload, _SUFFIXES.get(suffix, (suffix,)))
    check_depth(path, suffix, name, limits)
    return path


def _scene(
    given: SceneInput,
    images: Sequence[Path],
    depth: Sequence[Path],
    is_folder: bool,
    limits: Limits,
    config: DictConfig | None,
) -> Scene:
    settings = _ingest_settings(given, limits, config)
    source = FileSource(
        images[0] if len(images) == 1 else list(images),
        depth=list(depth) or None,
        depth_kind=given.depth_kind,
        depth_scale=given.depth_scale,
        camera=given.camera,
        anchors=list(given.anchors) or None,  # type: ignore[arg-type]
        **settings,
    )
    items = list(source.items())
    if len(items) != 1 or isinstance(items[0], BadItem):
        bad = next((item for item in items if isinstance(item, BadItem)), None)
        raise InputError(bad.reason if bad is not None else "The files make several scenes; send those of one.")
    return source.scene(items[0])


def _ingest_settings(given: SceneInput, limits: Limits, config: DictConfig | None) -> dict[str, Any]:
    """How files are read: as configured, within the limits."""
    configured = None if config is None else OmegaConf.select(config, "input", default=None)
    known = {part.name: part.default for part in fields(IngestSettings)}
    found: dict[str, Any] = {
        name: known[name] if configured is None else configured.get(name, known[name]) for name in known
    }
    if given.fov_deg is not None:
        found["fov_deg"] = given.fov_deg
    for name in ("video_frames", "video_max_frames"):
        found[name] = min(found[name], limits.frames)
    return found


def _check_scene(scene: Scene, limits: Limits) -> None:
    """Check what was decoded: exports say only then how many frames they have and how large they are."""
    if len(scene.frames) > limits.frames:
        raise TooLargeError(f"The scene has {len(scene.frames)} frames; send at most {limits.frames}.")
    _check_total(sum(frame.rgb.shape[0] * frame.rgb.shape[1] for frame in scene.frames), limits)


def _check_total(pixels: int, limits: Limits) -> None:
    if pixels > limits.scene_megapixels * MEGA:
        raise TooLargeError(
            f"The images have more than {limits.scene_megapixels:g} million pixels together; shrink them."
        )


__all__ = ["check_upload", "read_scene_input"]

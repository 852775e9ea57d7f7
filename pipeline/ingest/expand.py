"""Turns the input of a user into items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import Any

from pipeline.ingest.depth_files import DEPTH_SUFFIXES
from pipeline.ingest.files import (
    CAPTURE_SUFFIXES,
    IMAGE_SUFFIXES,
    MANIFEST_SUFFIXES,
    POINT_SUFFIXES,
    VIDEO_SUFFIXES,
    existing_path,
    is_image,
    is_video,
    natural_key,
    printable,
)
from pipeline.ingest.item import BadItem, Item
from pipeline.ingest.manifest import read_manifest, with_defaults
from pipeline.records.errors import InputError

_SUFFIXES = DEPTH_SUFFIXES | POINT_SUFFIXES
Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


class FramesAre(StrEnum):
    """What the images of a folder are: one item each, or the frames of one scene."""

    ITEMS = "items"
    SCENE = "scene"


def expand_input(
    path: Paths,
    *,
    frames_are: FramesAre | str = FramesAre.ITEMS,
    depth: Paths | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Iterator[Item | BadItem]:
    """The items of an image, of images of one scene, of a folder, a video, a capture or a manifest.

    Args:
        path: One path, or the paths of several images of one scene.
        frames_are: What the images of a folder are.
        depth: Depth files of a single item, one per frame; or a folder with one file for each image without depth, of
            the same name but for the suffix.
        defaults: Values for fields of ``Item`` that the input does not give.

    Returns:
        Items in natural order of names, or in the given order; an unusable line or image becomes a BadItem.

    Raises:
        InputError: If a path does not exist or does not fit the others.
    """
    defaults = dict(defaults or {})
    paths = [existing_path(one) for one in as_paths(path)]
    depth_paths = [] if depth is None else [existing_path(one) for one in as_paths(depth)]
    depth_folder = depth_paths[0] if len(depth_paths) == 1 and depth_paths[0].is_dir() else None
    if depth_paths and depth_folder is None:
        if holds_many(paths, frames_are):
            raise InputError(
                f"{paths[0]} contains many items; give their depth as a folder with files of the same names."
            )
        defaults["depth"] = depth_paths
    items = _items(paths, FramesAre(frames_are), defaults)
    return items if depth_folder is None else _with_depth_of(items, _by_stem(depth_folder))


def as_paths(path: Paths) -> list[str | PathLike[str]]:
    """One or several paths as a list.

    Raises:
        InputError: If the list is empty or holds something else.
    """
    paths = [path] if isinstance(path, str | PathLike) else list(path)
    if not paths or not all(isinstance(one, str | PathLike) and str(one).strip() for one in paths):
        raise InputError(f"The input must be a path or a list of paths, not {path!r}.")
    return paths


def is_manifest(path: Path) -> bool:
    """Whether the path is named like a manifest and is not a folder."""
    return path.suffix.lower() in MANIFEST_SUFFIXES and not path.is_dir()


def holds_many(paths: Sequence[Path], frames_are: FramesAre | str) -> bool:
    """Whether the input is a manifest, or a folder of items."""
    if len(paths) != 1 or not paths[0].is_dir():
        return len(paths) == 1 and is_manifest(paths[0])
    captures = captures_of(paths[0])
    return captures != list(paths) if captures else frames_are == FramesAre.ITEMS


def captures_of(folder: Path) -> list[Path]:
    """The folder itself if it is a capture; else, unless it holds images, those that it holds, in natural order."""
    from pipeline.ingest.captures.registry import capture_format

    if capture_format(folder) is not None:
        return [folder]
    entries = [entry for entry in folder.iterdir() if entry.name[0] != "."]
    if any(is_image(entry) and entry.is_file() for entry in entries):
        return []
    captures = (entry for entry in entries if capture_format(entry) is not None)
    return sorted(captures, key=lambda entry: (natural_key(entry), entry.name))


def images_of(folder: Path) -> list[Path]:
    """The images of a folder that are not hidden, in natural order of names.

    Raises:
        InputError: If it has none.
    """
    images = [file for file in folder.iterdir() if is_image(file) and file.is_file() and file.name[0] != "."]
    if not images:
        raise InputError(f"{folder} contains no images; supported suffixes: {', '.join(sorted(IMAGE_SUFFIXES))}.")
    return sorted(images, key=lambda file: (natural_key(file), file.name))


def _items(paths: list[Path], frames_are: FramesAre, defaults: Mapping[str, Any]) -> Iterator[Item | BadItem]:
    first = paths[0]
    if len(paths) > 1:
        if wrong := [path for path in paths if path.is_dir() or not is_image(path)]:
            raise InputError(f"{wrong[0]} is not an image; a list must contain the images of one scene.")
        return iter([_item(first.stem, paths, defaults)])
    if first.is_dir() and (captures := captures_of(first)):
        return (_item(name, [capture], defaults) for name, capture in zip(_names(captures), captures, strict=True))
    if first.is_dir():
        images = images_of(first)
        if frames_are is FramesAre.SCENE:
            return iter([_item(first.resolve().name or "scene", images, defaults)])
        stems = Counter(image.stem for image in images)
        names = (image.stem if stems[image.stem] == 1 else image.name for image in images)
        return (_item(name, [image], defaults) for name, image in zip(names, images, strict=True))
    if is_manifest(first):
        return read_manifest(first, defaults)
    if is_image(first) or is_video(first) or _may_be_capture(first):
        return iter([_item(first.stem, [first], defaults)])
    known = ", ".join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES | MANIFEST_SUFFIXES))
    raise InputError(f"{first} is not named like an image, a video or a manifest; supported suffixes: {known}.")


def _may_be_capture(file: Path) -> bool:
    """Whether the file is named like a capture; JSON must be one, because it is mostly something else."""
    if file.suffix.lower() != ".json":
        return file.suffix.lower() in CAPTURE_SUFFIXES
    from pipeline.ingest.captures.registry import capture_format

    return capture_format(file) is not None


def _names(captures: Sequence[Path]) -> Iterator[str]:
    """Unique names: of folders their own, of files without suffix where this is unique."""
    stems = [capture.resolve().name if capture.is_dir() else capture.stem for capture in captures]
    counts = Counter(stems)
    return (stem if counts[stem] == 1 else capture.name for stem, capture in zip(stems, captures, strict=True))


def _item(name: str, frames: list[Path], defaults: Mapping[str, Any]) -> Item:
    item_id = printable(name).strip() or "item"
    return Item.from_plain(with_defaults({"id": item_id, "frames": frames}, defaults), Path(), item_id)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    by_stem: dict[str, list[Path]] = {}
    for file in folder.iterdir():
        if file.suffix.lower() in _SUFFIXES:
            by_stem.setdefault(file.stem, []).append(file)
    if not by_stem:
        raise InputError(f"{folder} contains no depth files; supported suffixes: {', '.join(sorted(_SUFFIXES))}.")
    return by_stem


def _with_depth_of(items: Iterator[Item | BadItem], by_stem: Mapping[str, list[Path]]) -> Iterator[Item | BadItem]:
    for item in items:
        if isinstance(item, BadItem) or item.depth:
            yield item
            continue
        matches = [by_stem.get(frame.stem, []) for frame in item.frames]
        wrong = [frame for frame, files in zip(item.frames, matches, strict=True) if len(files) != 1]
        if item.is_recording:
            kind = "video" if item.is_video else "capture"
            yield BadItem(item.id, f"{item.frames[0]} is a {kind}; list one depth file per sampled frame.")
        elif wrong:
            found = len(by_stem.get(wrong[0].stem, []))
            yield BadItem(item.id, f"The depth folder has {found} files named {wrong[0].stem}.*; give exactly one.")
        else:
            yield replace(item, depth=tuple(files[0] for files in matches))

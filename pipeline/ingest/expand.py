"""Turns the input of a user into items."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from pipeline.ingest.depth_files import DEPTH_SUFFIXES
from pipeline.ingest.files import (
    IMAGE_SUFFIXES,
    MANIFEST_SUFFIXES,
    POINT_SUFFIXES,
    TAR_SUFFIX,
    VIDEO_SUFFIXES,
    existing_path,
    is_tar,
    is_video,
    may_be_recording,
    printable,
)
from pipeline.ingest.folder import Entries, is_wildcard, looks_like_image, matches, sort_entries, what_to_do
from pipeline.ingest.item import BadItem, Item
from pipeline.ingest.manifest import count_items, read_manifest, with_defaults
from pipeline.records.errors import InputError

logger = logging.getLogger(__name__)

_DEPTH = DEPTH_SUFFIXES | POINT_SUFFIXES

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


class FramesAre(StrEnum):
    """What the images of a folder are: one item each, or the frames of one scene."""

    ITEMS = "items"
    SCENE = "scene"


@dataclass(frozen=True)
class Chosen:
    """The existing paths of an input.

    Args:
        paths: Absolute paths, at least one.
        by_wildcard: Whether one wildcard matched several paths, which count as the files of a folder.
    """

    paths: list[Path]
    by_wildcard: bool = False

    @cached_property
    def captures(self) -> list[Path]:
        """The captures that the paths are, or that a folder without images holds; empty where there are none."""
        if (len(self.paths) > 1 and not self.by_wildcard) or self.are_tars:
            return []
        if not any(path.is_dir() or may_be_recording(path) for path in self.paths):
            return []
        from pipeline.ingest.captures.paths import captures_among

        return captures_among(self.paths)

    @cached_property
    def are_tars(self) -> bool:
        """Whether all paths are archives of samples.

        Raises:
            InputError: If only some are, or one is compressed.
        """
        count = sum(map(is_tar, self.paths))
        if 0 < count < len(self.paths):
            raise InputError("The input has archives (.tar) and other files; give archives only.")
        return count > 0

    @property
    def is_folder(self) -> bool:
        """Whether the paths are, or count as, the files of a folder of images."""
        return (
            not self.are_tars
            and not self.captures
            and (self.by_wildcard or (len(self.paths) == 1 and self.paths[0].is_dir()))
        )

    @property
    def is_manifest(self) -> bool:
        """Whether the input is a manifest."""
        return len(self.paths) == 1 and is_manifest(self.paths[0])


def expand_input(
    path: Paths,
    *,
    frames_are: FramesAre | str = FramesAre.ITEMS,
    depth: Paths | None = None,
    defaults: Mapping[str, Any] | None = None,
    warns: bool = True,
) -> Iterator[Item | BadItem]:
    """The items of an image, of images of one scene, a folder, a wildcard, a video, a capture, a manifest or archives.

    Args:
        path: One path, or the paths of several images of one scene. A path with wildcards (``*``, ``?``, ``[...]``,
            ``**``) that is not itself a name stands for the files that it matches, which count as those of a folder;
            braces in the name of an archive stand for several, as in ``shards-{000..012}.tar``.
        frames_are: What the images of a folder are.
        depth: Depth files of a single item, one per frame; or a folder with one file for each image without depth, of
            the same name but for the suffix.
        defaults: Values for fields of ``Item`` that the input does not give.
        warns: Whether to log the files of a folder that are no pictures.

    Returns:
        Items in natural order of names, or in the given order; an unusable line or picture becomes a BadItem.

    Raises:
        InputError: If a path does not exist or does not fit the others.
    """
    defaults, frames_are = dict(defaults or {}), FramesAre(frames_are)
    chosen, depth_paths = choose(path), [] if depth is None else choose(depth).paths
    depth_folder = _folder_of(depth_paths)
    if depth_paths and depth_folder is None:
        if holds_many(chosen, frames_are):
            raise InputError(
                f"{chosen.paths[0]} contains many items; give their depth as a folder with files of the same names."
            )
        _check_pairs(chosen.paths, depth_paths)
        defaults["depth"] = depth_paths
    items = _items(chosen, frames_are, defaults, _known_depth(chosen, depth_paths), warns)
    return items if depth_folder is None else _with_depth_of(items, _by_stem(depth_folder))


def count_input(path: Paths, *, frames_are: FramesAre | str, depth: Paths | None = None) -> int | None:
    """Number of items, good or bad, that ``expand_input`` gives; None where every header would have to be read.

    Raises:
        InputError: If the input cannot be read.
    """
    chosen, frames_are = choose(path), FramesAre(frames_are)
    if not holds_many(chosen, frames_are):
        return 1
    if chosen.are_tars:
        return None
    if chosen.is_manifest:
        return count_items(chosen.paths[0])
    if chosen.captures:
        return len(chosen.captures)
    depth_paths = [] if depth is None else choose(depth).paths
    return len(_entries(chosen, frames_are, _known_depth(chosen, depth_paths)).pictures)


def choose(path: Paths) -> Chosen:
    """The existing paths of an input, with wildcards expanded.

    Raises:
        InputError: If a path does not exist or a wildcard matches nothing.
    """
    given = [one for each in as_paths(path) for one in _without_braces(each)]
    if len(given) == 1 and is_wildcard(given[0]):
        found = matches(given[0])
        return Chosen(found, by_wildcard=len(found) > 1)
    return Chosen([file for one in given for file in (matches(one) if is_wildcard(one) else [existing_path(one)])])


def _without_braces(path: str | PathLike[str]) -> list[str | PathLike[str]]:
    """The archives that braces stand for."""
    text = os.fspath(path)
    if "{" not in text or not text.lower().endswith(TAR_SUFFIX) or Path(text).exists():
        return [path]
    from pipeline.ingest.tar_samples import expanded

    return list(expanded(text))


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


def holds_many(chosen: Chosen, frames_are: FramesAre | str) -> bool:
    """Whether the input is a manifest, or a folder of items."""
    if chosen.captures:
        return chosen.captures != chosen.paths or len(chosen.captures) > 1
    return chosen.are_tars or chosen.is_manifest or (chosen.is_folder and frames_are == FramesAre.ITEMS)


def _check_pairs(images: Sequence[Path], depth_paths: Sequence[Path]) -> None:
    """Refuse depth files that are listed for one image and named like another.

    Raises:
        InputError: If there is one.
    """
    stems = [image.stem for image in images]
    for image, depth in zip(images, depth_paths, strict=False):
        if depth.stem != image.stem and depth.stem in stems:
            raise InputError(
                f"{depth} is listed for {image.name}, but named like another image; list the depth files in the order "
                "of the images."
            )


def _folder_of(depth_paths: Sequence[Path]) -> Path | None:
    return depth_paths[0] if len(depth_paths) == 1 and depth_paths[0].is_dir() else None


def _known_depth(chosen: Chosen, depth_paths: Sequence[Path]) -> Callable[[Path], bool]:
    """Which files of the input are depth that the user gave with it."""
    given, folder = frozenset(depth_paths), _folder_of(depth_paths)

    def is_known(path: Path) -> bool:
        beside = folder is not None and path.parent.resolve() == folder.resolve()
        return path in given or (beside and path.suffix.lower() in DEPTH_SUFFIXES - IMAGE_SUFFIXES)

    return is_known if depth_paths and chosen.is_folder else lambda path: False


def _entries(chosen: Chosen, frames_are: FramesAre, is_depth: Callable[[Path], bool]) -> Entries:
    """The files of a folder or wildcard.

    Raises:
        InputError: If none is a picture.
    """
    files = chosen.paths if chosen.by_wildcard else chosen.paths[0].iterdir()
    scene = frames_are is FramesAre.SCENE
    entries = sort_entries(files, scene=scene, chosen=chosen.by_wildcard, is_depth=is_depth)
    if not entries.pictures:
        what = "The wildcard matches" if chosen.by_wildcard else f"{chosen.paths[0]} contains"
        has = f", only {_some(entries.others)}" if entries.others else ""
        raise InputError(f"{what} no images{has}; supported suffixes: {', '.join(sorted(IMAGE_SUFFIXES))}.")
    return entries


def _items(
    chosen: Chosen,
    frames_are: FramesAre,
    defaults: Mapping[str, Any],
    is_depth: Callable[[Path], bool],
    warns: bool,
) -> Iterator[Item | BadItem]:
    paths, first = chosen.paths, chosen.paths[0]
    if chosen.are_tars:
        from pipeline.ingest.tar_samples import tar_items

        return tar_items(paths, defaults)
    if chosen.captures:
        from pipeline.ingest.captures.paths import capture_names

        named = zip(capture_names(chosen.captures), chosen.captures, strict=True)
        return (_item(name, [capture], defaults) for name, capture in named)
    if chosen.is_folder:
        entries = _entries(chosen, frames_are, is_depth)
        if entries.others and warns:
            logger.warning("Skipped, because they are not images: %s.", _some(entries.others))
        if frames_are is FramesAre.SCENE:
            folder = _common_folder(paths) if chosen.by_wildcard else first
            return iter([_scene(folder.resolve().name or "scene", entries, defaults)])
        return _each(entries, defaults)
    if len(paths) > 1:
        if wrong := [path for path in paths if path.is_dir() or not looks_like_image(path)]:
            raise InputError(
                f"{wrong[0]} {what_to_do(wrong[0]) or 'is not an image'}; a list must contain the images of one scene."
            )
        return iter([_item(first.stem, paths, defaults)])
    if is_manifest(first):
        return read_manifest(first, defaults)
    if looks_like_image(first) or is_video(first):
        return iter([_item(first.stem, [first], defaults)])
    if reason := what_to_do(first):
        raise InputError(f"{first} {reason}.")
    known = ", ".join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES | MANIFEST_SUFFIXES | {TAR_SUFFIX}))
    raise InputError(
        f"{first} is not named like an image, a video, a manifest or an archive; supported suffixes: {known}."
    )


def _scene(name: str, entries: Entries, defaults: Mapping[str, Any]) -> Item | BadItem:
    if reasons := entries.reasons:
        more = f" ({len(reasons)} such files)" if len(reasons) > 1 else ""
        return BadItem(_id(name), f"The scene would lack a frame{more}: {reasons[0]}")
    return _item(name, entries.images, defaults)


def _each(entries: Entries, defaults: Mapping[str, Any]) -> Iterator[Item | BadItem]:
    """One item per picture, under its stem, its name or its path: the shortest that names no other."""
    files = [path for path, _ in entries.pictures]
    stems, names = Counter(file.stem for file in files), Counter(file.name for file in files)
    common = _common_folder(files)
    for file, reason in entries.pictures:
        whole = file.name if names[file.name] == 1 else file.relative_to(common).as_posix()
        name = file.stem if stems[file.stem] == 1 and file.stem not in names else whole
        yield _item(name, [file], defaults) if reason is None else BadItem(_id(whole), reason)


def _common_folder(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.parent for file in files]))


def _id(name: str) -> str:
    return printable(name).strip() or "item"


def _some(paths: Sequence[Path]) -> str:
    """The first three names and the number of the others."""
    names = [f"{printable(path.name)}{'/' if path.is_dir() else ''}" for path in paths[:3]]
    return ", ".join(names) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _item(name: str, frames: list[Path], defaults: Mapping[str, Any]) -> Item:
    item_id = _id(name)
    return Item.from_plain(with_defaults({"id": item_id, "frames": frames}, defaults), Path(), item_id)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    by_stem: dict[str, list[Path]] = {}
    for file in folder.iterdir():
        if file.suffix.lower() in _DEPTH:
            by_stem.setdefault(file.stem, []).append(file)
    if not by_stem:
        raise InputError(f"{folder} contains no depth files; supported suffixes: {', '.join(sorted(_DEPTH))}.")
    return by_stem


def _with_depth_of(items: Iterator[Item | BadItem], by_stem: Mapping[str, list[Path]]) -> Iterator[Item | BadItem]:
    frame_of: dict[Path, Path] = {}
    for item in items:
        if isinstance(item, BadItem) or item.depth:
            yield item
            continue
        found = [_depth_of(frame, by_stem.get(frame.stem, [])) for frame in item.frames]
        wrong = [frame for frame, files in zip(item.frames, found, strict=True) if len(files) != 1]
        if item.is_recording:
            what = "a video" if item.is_video else "a capture"
            yield BadItem(item.id, f"{item.frames[0]} is {what}; list one depth file per sampled frame.")
        elif wrong:
            number = len(_depth_of(wrong[0], by_stem.get(wrong[0].stem, [])))
            yield BadItem(item.id, f"The depth folder has {number} files named {wrong[0].stem}.*; give exactly one.")
        else:
            depth = tuple(files[0] for files in found)
            firsts = [frame_of.setdefault(file, frame) for file, frame in zip(depth, item.frames, strict=True)]
            if shared := [pair for pair in zip(item.frames, firsts, depth, strict=True) if pair[0] != pair[1]]:
                yield BadItem(
                    item.id, "{2} would be the depth of both {1} and {0}; list one per frame.".format(*shared[0])
                )
            else:
                yield replace(item, depth=depth)


def _depth_of(frame: Path, files: list[Path]) -> list[Path]:
    """The files of a frame's stem that may be its depth: beside the frame itself, those that are no images."""
    return [file for file in files if file.suffix.lower() not in IMAGE_SUFFIXES] if frame in files else files

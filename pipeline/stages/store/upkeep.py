"""What a cache holds, and how it is pruned, verified and cleared. Only files of the cache itself are ever removed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from pipeline.records.errors import ConfigError
from pipeline.stages.store.catalogue import Catalogue
from pipeline.stages.store.entry_file import BadEntryError, read_entry
from pipeline.stages.store.index import Index
from pipeline.stages.store.layout import (
    FORMAT,
    Found,
    is_cache,
    is_stale,
    remove,
    remove_empty_folders,
    walk,
    walk_old,
)
from pipeline.stages.store.place import index_path

Value = TypeVar("Value")


class Amount(NamedTuple):
    """A number of files, and what they take on disk."""

    files: int = 0
    size_bytes: int = 0

    def plus(self, other: tuple[int, int]) -> Amount:
        """Both together."""
        return Amount(self.files + other[0], self.size_bytes + other[1])


@dataclass(frozen=True)
class StageContents:
    """Outputs of a stage.

    Args:
        amount: All of them.
        first_use_s: When the one that was not used for longest was used, within an hour [s since 1970].
        last_use_s: When one was used last, within an hour.
    """

    amount: Amount
    first_use_s: float
    last_use_s: float


@dataclass(frozen=True)
class Contents:
    """What a cache holds.

    Args:
        stages: By name of the stage.
        temporary: Files that are being written, or were left behind.
        old: Files of an earlier version of the format, which nothing reads.
        index: Where the index lies; None if there can be none.
    """

    stages: dict[str, StageContents]
    temporary: Amount
    old: Amount
    index: Path | None

    @property
    def outputs(self) -> Amount:
        """All outputs."""
        amounts = [stage.amount for stage in self.stages.values()]
        return Amount(sum(each.files for each in amounts), sum(each.size_bytes for each in amounts))


@dataclass(frozen=True)
class Verified:
    """What became of the files of a cache.

    Args:
        sound: Outputs whose checksum is correct.
        bad: Paths of the files that were removed, with what was wrong with each.
        unreadable: Paths of the files that could not be read or removed, and why.
    """

    sound: Amount
    bad: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def contents(folder: Path) -> Contents:
    """What a cache holds, by looking at its files.

    Raises:
        ConfigError: If the folder is no cache.
    """
    root = _root(folder)
    stages: dict[str, StageContents] = {}
    temporary = Amount()
    for found in walk(root):
        size, at = (1, found.size_bytes), found.modified_s
        if found.name is None:
            temporary = temporary.plus(size)
        elif known := stages.get(found.name.stage):
            spans = min(known.first_use_s, at), max(known.last_use_s, at)
            stages[found.name.stage] = StageContents(known.amount.plus(size), *spans)
        else:
            stages[found.name.stage] = StageContents(Amount(*size), at, at)
    old = Amount()
    for found in walk_old(folder):
        old = old.plus((1, found.size_bytes))
    return Contents(dict(sorted(stages.items())), temporary, old, index_path(root))


def prune(folder: Path, most_bytes: int | None = None, unused_s: float | None = None) -> Amount:
    """Remove what nothing reads, and the outputs that were not used for longest.

    Args:
        folder: The cache.
        most_bytes: What all outputs may take on disk; None sets no bound.
        unused_s: Outputs that were not used for longer are removed [s]; None removes none for their age.

    Returns:
        What was removed.

    Raises:
        ConfigError: If the folder is no cache.
    """
    root = _root(folder)
    removed = _remove_all(walk_old(folder)).plus(_remove_all(found for found in walk(root) if is_stale(found)))
    remove_one = partial(remove, root)

    def work(index: Index) -> Amount:
        gone = Amount()
        if unused_s is not None:
            gone = gone.plus(index.evict_unused(time.time() - unused_s, remove_one))
        return gone if most_bytes is None else gone.plus(index.evict(most_bytes, remove_one))

    removed = removed.plus(_refresh(root, work, Amount()))
    remove_empty_folders(root)
    return removed


def verify(folder: Path) -> Verified:
    """Read every output, and remove those whose checksum, key or length is wrong.

    Raises:
        ConfigError: If the folder is no cache.
    """
    root = _root(folder)
    verified = Verified(Amount())
    sound = Amount()
    for found in walk(root):
        if found.name is None:
            continue
        try:
            if read_entry(found.path, found.name.digest, is_use=False) is not None:
                sound = sound.plus((1, found.size_bytes))
        except BadEntryError as error:
            try:
                os.unlink(found.path)
                verified.bad.append((found.path, str(error)))
            except OSError as problem:
                verified.unreadable.append((found.path, f"{error}, and it cannot be removed: {problem.strerror}"))
        except OSError as error:
            verified.unreadable.append((found.path, error.strerror or str(error)))
    if verified.bad:
        _refresh(root, lambda index: None, None)
    return Verified(sound, verified.bad, verified.unreadable)


def clear(folder: Path) -> Amount:
    """Remove all outputs, temporary files and files of earlier versions; the folder itself stays a cache.

    Raises:
        ConfigError: If the folder is no cache.
    """
    root = _root(folder)
    removed = _remove_all(walk(root)).plus(_remove_all(walk_old(folder)))
    remove_empty_folders(root)
    _refresh(root, lambda index: None, None)
    return removed


def _root(folder: Path) -> Path:
    """The folder of the format in a cache, or in one that does not exist yet."""
    root = folder / FORMAT
    if folder.is_dir() and not is_cache(root):
        raise ConfigError(f"{folder} is no cache of this version, so it stays as it is; cache_dir= names a cache.")
    if not folder.is_dir() and os.path.lexists(folder):
        raise ConfigError(f"{folder} is no folder; cache_dir= names a cache.")
    return root


def _refresh(root: Path, work: Callable[[Index], Value], missing: Value) -> Value:
    """What ``work`` returns for the index once it is in line with the files; ``missing`` where there is no cache."""
    if not root.is_dir():
        return missing
    catalogue = Catalogue(root)
    try:
        return catalogue.refreshed(work)
    finally:
        catalogue.close()


def _remove_all(files: Iterable[Found]) -> Amount:
    """Remove files; what cannot be removed stays and does not count."""
    removed = Amount()
    for found in files:
        with suppress(OSError):
            os.unlink(found.path)
            removed = removed.plus((1, found.size_bytes))
    return removed

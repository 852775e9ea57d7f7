"""Keeps a cache within its bound, with an index where there can be one and by looking at the files where not."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from pipeline.stages.store.index import DamagedIndexError, Index
from pipeline.stages.store.layout import Found, Name, is_stale, remove, walk
from pipeline.stages.store.place import index_path, is_on_network

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

# With room left, not every new output makes another one go.
_LEFT = 0.98
# Assumed number of processes until the index tells how many write.
_WRITERS = 16
# Attempts, of two seconds each, before an index that others hold counts as unusable.
_ATTEMPTS = 3
# New outputs, as a share of the bound, after which an index that does not see other writers looks at the files again.
_UNSEEN = 0.02
# Looking at the files takes at most a twentieth of the time.
_RESTS = 19.0
# Rows of a damaged index may hold values of any type.
_ERRORS = (sqlite3.Error, TypeError, ValueError)


class Catalogue:
    """The index of a cache, or what takes its place. For one thread at a time, in one process.

    Args:
        root: The folder of the format.
        most_bytes: What all outputs may take on disk; None sets no bound.
    """

    def __init__(self, root: Path, most_bytes: int | None = None) -> None:
        self.root = root
        self.most_bytes = most_bytes
        self.writers = _WRITERS
        self._token = os.urandom(8).hex()
        self._index: Index | None = None
        self._failures = 0
        self._is_in_memory = False
        self._must_scan = False
        # What is only read cannot exceed the bound.
        self._is_writing = False
        # Another machine may write where the folder is on a network drive; its index is its own.
        self._sees_all = True
        self._unseen_bytes = 0
        self._rests_until = 0.0

    def record(self, uses: Mapping[Name, int | None]) -> bool:
        """Note uses, and remove what exceeds the bound.

        Args:
            uses: As ``Index.record`` has them.

        Returns:
            Whether they are noted; otherwise other processes held the index for too long.
        """
        stored_bytes = sum(size or 0 for size in uses.values())
        self._is_writing = self._is_writing or stored_bytes > 0
        if not self.root.is_dir() or (self._is_in_memory and not self._is_writing):
            return True

        def work(index: Index) -> None:
            self._unseen_bytes += stored_bytes
            # Before the uses, among which may be outputs that are about to be written.
            if self.most_bytes is not None and self._is_scan_due():
                self._scan(index)
            index.record(uses)
            if self.most_bytes is not None:
                index.evict(self.most_bytes, partial(remove, self.root), down_to_bytes=_LEFT * self.most_bytes)
                self.writers = max(1, index.writers())

        try:
            return self._with_index(work) is not None
        except (*_ERRORS, OSError) as error:
            logger.warning("The cache is not kept within its bound: %s.", error)
            return True

    def refreshed(self, work: Callable[[Index], Value]) -> Value:
        """What ``work`` returns for an index that was just brought in line with the files."""

        def after_scan(index: Index) -> Value:
            self._scan(index)
            return work(index)

        while (outcome := self._with_index(after_scan)) is None:
            pass
        return outcome[0]

    def close(self) -> None:
        """Close the index, which then knows all outputs of this process."""
        if self._index is not None:
            with suppress(sqlite3.Error):
                self._index.leave(self._token)
            self._drop()

    def forget(self) -> None:
        """Let go of the index without a word to it, as a forked process must."""
        # Closing it here would end a transaction of the other process.
        _others.append(self._index)
        self._index = None
        self._token = os.urandom(8).hex()

    def _with_index(self, work: Callable[[Index], Value]) -> tuple[Value] | None:
        """What ``work`` returns; None where other processes held the index for too long."""
        while True:
            try:
                outcome = (work(self._opened()),)
            except _ERRORS as error:
                path = self._index.path if self._index is not None else index_path(self.root)
                self._drop()
                if self._is_in_memory:
                    raise
                if _is_damage(error):
                    self._throw_away(path, error)
                elif self._counts_as_unusable(error):
                    self._do_without(path, error)
                else:
                    return None
            except OSError as error:
                self._drop()
                if self._is_in_memory:
                    raise
                self._do_without(self.root, error)
            else:
                self._failures = 0
                return outcome

    def _counts_as_unusable(self, error: Exception) -> bool:
        self._failures += 1
        is_held = _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        return not is_held or self._failures >= _ATTEMPTS

    def _do_without(self, path: Path | None, error: Exception) -> None:
        level = logging.WARNING if self._is_writing else logging.DEBUG
        logger.log(level, "The index %s cannot be used; without it the cache takes longer: %s.", path, error)
        self._is_in_memory = True

    def _throw_away(self, path: Path | None, error: Exception) -> None:
        self._failures += 1
        if path is None or self._failures >= _ATTEMPTS:
            self._is_in_memory = True
            return
        logger.warning("The index %s is damaged and is made again: %s.", path, error)
        for each in (path, path.with_name(f"{path.name}-journal")):
            with suppress(OSError):
                each.unlink(missing_ok=True)

    def _opened(self) -> Index:
        if self._index is not None and self._index.is_moved:
            self._drop()
        if self._index is None:
            path = None if self._is_in_memory else index_path(self.root)
            self._is_in_memory = path is None
            self._index = Index(path)
            self._must_scan = self._index.is_incomplete()
            self._sees_all = path is not None and not is_on_network(self.root)
            self._index.enter(self._token)
        return self._index

    def _drop(self) -> None:
        if self._index is not None:
            with suppress(sqlite3.Error):
                self._index.close()
        self._index = None

    def _is_scan_due(self) -> bool:
        if self._must_scan:
            return True
        is_much = self.most_bytes is not None and self._unseen_bytes >= _UNSEEN * self.most_bytes
        return not self._sees_all and is_much and time.monotonic() >= self._rests_until

    def _scan(self, index: Index) -> None:
        start = time.monotonic()
        index.merge(self._files())
        self._must_scan = False
        self._unseen_bytes = 0
        end = time.monotonic()
        self._rests_until = end + _RESTS * (end - start)

    def _files(self) -> Iterator[Found]:
        """All files, except those that killed writers left, which are removed."""
        for found in walk(self.root):
            if is_stale(found):
                with suppress(OSError):
                    os.unlink(found.path)
            else:
                yield found


_others: list[Index | None] = []


def _is_damage(error: Exception) -> bool:
    """Whether the file is at fault: it is no database, or has other tables or types than expected."""
    of_file = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH)
    return isinstance(error, DamagedIndexError | TypeError | ValueError) or _code(error) in of_file


def _code(error: Exception) -> int | None:
    """SQLite's primary result code."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF

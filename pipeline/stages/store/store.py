"""A folder of stored outputs: read, write, count."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from pipeline.stages.store.catalogue import Catalogue
from pipeline.stages.store.entry_file import HEADER_BYTES, BadEntryError, read_entry, write_entry
from pipeline.stages.store.layout import FORMAT, Name, has_output, make_folder, on_disk

logger = logging.getLogger(__name__)

# Uses are told to the index together, at the latest after so many, or so long.
_MOST_USES = 1000
_LONGEST_S = 5.0
# New outputs that the index does not know of yet, of all writers together, as a share of the bound; without a bound, of
# each writer.
_UNKNOWN = 0.02
_UNKNOWN_BYTES = 2**26
_ATTEMPTS = 3


class Store:
    """Outputs by name. Threads and processes may share the folder; one file is either complete or absent.

    A folder that cannot be read or written costs time, not results: one warning, and nothing is stored.

    Args:
        folder: The cache; it is made when something is stored.
        most_bytes: What all outputs may take on disk, in whole blocks of 4 KiB; those that were not used for longest
            go first. None sets no bound.
    """

    def __init__(self, folder: Path, most_bytes: int | None = None) -> None:
        self.root = folder / FORMAT
        self.most_bytes = most_bytes
        self._prefix = f"{self.root}{os.sep}"
        self._start()
        _stores.add(self)

    def _start(self) -> None:
        self._catalogue = Catalogue(self.root, self.most_bytes)
        self._uses: dict[Name, int | None] = {}
        self._unknown_bytes = 0
        self._told_s = time.monotonic()
        self._warned: set[str] = set()
        self._lock = threading.RLock()
        # The last uses are noted when the process ends.
        self._at_end = weakref.finalize(self, _close, self._catalogue, self._uses, self._lock)

    def get(self, name: Name) -> memoryview | None:
        """The output, or None. A file that fails is removed, with a warning."""
        path = self._prefix + name.path
        try:
            payload = read_entry(path, name.digest)
        except BadEntryError as error:
            self.discard(name, error)
            return None
        except OSError as error:
            self._warn("read", f"Cannot read {path}: {error.strerror or error}; it is computed again.")
            return None
        if payload is not None:
            self._note(name, None)
        return payload

    def put(self, name: Name, payload: Sequence[bytes | memoryview]) -> None:
        """Store an output."""
        size_bytes = on_disk(HEADER_BYTES + sum(len(part) for part in payload))
        if self.most_bytes is not None and size_bytes > self.most_bytes:
            self._warn("bound", f"An output of {size_bytes} bytes is larger than the whole cache; increase cache_gb.")
            return
        # Room for a large one is made before it is there.
        is_large = self.most_bytes is not None and size_bytes > self._allowed_bytes()
        if is_large:
            self._note(name, size_bytes)
        path = self._prefix + name.path
        try:
            self._write(path, name, payload)
        except OSError as error:
            self._warn(
                "write",
                f"Cannot write {path}: {error.strerror or error}. What cannot be written is not cached; free some "
                "space, or set cache_dir to another folder, or to null.",
            )
            return
        # Of a large one again, because another process that looked at the files may have missed it.
        self._note(name, size_bytes, is_known=is_large)

    def discard(self, name: Name, reason: object) -> None:
        """Remove an output that is of no use, with a warning."""
        path = self._prefix + name.path
        logger.warning("%s cannot be read and is computed again: %s", path, reason)
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._warn("remove", f"Cannot remove {path}: {error.strerror or error}; delete it by hand.")

    def holds(self, stage: str, identity: str) -> bool:
        """Whether any output of a stage with this identity is stored."""
        return has_output(self.root, stage, identity)

    def flush(self) -> None:
        """Tell the index the latest uses."""
        with self._lock:
            self._tell()

    def close(self) -> None:
        """Tell the index the latest uses, and close it; the store can be used again."""
        _close(self._catalogue, self._uses, self._lock)

    def _write(self, path: str, name: Name, payload: Sequence[bytes | memoryview]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                write_entry(path, name.digest, payload)
                return
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise
                # The first output of its folder, or another process just removed the empty folder.
                make_folder(self.root, os.path.dirname(path))

    def _note(self, name: Name, size_bytes: int | None, *, is_known: bool = False) -> None:
        with self._lock:
            known = self._uses.pop(name, None)
            self._uses[name] = known if size_bytes is None else size_bytes
            self._unknown_bytes += 0 if is_known else size_bytes or 0
            is_much = self._unknown_bytes > self._allowed_bytes() or len(self._uses) >= _MOST_USES
            if is_much or time.monotonic() - self._told_s > _LONGEST_S:
                self._tell()

    def _allowed_bytes(self) -> float:
        if self.most_bytes is None:
            return _UNKNOWN_BYTES
        return _UNKNOWN * self.most_bytes / self._catalogue.writers

    def _tell(self) -> None:
        if self._uses and self._catalogue.record(self._uses):
            self._uses.clear()
            self._unknown_bytes = 0
        self._told_s = time.monotonic()

    def _warn(self, kind: str, message: str) -> None:
        """Warn once of each kind, not for every item."""
        if kind not in self._warned:
            self._warned.add(kind)
            logger.warning("%s", message)


def _close(catalogue: Catalogue, uses: dict[Name, int | None], lock: threading.RLock) -> None:
    with lock:
        if uses and catalogue.record(uses):
            uses.clear()
        catalogue.close()


_stores: weakref.WeakSet[Store] = weakref.WeakSet()


def _after_fork() -> None:
    """The uses so far are the parent's, which tells them; its lock and its index may be in use."""
    for store in _stores:
        store._at_end.detach()
        store._catalogue.forget()
        store._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

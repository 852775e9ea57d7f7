"""The index of a cache: size and last use of each output, in SQLite.

It only advises which outputs to remove. It can be made again from the files, so nothing waits for a disk here, and an
index that is damaged is thrown away. Network drives have no locks to rely on, see ``place``.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.stages.store.layout import Found, Name

_VERSION = 1
_DAY_S = 86_400.0
# Uses are told apart by the clock's microseconds even where it stands still.
_TICK_S = 1e-6
_AT_ONCE = 64
# Writers of this process.
_own: set[str] = set()

_TABLES = """
CREATE TABLE outputs (
    digest BLOB PRIMARY KEY, stage TEXT NOT NULL, identity TEXT NOT NULL, bytes INTEGER NOT NULL, used REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX outputs_by_use ON outputs (used);
CREATE TABLE total (bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0);
CREATE TRIGGER added AFTER INSERT ON outputs BEGIN UPDATE total SET bytes = bytes + NEW.bytes; END;
CREATE TRIGGER removed AFTER DELETE ON outputs BEGIN UPDATE total SET bytes = bytes - OLD.bytes; END;
CREATE TRIGGER changed AFTER UPDATE OF bytes ON outputs
    BEGIN UPDATE total SET bytes = bytes + NEW.bytes - OLD.bytes; END;
CREATE TABLE writers (token TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, since REAL NOT NULL);
CREATE TABLE scans (at REAL NOT NULL);
"""
_PUT = """
INSERT INTO outputs VALUES (?, ?, ?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes, used = excluded.used
"""
_MERGE = """
INSERT INTO outputs SELECT digest, stage, identity, bytes, used FROM found WHERE true
ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes
"""


class DamagedIndexError(sqlite3.DatabaseError):
    """The file is no index of this version."""


class Row(NamedTuple):
    """What the index knows of an output: its name, what it takes on disk, and its last use [s since 1970]."""

    name: Name
    size_bytes: int
    used_s: float


class Index:
    """An open index.

    Every method raises ``sqlite3.Error`` where the file cannot be used. No connection may pass a fork.

    Args:
        path: The file; None keeps the index in memory, where no other process sees it.
        timeout_s: How long to wait for other processes.
    """

    def __init__(self, path: Path | None, timeout_s: float = 2.0) -> None:
        if path is not None and path.is_symlink():
            # SQLite would write to where the link leads.
            path.unlink()
        self.path = path
        self._connection = sqlite3.connect(
            ":memory:" if path is None else str(path), timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._open()
            self._inode = _inode(path)
        except BaseException:
            self._connection.close()
            raise

    def _open(self) -> None:
        # The rollback journal; after a crash of the whole system the index may be damaged, and is made again.
        for pragma in ("journal_mode = TRUNCATE", "synchronous = OFF", "temp_store = MEMORY", "trusted_schema = OFF"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        with self._transaction():
            version = self._one("PRAGMA user_version")
            if version == 0 and not self._one("SELECT count(*) FROM sqlite_master"):
                for statement in _statements(_TABLES):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise DamagedIndexError(f"it has version {version!r}")

    @property
    def is_moved(self) -> bool:
        """Whether the file is no longer at its path."""
        return _inode(self.path) != self._inode

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def enter(self, token: str) -> None:
        """Note that this process writes; it has outputs of its own in the index only some time after they are made."""
        _own.add(token)
        row = (token, socket.gethostname(), os.getpid(), time.time())
        self._connection.execute("INSERT OR REPLACE INTO writers VALUES (?, ?, ?, ?)", row)

    def leave(self, token: str) -> None:
        """Note that this process writes no more, and that all its outputs are in the index."""
        self._connection.execute("DELETE FROM writers WHERE token = ?", (token,))

    def writers(self) -> int:
        """Number of processes that write."""
        return int(self._one("SELECT count(*) FROM writers"))

    def is_incomplete(self) -> bool:
        """Whether outputs may be missing: no scan for a day, or a process ended without saying so."""
        scanned = self._one("SELECT max(at) FROM scans")
        return scanned is None or abs(time.time() - scanned) > _DAY_S or bool(self._dead())

    def _dead(self) -> list[str]:
        rows = self._connection.execute("SELECT token, host, pid, since FROM writers").fetchall()
        return [token for token, host, pid, since in rows if not _may_write(token, host, pid, since)]

    def record(self, uses: Mapping[Name, int | None]) -> None:
        """Note uses.

        Args:
            uses: The outputs in the order of their use, with what they take on disk [bytes] if they were stored, or
                None if they were read.
        """
        with self._transaction():
            now = max(time.time(), self._last_use() + _TICK_S)
            for count, (name, size_bytes) in enumerate(uses.items()):
                digest, used = bytes.fromhex(name.digest), now + count * _TICK_S
                if size_bytes is None:
                    # One that is not in the index may be gone by now.
                    self._connection.execute("UPDATE outputs SET used = ? WHERE digest = ?", (used, digest))
                else:
                    self._connection.execute(_PUT, (digest, name.stage, name.identity, size_bytes, used))

    def total_bytes(self) -> int:
        """What all outputs take on disk."""
        return int(self._one("SELECT bytes FROM total"))

    def evict(
        self, most_bytes: float, remove: Callable[[Name], bool], *, down_to_bytes: float | None = None
    ) -> tuple[int, int]:
        """Remove the outputs that were not used for longest, if all together take too much.

        Other processes wait meanwhile, so that at no time there is more on the disk than in the index.

        Args:
            most_bytes: What all may take.
            remove: Removes the file of an output; returns whether it is gone.
            down_to_bytes: How much to leave once there is too much.

        Returns:
            Number of outputs that were removed, and what they took on disk.
        """
        down_to_bytes = most_bytes if down_to_bytes is None else down_to_bytes
        if self.total_bytes() <= most_bytes:
            return 0, 0
        return self._remove(lambda row: self.total_bytes() > down_to_bytes, remove)

    def evict_unused(self, before_s: float, remove: Callable[[Name], bool]) -> tuple[int, int]:
        """Remove the outputs whose last use is older [s since 1970]; returns as ``evict`` does."""
        return self._remove(lambda row: row.used_s < before_s, remove)

    def _remove(self, is_wanted: Callable[[Row], bool], remove: Callable[[Name], bool]) -> tuple[int, int]:
        count = freed_bytes = 0
        with self._transaction():
            while rows := list(self.rows(most=_AT_ONCE)):
                for row in rows:
                    if not is_wanted(row):
                        return count, freed_bytes
                    # What cannot be removed comes back with the next scan.
                    self._connection.execute("DELETE FROM outputs WHERE digest = ?", (bytes.fromhex(row.name.digest),))
                    if remove(row.name):
                        count += 1
                        freed_bytes += row.size_bytes
        return count, freed_bytes

    def rows(self, most: int = -1) -> Iterator[Row]:
        """The outputs, those that were not used for longest first; all unless ``most`` is positive."""
        query = "SELECT digest, stage, identity, bytes, used FROM outputs ORDER BY used LIMIT ?"
        for digest, stage, identity, size_bytes, used_s in self._connection.execute(query, (most,)).fetchall():
            yield Row(Name(str(stage), str(identity), bytes(digest).hex()), int(size_bytes), float(used_s))

    def merge(self, scan: Iterable[Found]) -> None:
        """Bring the index in line with the files on disk.

        Args:
            scan: The files, found one after another from now on.
        """
        execute = self._connection.execute
        before, now = self._last_use(), time.time()
        dead = self._dead()
        execute("DROP TABLE IF EXISTS temp.found")
        execute("CREATE TEMP TABLE found (digest BLOB PRIMARY KEY, stage, identity, bytes, used)")
        self._connection.executemany(
            "INSERT OR IGNORE INTO found VALUES (?, ?, ?, ?, ?)",
            (
                (bytes.fromhex(each.name.digest), *each.name[:2], each.size_bytes, min(each.modified_s, now))
                for each in scan
                if each.name is not None
            ),
        )
        with self._transaction():
            # Later ones were stored while the scan went on.
            execute("DELETE FROM outputs WHERE used <= ? AND digest NOT IN (SELECT digest FROM temp.found)", (before,))
            execute(_MERGE)
            execute("DELETE FROM scans")
            execute("INSERT INTO scans VALUES (?)", (time.time(),))
            self._connection.executemany("DELETE FROM writers WHERE token = ?", ((token,) for token in dead))
        execute("DROP TABLE temp.found")

    def _last_use(self) -> float:
        return float(self._one("SELECT coalesce(max(used), 0) FROM outputs"))

    def _one(self, query: str) -> Any:
        row = self._connection.execute(query).fetchone()
        if row is None:
            raise DamagedIndexError("a table is empty")
        return row[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; those of triggers hold semicolons of their own."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _inode(path: Path | None) -> tuple[int, int] | None:
    try:
        state = None if path is None else path.stat()
    except OSError:
        return None
    return None if state is None else (state.st_dev, state.st_ino)


def _may_write(token: str, host: str, pid: int, since_s: float) -> bool:
    """Whether a process may still be alive; of those on other machines it is known only for how long they write."""
    if host != socket.gethostname() or os.name != "posix":
        return abs(time.time() - since_s) <= _DAY_S
    if pid == os.getpid():
        # In a container, the next process may get the number of the one before.
        return token in _own
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

"""The index of the store, in SQLite: what there is, since when, and how much of the disk it takes."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.records.errors import ConfigError, ExportError
from pipeline.serve.problems import UnknownError
from pipeline.serve.store.entries import ASKED_FOR, Entry, Kind, gone
from pipeline.serve.store.layout import in_use, is_id, unusable

VERSION = 2
_SCHEMA = f"""
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    created_s REAL NOT NULL,
    bytes INTEGER NOT NULL,
    on_disk INTEGER NOT NULL,
    record TEXT NOT NULL,
    job TEXT,
    scene TEXT,
    is_open INTEGER NOT NULL DEFAULT 0,
    gone_s REAL,
    owner TEXT,
    UNIQUE (kind, id)
);
CREATE INDEX by_age ON entries (gone_s, created_s, number);
CREATE INDEX by_job ON entries (job) WHERE job IS NOT NULL;
CREATE INDEX by_scene ON entries (scene) WHERE scene IS NOT NULL;
CREATE INDEX by_owner ON entries (owner, created_s, number, on_disk) WHERE owner IS NOT NULL;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE usage (on_disk INTEGER NOT NULL);
INSERT INTO usage VALUES (0);
CREATE TRIGGER more AFTER INSERT ON entries BEGIN UPDATE usage SET on_disk = on_disk + NEW.on_disk; END;
CREATE TRIGGER less AFTER DELETE ON entries BEGIN UPDATE usage SET on_disk = on_disk - OLD.on_disk; END;
CREATE TRIGGER other AFTER UPDATE OF on_disk ON entries
    BEGIN UPDATE usage SET on_disk = on_disk + NEW.on_disk - OLD.on_disk; END;
PRAGMA user_version = {VERSION};
"""
_FIELDS = ("kind", "id", "created_s", "bytes", "record", "job", "scene", "is_open", "owner")
_COLUMNS = ", ".join(_FIELDS)


class Index:
    """The entries, safe for several threads of one process.

    Args:
        path: The file; it is made if needed.

    Raises:
        ConfigError: If it cannot be used: another process has it open, another version wrote it, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self._held: Counter[tuple[Kind, str]] = Counter()
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise in_use(path.parent) if "locked" in str(error) else unusable(path.parent, error) from error

    def _open(self) -> None:
        # An exclusive lock needs no shared memory, which network drives lack. A commit is safe from the end of the
        # process, not from that of the machine: files and their entries are compared at the next start.
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            raise ConfigError(
                f"The folder {self._path.parent} was written by another version of this program; set "
                "serve.store.folder to another one."
            )
        if version == 0:
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with self.lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All changes of the block, or none if it raises; other threads wait.

        Raises:
            ExportError: If the file cannot be written.
        """
        with self.lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise ExportError(f"The index of the store cannot be written: {error}.") from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def add(self, *entries: Entry) -> None:
        """Add or replace entries together.

        Raises:
            ExportError: If the file cannot be written.
        """
        with self.transaction() as connection:
            connection.executemany(
                f"INSERT INTO entries ({_COLUMNS}, on_disk) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET created_s = excluded.created_s, bytes = excluded.bytes, "
                "record = excluded.record, job = excluded.job, scene = excluded.scene, is_open = excluded.is_open, "
                "owner = excluded.owner, on_disk = excluded.on_disk, gone_s = NULL",
                [(*(getattr(one, name) for name in _FIELDS), one.on_disk) for one in entries],
            )

    def find(self, kind: Kind, entry_id: str) -> Entry:
        """The entry of an id.

        Raises:
            UnknownError: If there never was one, as for what is no id.
            GoneError: If it was deleted.
        """
        with self.lock:
            row = None
            if is_id(entry_id):
                row = self._connection.execute(
                    f"SELECT {_COLUMNS}, gone_s FROM entries WHERE kind = ? AND id = ?", (kind, entry_id)
                ).fetchone()
        if row is None:
            raise UnknownError(f"There is no {kind} with this id.")
        if row[-1] is not None:
            raise gone(kind)
        return _entry(row[:-1])

    def size_of(self, kind: Kind, entry_id: str) -> int | None:
        """Size of an entry's file; None without such an entry."""
        with self.lock:
            row = self._connection.execute(
                "SELECT bytes FROM entries WHERE kind = ? AND id = ? AND gone_s IS NULL", (kind, entry_id)
            ).fetchone()
        return None if row is None else int(row[0])

    def sizes(self, kind: Kind) -> dict[str, int]:
        """Size of the file of each entry of a kind."""
        with self.lock:
            return dict(
                self._connection.execute("SELECT id, bytes FROM entries WHERE kind = ? AND gone_s IS NULL", (kind,))
            )

    def of_job(self, job: str) -> list[Entry]:
        """The results of a job, in the order in which they came."""
        return self.select("job = ? AND gone_s IS NULL ORDER BY number", job)

    def select(self, where: str, *values: object) -> list[Entry]:
        """Entries that fulfil an SQL condition of this module's callers; never one made of a client's words."""
        with self.lock:
            rows = self._connection.execute(f"SELECT {_COLUMNS} FROM entries WHERE {where}", values).fetchall()
        return [_entry(row) for row in rows]

    def total(self) -> int:
        """Bytes that all entries take on disk."""
        with self.lock:
            return int(self._connection.execute("SELECT on_disk FROM usage").fetchone()[0])

    def total_of(self, owner: str) -> int:
        """Bytes that the uploads of a client take on disk."""
        with self.lock:
            row = self._connection.execute("SELECT sum(on_disk) FROM entries WHERE owner = ?", (owner,)).fetchone()
        return int(row[0] or 0)

    def remove(self, entries: Sequence[Entry], now_s: float) -> list[str]:
        """Remove entries; the ids of those that a client may ask for are remembered.

        Args:
            entries: The entries.
            now_s: The time [s since 1970].

        Returns:
            Digests of the stored scenes that no result needs any more; they are removed with them.

        Raises:
            ExportError: If the file cannot be written.
        """
        with self.transaction() as connection:
            for entry in entries:
                if entry.kind in ASKED_FOR:
                    connection.execute(
                        "UPDATE entries SET gone_s = ?, bytes = 0, on_disk = 0, record = '', job = NULL, scene = NULL, "
                        "owner = NULL WHERE kind = ? AND id = ?",
                        (now_s, entry.kind, entry.id),
                    )
                else:
                    connection.execute("DELETE FROM entries WHERE kind = ? AND id = ?", (entry.kind, entry.id))
                if entry.kind is Kind.RESULT:
                    connection.execute("DELETE FROM entries WHERE kind = ? AND id = ?", (Kind.ARTEFACTS, entry.id))
            unneeded = [
                scene
                for scene in dict.fromkeys(entry.scene for entry in entries if entry.scene)
                if self.remove_scene(scene)
            ]
        return unneeded

    def remove_scene(self, scene: str) -> bool:
        """Remove a stored scene, within a transaction, unless a result needs it; whether it was removed."""
        with self.lock:
            if self.is_needed(scene):
                return False
            self._connection.execute("DELETE FROM entries WHERE kind = ? AND id = ?", (Kind.STORED, scene))
            return True

    def is_needed(self, scene: str) -> bool:
        """Whether a result needs a stored scene, or one that is being added."""
        with self.lock:
            used = self._connection.execute("SELECT 1 FROM entries WHERE scene = ? LIMIT 1", (scene,)).fetchone()
            return used is not None or self.is_held(Kind.STORED, scene)

    def forget(self, before_s: float, most: int) -> None:
        """Forget the ids of what was deleted before a time [s since 1970], and of all but so many others."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM entries WHERE gone_s < ?", (before_s,))
            connection.execute(
                "DELETE FROM entries WHERE number IN "
                "(SELECT number FROM entries WHERE gone_s IS NOT NULL ORDER BY gone_s DESC LIMIT -1 OFFSET ?)",
                (most,),
            )

    @contextmanager
    def held(self, kind: Kind, entry_id: str) -> Iterator[None]:
        """Keep an entry from being deleted while the block runs."""
        key = (kind, entry_id)
        with self.lock:
            self._held[key] += 1
        try:
            yield
        finally:
            with self.lock:
                self._held[key] -= 1
                if not self._held[key]:
                    del self._held[key]

    def is_held(self, kind: Kind, entry_id: str) -> bool:
        """Whether an entry is kept from being deleted."""
        return (kind, entry_id) in self._held

    def fact(self, name: str) -> str | None:
        """Something that was noted; None if it was not."""
        with self.lock:
            row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, name: str, value: str) -> None:
        """Note something for the next start."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def _entry(row: Sequence[Any]) -> Entry:
    values = dict(zip(_FIELDS, row, strict=True))
    return Entry(**{**values, "kind": Kind(values["kind"]), "is_open": bool(values["is_open"])})

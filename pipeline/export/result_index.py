"""Random access to the lines of ``results.jsonl`` by item and question, without holding them in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.export.jsonl import is_whole
from pipeline.records import Result, from_json
from pipeline.records.errors import ExportError, RecordError

Key = tuple[str, str | None]


class ResultIndex:
    """Where each result of a file stands; other lines are left out, and of several for one key the first counts.

    Args:
        path: The file; a missing one has no results.

    Raises:
        ExportError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[Key, int] = {}
        start = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    if (key := key_of(line)) is not None:
                        self._places.setdefault(key, start)
                    start += len(line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ExportError(f"Cannot read {path}: {error.strerror or error}.") from error

    def __contains__(self, key: object) -> bool:
        """Whether there is a result for an item and question."""
        return key in self._places

    def __iter__(self) -> Iterator[Key]:
        """Items and questions in the order of the file."""
        return iter(self._places)

    def __len__(self) -> int:
        """Number of results."""
        return len(self._places)

    def line(self, key: Key) -> bytes:
        """The line of a result, without its end.

        Raises:
            ExportError: If it cannot be read.
            KeyError: If there is none.
        """
        start = self._places[key]
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return file.readline().rstrip(b"\n")
        except OSError as error:
            raise ExportError(f"Cannot read {self.path}: {error.strerror or error}.") from error

    def result(self, key: Key) -> Result:
        """A result.

        Raises:
            ExportError: If it cannot be read, or is of another version.
            KeyError: If there is none.
        """
        try:
            return from_json(Result, self.line(key))
        except RecordError as error:
            raise ExportError(f"The result of item {key[0]} in {self.path} cannot be read: {error}") from error


def key_of(line: bytes) -> Key | None:
    """Item id and question of a line with a whole result; None if it holds none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not is_whole(entry) or not isinstance(entry["question"], str | None):
        return None
    return str(entry["item_id"]), entry["question"]

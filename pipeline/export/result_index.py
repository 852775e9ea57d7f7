"""Random access to results and their times by item and question, without holding them in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.export.jsonl import is_whole
from pipeline.export.timed_results import Key, read_timings, timings_path
from pipeline.records import Result, from_json
from pipeline.records.errors import ExportError, RecordError
from pipeline.records.timings import ResultTimings, with_timings


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
        self._times: dict[Key, int] | None = None
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
        return _line_at(self.path, self._places[key])

    def timings_line(self, key: Key) -> bytes | None:
        """The line with the times of a result, without its end; None if there is none.

        Raises:
            ExportError: If it cannot be read.
        """
        path = timings_path(self.path)
        if self._times is None:
            self._times = {}
            for place, times in read_timings(path):
                if (one := (times.item_id, times.question)) in self._places:
                    self._times.setdefault(one, place)
        return None if key not in self._times else _line_at(path, self._times[key])

    def result(self, key: Key) -> Result:
        """A result with its times.

        Raises:
            ExportError: If it cannot be read, or is of another version.
            KeyError: If there is none.
        """
        try:
            result = from_json(Result, self.line(key))
            line = None if result.seconds else self.timings_line(key)
            return result if line is None else with_timings(result, from_json(ResultTimings, line))
        except RecordError as error:
            raise ExportError(f"The result of item {key[0]} in {self.path} cannot be read: {error}") from error


def _line_at(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.readline().rstrip(b"\n")
    except OSError as error:
        raise ExportError(f"Cannot read {path}: {error.strerror or error}.") from error


def key_of(line: bytes) -> Key | None:
    """Item id and question of a line with a whole result; None if it holds none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not is_whole(entry) or not isinstance(entry["question"], str | None):
        return None
    return str(entry["item_id"]), entry["question"]

"""Results of a file with their times, which stand in a file of their own.

Two equal runs write the same ``results.jsonl``; how long each result took stands in ``timings.jsonl`` beside it. A
result is whole without its times, so what is missing or damaged there costs nothing else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.export.line_file import numbered_lines
from pipeline.records import Result, from_json
from pipeline.records.errors import ExportError, RecordError
from pipeline.records.timings import ResultTimings, with_timings

logger = logging.getLogger(__name__)

Key = tuple[str, str | None]
# Times of results that never came, such as those of a killed run, that may wait for theirs.
_MOST_WAITING = 10_000


def timings_path(results: Path) -> Path:
    """The file with the times of a file of results.

    >>> timings_path(Path("out/results.previous.jsonl")).as_posix()
    'out/timings.previous.jsonl'
    """
    return results.with_name(f"timings{results.name.removeprefix('results')}")


def move_results(source: Path, target: Path) -> None:
    """Move a file of results with its times; the times go first, so that a kill in between is made good by a repeat.

    Raises:
        OSError: If they cannot be moved.
    """
    if timings_path(source).exists():
        os.replace(timings_path(source), timings_path(target))
    os.replace(source, target)


def read_results(path: Path) -> Iterator[Result]:
    """The results of a file in their order, with their times; damaged lines are logged and skipped.

    The file may grow meanwhile: a last line without its end is being written, or was when the run was killed.

    Raises:
        ExportError: If the file cannot be read.
    """
    times = TimesInOrder(path)
    for number, line in numbered_lines(path):
        try:
            result = from_json(Result, line)
        except RecordError as error:
            if line.endswith(b"\n"):
                logger.warning("Line %d of %s is skipped: %s", number, path, error)
            continue
        yield times.joined(result)


class TimesInOrder:
    """The times of results that come in the order of their file, of which few are in memory.

    Args:
        results: The file of the results.
    """

    def __init__(self, results: Path) -> None:
        self._entries = (times for _, times in read_timings(timings_path(results)))
        self._waiting: dict[Key, ResultTimings] = {}

    def joined(self, result: Result) -> Result:
        """The result with its times, if there are any and it does not hold them."""
        return result if result.seconds else with_timings(result, self.of((result.item_id, result.question)))

    def of(self, key: Key) -> ResultTimings | None:
        """The times of the next result, given its item and question; None if there are none."""
        while key not in self._waiting and len(self._waiting) < _MOST_WAITING:
            entry = next(self._entries, None)
            if entry is None:
                break
            self._waiting[entry.item_id, entry.question] = entry
        return self._waiting.pop(key, None)


def read_timings(path: Path) -> Iterator[tuple[int, ResultTimings]]:
    """The times in a file, each with the place of its line [bytes]; none where there is no file.

    Lines that hold none are skipped.
    """
    if not path.is_file():
        return
    place = 0
    try:
        for _, line in numbered_lines(path):
            try:
                yield place, from_json(ResultTimings, line)
            except RecordError as error:
                logger.debug("A line of %s is skipped: %s", path, error)
            place += len(line)
    except ExportError as error:
        logger.warning("The times of the results are unknown: %s", error)

"""Results as JSON lines that survive a kill at any moment.

Their times go to a file of their own, so that equal runs write equal results.
"""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pipeline.export.files import make_folder
from pipeline.export.line_file import LineFile, numbered_lines
from pipeline.export.timed_results import timings_path
from pipeline.records import Result, to_json
from pipeline.records.errors import ExportError
from pipeline.records.timings import json_without_timings, timings_of

logger = logging.getLogger(__name__)

RESULTS_NAME = "results.jsonl"
FAILURES_NAME = "failures.jsonl"
PREVIOUS_NAME = "results.previous.jsonl"
"""Results of the run before, as they were."""
EARLIER_NAME = "results.earlier.jsonl"
"""Results of an earlier configuration that a run has still to judge again or to draw anew."""


class ResultWriter(AbstractContextManager["ResultWriter"]):
    """Appends results, their times and failures to ``results.jsonl``, ``timings.jsonl`` and ``failures.jsonl``.

    Each line is written at once and under a lock, so readers and other processes see only whole lines.

    Args:
        folder: Where to write; created if needed.
        resume: Whether to append to the files of an earlier run; otherwise these are renamed to
            ``results.previous.jsonl`` and so on. Processes that write to the same folder at the
            same time must resume. Lines that name an item but hold no whole result are taken out, with a warning; the
            file as it was stays as ``results.previous.jsonl``.

    Raises:
        ExportError: If the folder or its files cannot be written.
    """

    def __init__(self, folder: Path | str, resume: bool = False) -> None:
        self.folder = Path(folder)
        make_folder(self.folder)
        results = self.folder / RESULTS_NAME
        self._results = LineFile(results, resume)
        self._files = [self._results]
        try:
            if resume and (stubs := self._results.drop(_is_stub)):
                logger.warning("Taken out of %s, because they hold no whole result: %d lines.", self.path, stubs)
            for path in (timings_path(results), self.folder / FAILURES_NAME):
                self._files.append(LineFile(path, resume))
            _, self._timings, self._failures = self._files
            self._earlier_failures = self._failures.size if resume else 0
        except ExportError:
            self.close()
            raise
        self._tried: set[str] = set()

    @property
    def path(self) -> Path:
        """Path of ``results.jsonl``."""
        return self._results.path

    def append(self, result: Result) -> None:
        """Add one result.

        Raises:
            ExportError: If it cannot be written.
        """
        try:
            line, times = json_without_timings(result), to_json(timings_of(result))
        except ValueError as error:
            raise ExportError(f"The result of item {result.item_id} has no JSON form: {error}.") from error
        # Times of a result that never came are read over; a result without times would have lost them.
        self._timings.append(times)
        self._results.append(line)
        self.settle(result.item_id)

    def fail(self, item_id: str, stage: str, reason: str, command: str | None = None) -> None:
        """Add one failure.

        Args:
            item_id: Id of the item.
            stage: The stage that failed.
            reason: Why, in one sentence.
            command: The command that runs the item alone.

        Raises:
            ExportError: If it cannot be written.
        """
        entry = {"item_id": item_id, "stage": stage, "reason": reason}
        self._failures.append(json.dumps(entry | ({"command": command} if command else {}), ensure_ascii=False))
        self.settle(item_id)

    def settle(self, item_id: str) -> None:
        """Note that an item has an outcome, which replaces the failures of an earlier run."""
        if self._earlier_failures:
            self._tried.add(item_id)

    def drop_settled_failures(self) -> int:
        """Take the earlier run's failures of items that now have an outcome out of ``failures.jsonl``.

        The file as it was stays as ``failures.previous.jsonl``.

        Returns:
            How many went.

        Raises:
            ExportError: If the file cannot be read or written.
        """
        left = self._earlier_failures

        def is_settled(line: bytes) -> bool:
            nonlocal left
            left -= len(line) + 1
            return left >= 0 and failed_id(line) in self._tried

        return self._failures.drop(is_settled) if self._tried else 0

    def finished_ids(self) -> set[tuple[str, str | None]]:
        """Item id and question of every result in the folder; other lines are logged and skipped.

        Raises:
            ExportError: If the file cannot be read.
        """
        finished: set[tuple[str, str | None]] = set()
        for number, line in numbered_lines(self.path):
            try:
                entry = json.loads(line)
                is_result = is_whole(entry)
            except (ValueError, RecursionError):
                is_result = False
            if is_result and isinstance(entry["question"], str | None):
                finished.add((str(entry["item_id"]), entry["question"]))
            else:
                logger.warning("Line %d of %s is not a result and is skipped.", number, self.path)
        return finished

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self.close()


def failed_id(line: bytes) -> str | None:
    """Id of the item that a line of ``failures.jsonl`` is about; None if it is not such a line."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return str(entry["item_id"]) if isinstance(entry, dict) and "item_id" in entry else None


def is_whole(entry: Any) -> bool:
    """Whether a line's value has what every result has: its frames, an answer or null, and verdicts."""
    if not isinstance(entry, dict) or not {"item_id", "question", "frames", "answer", "verdicts"} <= entry.keys():
        return False
    return isinstance(entry["verdicts"], list) and isinstance(entry["frames"], list) and bool(entry["frames"])


def _is_stub(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(entry, dict) and "item_id" in entry and not is_whole(entry)

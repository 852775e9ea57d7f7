"""Results as JSON lines that survive a kill at any moment."""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pipeline.export.files import make_folder
from pipeline.export.line_file import LineFile, numbered_lines
from pipeline.records import Result, to_json
from pipeline.records.errors import ExportError

logger = logging.getLogger(__name__)

RESULTS_NAME = "results.jsonl"
FAILURES_NAME = "failures.jsonl"


class ResultWriter(AbstractContextManager["ResultWriter"]):
    """Appends results and failures to ``results.jsonl`` and ``failures.jsonl`` of a folder.

    Each line is written at once and under a lock, so readers and other processes see only whole lines.

    Args:
        folder: Where to write; created if needed.
        resume: Whether to append to the files of an earlier run; otherwise these are renamed to
            ``results.previous.jsonl`` and ``failures.previous.jsonl``. Processes that write to the same folder at the
            same time must resume. Lines that name an item but hold no whole result are taken out, with a warning; the
            file as it was stays as ``results.previous.jsonl``.

    Raises:
        ExportError: If the folder or its files cannot be written.
    """

    def __init__(self, folder: Path | str, resume: bool = False) -> None:
        self.folder = Path(folder)
        make_folder(self.folder)
        self._results = LineFile(self.folder / RESULTS_NAME, resume)
        try:
            if resume and (stubs := self._results.drop(_is_stub)):
                logger.warning("Taken out of %s, because they hold no whole result: %d lines.", self.path, stubs)
            self._failures = LineFile(self.folder / FAILURES_NAME, resume)
        except ExportError:
            self._results.close()
            raise

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
            line = to_json(result)
        except ValueError as error:
            raise ExportError(f"The result of item {result.item_id} has no JSON form: {error}.") from error
        self._results.append(line)

    def fail(self, item_id: str, stage: str, reason: str) -> None:
        """Add one failure, with its reason in one sentence.

        An item that fails first and succeeds in a resumed run has a line in both files.

        Raises:
            ExportError: If it cannot be written.
        """
        self._failures.append(json.dumps({"item_id": item_id, "stage": stage, "reason": reason}, ensure_ascii=False))

    def finished_ids(self) -> set[tuple[str, str | None]]:
        """Item id and question of every result in the folder; other lines are logged and skipped.

        Raises:
            ExportError: If the file cannot be read.
        """
        finished: set[tuple[str, str | None]] = set()
        for number, line in numbered_lines(self.path):
            try:
                entry = json.loads(line)
                is_whole = _is_whole(entry)
            except (ValueError, RecursionError):
                is_whole = False
            if is_whole and isinstance(entry["question"], str | None):
                finished.add((str(entry["item_id"]), entry["question"]))
            else:
                logger.warning("Line %d of %s is not a result and is skipped.", number, self.path)
        return finished

    def close(self) -> None:
        """Close both files."""
        self._results.close()
        self._failures.close()

    def __exit__(self, *_: object) -> None:
        """Close both files."""
        self.close()


def _is_whole(entry: Any) -> bool:
    """Whether a line's value has what every result has: its frames, an answer or null, and verdicts."""
    if not isinstance(entry, dict) or not {"item_id", "question", "frames", "answer", "verdicts"} <= entry.keys():
        return False
    return isinstance(entry["verdicts"], list) and isinstance(entry["frames"], list) and bool(entry["frames"])


def _is_stub(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(entry, dict) and "item_id" in entry and not _is_whole(entry)

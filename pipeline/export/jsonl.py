"""Results as JSON lines: one whole line per result, safe against a kill at any moment."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from pipeline.errors import ExportError
from pipeline.export.files import locked, make_folder, write_error
from pipeline.records import Result, to_json

logger = logging.getLogger(__name__)

RESULTS_NAME = "results.jsonl"
FAILURES_NAME = "failures.jsonl"


class ResultWriter:
    """Appends results and failures to ``results.jsonl`` and ``failures.jsonl`` of a folder.

    A line is written at once, under a lock, to a file opened for appending: readers and other processes
    see whole lines only. The half line of a killed run is cut off when the folder is opened again.

    Args:
        folder: Where to write; made if needed.
        resume: Whether to keep what an earlier run wrote and to add to it. Otherwise the earlier files
            become ``results.previous.jsonl`` and ``failures.previous.jsonl`` and new ones begin.
            Processes that write to one folder at the same time must resume.
        fsync: Whether to wait after each line until it is on the disk. A killed process loses nothing
            without it; a power cut may lose the last seconds.

    Raises:
        ExportError: If the folder or its files cannot be written.
    """

    def __init__(self, folder: Path | str, resume: bool = False, fsync: bool = False) -> None:
        self.folder = Path(folder)
        make_folder(self.folder)
        self._results = _LineFile(self.folder / RESULTS_NAME, resume, fsync)
        try:
            self._failures = _LineFile(self.folder / FAILURES_NAME, resume, fsync)
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
        """Add one failure: which item, in which stage, and why in one sentence.

        An item that fails and succeeds when the run is resumed has a line in both files.

        Raises:
            ExportError: If it cannot be written.
        """
        self._failures.append(json.dumps({"item_id": item_id, "stage": stage, "reason": reason}, ensure_ascii=False))

    def finished_ids(self) -> set[tuple[str, str | None]]:
        """Item id and question of every result in the folder; a line that is not a result is skipped.

        Raises:
            ExportError: If the file cannot be read.
        """
        finished: set[tuple[str, str | None]] = set()
        for number, line in self._results.lines():
            try:
                entry = json.loads(line)
                finished.add((str(entry["item_id"]), entry["question"]))
            except (ValueError, KeyError, TypeError):
                logger.warning("Line %d of %s is not a result and is skipped.", number, self.path)
        return finished

    def close(self) -> None:
        """Close both files."""
        self._results.close()
        self._failures.close()

    def __enter__(self) -> ResultWriter:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close both files."""
        self.close()


class _LineFile:
    """A file of lines, opened for appending."""

    def __init__(self, path: Path, resume: bool, fsync: bool) -> None:
        self.path = path
        self._fsync = fsync
        self._descriptor = -1
        try:
            if not resume and path.is_file() and path.stat().st_size > 0:
                os.replace(path, path.with_suffix(f".previous{path.suffix}"))
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            with locked(self._descriptor):
                self._cut_half_line()
        except OSError as error:
            self.close()
            raise write_error(path, error) from error

    def append(self, line: str) -> None:
        data = f"{line}\n".encode("utf-8", "replace")
        try:
            with locked(self._descriptor):
                written = os.write(self._descriptor, data)
                if written < len(data):
                    os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                    raise OSError("no space for a whole line")
                if self._fsync:
                    os.fsync(self._descriptor)
        except OSError as error:
            raise write_error(self.path, error) from error

    def lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            with self.path.open("rb") as file:
                yield from enumerate(file, start=1)
        except OSError as error:
            raise ExportError(f"Cannot read {self.path}: {error.strerror or error}.") from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _cut_half_line(self) -> None:
        end = whole = os.fstat(self._descriptor).st_size
        while whole > 0:
            start = max(0, whole - 65536)
            newline = os.pread(self._descriptor, whole - start, start).rfind(b"\n")
            whole = start + newline + 1
            if newline >= 0:
                break
        if whole < end:
            os.ftruncate(self._descriptor, whole)
            logger.warning("Cut off an incomplete last line of %s (%d bytes).", self.path, end - whole)

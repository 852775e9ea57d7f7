"""Files of lines that survive a kill at any moment and other processes that write to them."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pipeline.export.files import locked, replacing, write_errors
from pipeline.records import from_json
from pipeline.records.errors import ExportError, RecordError

logger = logging.getLogger(__name__)

Record = TypeVar("Record")
# Some file systems give a file another identity whenever it is opened.
_MOST_OPENINGS = 5


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every line of a file with its number, counted from one.

    Raises:
        ExportError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield from enumerate(file, start=1)
    except OSError as error:
        raise ExportError(f"Cannot read {path}: {error.strerror or error}.") from error


def read_records(kind: type[Record], path: Path) -> Iterator[Record]:
    """The records of a file with one JSON record per line; damaged lines are logged and skipped.

    Raises:
        ExportError: If the file cannot be read.
    """
    for number, line in numbered_lines(path):
        try:
            yield from_json(kind, line)
        except RecordError as error:
            logger.warning("Line %d of %s is skipped: %s", number, path, error)


class LineFile:
    """A file of lines, opened for appending; an incomplete last line, left by a killed run, is cut off.

    Args:
        path: The file; created if needed.
        resume: Whether to append to an existing file; otherwise it is renamed to ``NAME.previous.SUFFIX``.

    Raises:
        ExportError: If the file cannot be written.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.path = path
        with write_errors(path):
            if not resume and path.is_file() and path.stat().st_size > 0:
                os.replace(path, path.with_suffix(f".previous{path.suffix}"))
            self._descriptor = self._opened()
            try:
                with self._locked():
                    self._cut_half_line()
            except OSError:
                self.close()
                raise

    @property
    def size(self) -> int:
        """Size of the file [bytes]."""
        with write_errors(self.path):
            return self.path.stat().st_size

    def append(self, line: str) -> None:
        """Add one line.

        Raises:
            ExportError: If it cannot be written.
        """
        data = f"{line}\n".encode("utf-8", "replace")
        with write_errors(self.path), self._locked():
            written = os.write(self._descriptor, data)
            if written < len(data):
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                raise OSError("no space for a whole line")

    def drop(self, unwanted: Callable[[bytes], bool]) -> int:
        """Take lines out of the file, and keep a copy of the file as it was if there are any.

        The file is replaced as a whole, so a kill at any moment loses no line. Other processes that have it open write
        to the new one.

        Args:
            unwanted: Whether a line is to go; called once for each, in their order.

        Returns:
            How many lines went.

        Raises:
            ExportError: If the file cannot be read or written.
        """
        with write_errors(self.path):
            with self._locked():
                # A device has no end.
                lines = self._whole_lines() if self.path.is_file() else iter(())
                gone = {number for number, line in lines if unwanted(line[:-1])}
                if not gone:
                    return 0
                shutil.copyfile(self.path, self.path.with_suffix(f".previous{self.path.suffix}"))
                with replacing(self.path.resolve()) as temporary:
                    with temporary.open("wb") as file:
                        file.writelines(line for number, line in self._whole_lines() if number not in gone)
                    shutil.copymode(self.path, temporary)
            # The lock is that of the old file, so it is let go first.
            self._open_again()
        return len(gone)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _opened(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)

    def _open_again(self) -> None:
        before, self._descriptor = self._descriptor, self._opened()
        os.close(before)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the file that has the path now, which another process may have put in place of the one opened."""
        for _ in range(_MOST_OPENINGS):
            with locked(self._descriptor):
                if self._is_in_place():
                    yield
                    return
            self._open_again()
        with locked(self._descriptor):
            yield

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def _whole_lines(self) -> Iterator[tuple[int, bytes]]:
        return ((number, line) for number, line in numbered_lines(self.path) if line.endswith(b"\n"))

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

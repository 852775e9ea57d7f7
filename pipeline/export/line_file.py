"""A file of lines that is safe against a kill at any moment and against other processes that write to it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.export.files import locked, write_error
from pipeline.records.errors import ExportError

logger = logging.getLogger(__name__)


class LineFile:
    """A file of lines, opened for appending; the half line of a killed run is cut off.

    Args:
        path: The file; made if needed.
        resume: Whether to keep what is there; otherwise it becomes ``NAME.previous.SUFFIX`` and a new file begins.

    Raises:
        ExportError: If the file cannot be written.
    """

    def __init__(self, path: Path, resume: bool = False) -> None:
        self.path = path
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
        """Add one line.

        Raises:
            ExportError: If it cannot be written.
        """
        data = f"{line}\n".encode("utf-8", "replace")
        try:
            with locked(self._descriptor):
                written = os.write(self._descriptor, data)
                if written < len(data):
                    os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                    raise OSError("no space for a whole line")
        except OSError as error:
            raise write_error(self.path, error) from error

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Every line with its number, counted from one.

        Raises:
            ExportError: If the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                yield from enumerate(file, start=1)
        except OSError as error:
            raise ExportError(f"Cannot read {self.path}: {error.strerror or error}.") from error

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
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

"""Atomic writing of files, and locks."""

from __future__ import annotations

import csv
import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.records.errors import ExportError

_POLL_S = 0.002  # A lock is held for as long as one line takes to write.

logger = logging.getLogger(__name__)


def make_folder(folder: Path) -> None:
    """Make the folder and its parents.

    Raises:
        ExportError: If it cannot be made.
    """
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it once the block ends without an error.

    Args:
        path: The file to write; its folder is made if needed.

    Yields:
        The path to write to, with the same suffix.

    Raises:
        ExportError: If the file cannot be written.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.stem[:48]}.{os.getpid()}-{threading.get_ident()}{path.suffix}")
    try:
        with write_errors(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8; characters that cannot be encoded become question marks.

    Raises:
        ExportError: If the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON.

    Raises:
        ExportError: If the file cannot be written.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_csv(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write rows, the first of which holds the headings.

    Raises:
        ExportError: If the file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while the block runs.

    Raises:
        ExportError: If another run writes there, or the folder cannot be written.
    """
    make_folder(folder)
    path = folder / ".lock"
    with write_errors(path):
        file = path.open("w")
    with file, locked(file.fileno(), wait=False) as is_ours:
        if not is_ours:
            raise ExportError(f"Another run writes to {folder}; wait for it, or choose another output_dir.")
        yield


@contextmanager
def locked(descriptor: int, *, wait: bool = True) -> Iterator[bool]:
    """Lock an open file against other processes, unless its file system has no locks.

    Args:
        descriptor: The file's descriptor.
        wait: Whether to wait until no other process holds the lock.

    Yields:
        Whether the lock is held, or the file system has none.
    """
    from filelock import lock_descriptor, unlock_descriptor

    is_ours = True
    try:
        is_ours = lock_descriptor(descriptor, blocking=wait, poll_interval=_POLL_S)
    except OSError:
        logger.debug("The file system has no locks.")
    try:
        yield is_ours
    finally:
        with suppress(OSError):
            unlock_descriptor(descriptor)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError in the block into the ExportError of a file that cannot be written."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> ExportError:
    """The error of a file that cannot be written, with its cause."""
    return ExportError(f"Cannot write {path}: {error.strerror or error}; choose another output_dir or free some space.")

"""Files that are either whole or not there."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipeline.records.errors import ExportError

try:
    import fcntl
except ImportError:  # Windows has no advisory locks.
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)


def make_folder(folder: Path) -> None:
    """Make the folder and its parents.

    Raises:
        ExportError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place once the block ends without an error.

    Args:
        path: The file to write; its folder is made if needed.

    Yields:
        The path to write to, with the same suffix.

    Raises:
        ExportError: If the file cannot be written.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.stem[:64]}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while the block runs.

    Raises:
        ExportError: If another run writes there, or the folder cannot be written.
    """
    make_folder(folder)
    path = folder / ".lock"
    try:
        file = path.open("w")
    except OSError as error:
        raise write_error(path, error) from error
    with file, ExitStack() as stack:
        try:
            stack.enter_context(locked(file.fileno(), wait=False))
        except BlockingIOError:
            raise ExportError(f"Another run writes to {folder}; wait for it, or choose another output_dir.") from None
        yield


@contextmanager
def locked(descriptor: int, *, wait: bool = True) -> Iterator[None]:
    """Keep other processes from locking a file; some network file systems know no locks and go without.

    Raises:
        BlockingIOError: If another process holds the lock and the caller does not wait.
    """
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            logger.debug("This file system knows no locks.")
    try:
        yield
    finally:
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)


def write_error(path: Path, error: OSError) -> ExportError:
    """The error of a file that cannot be written, with its cause."""
    return ExportError(f"Cannot write {path}: {error.strerror or error}; choose another output_dir or free some space.")

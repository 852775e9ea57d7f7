"""Files that are either whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ExportError


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


def write_error(path: Path, error: OSError) -> ExportError:
    """The error of a file that cannot be written, with its cause."""
    return ExportError(f"Cannot write {path}: {error.strerror or error}; choose another output_dir or free some space.")

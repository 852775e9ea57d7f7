"""Text files of lines, and of tables of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.records.errors import InputError


def text_lines(file: Path, what: str) -> list[str]:
    """Lines of a text file in UTF-8.

    Args:
        file: The file.
        what: What it is, for the message.

    Raises:
        InputError: If it is missing or not text.
    """
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"The {what} {file} cannot be opened ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise InputError(f"The {what} {file} is damaged: it is not plain text; copy it again.") from None


def number_table(file: Path, columns: int, what: str) -> np.ndarray:
    """Numbers of a text file, float64 (N, columns); lines that begin with ``#`` are comments.

    Numbers may be infinite: ScanNet writes such poses where the camera was lost.

    Args:
        file: The file.
        columns: Numbers per row; a file with all of them in one line is read row by row.
        what: What it holds, for the message.

    Raises:
        InputError: If it is missing or holds anything else.
    """
    lines = [line for line in text_lines(file, what) if not line.lstrip().startswith("#")]
    try:
        numbers = [float(word) for line in lines for word in line.split()]
    except ValueError:
        raise InputError(f"The {what} {file} must hold nothing but numbers; copy it again.") from None
    if not numbers or len(numbers) % columns or any(map(math.isnan, numbers)):
        raise InputError(f"The {what} {file} holds {len(numbers)} numbers, not rows of {columns}; copy it again.")
    return np.array(numbers).reshape(-1, columns)


def rows_of_lines(data: bytes, skipped: int, count: int, columns: Sequence[int]) -> np.ndarray:
    """Chosen columns of lines that are not empty, float64 (count, len(columns)); what follows is not read.

    Args:
        data: Lines of numbers with blanks between them.
        skipped: Lines before the first.
        count: Number of lines.
        columns: Numbers of the columns, counted from 0.

    Raises:
        EOFError: If there are fewer lines, or one is too short.
        ValueError: If a chosen word is not a number.
    """
    rows = (words for line in BytesIO(data) if (words := line.split()))
    found = [
        [float(words[at]) for at in columns if at < len(words)] for words in islice(rows, skipped, skipped + count)
    ]
    if len(found) < count or any(len(row) < len(columns) for row in found):
        raise EOFError
    return np.array(found, dtype=np.float64).reshape(-1, len(columns))

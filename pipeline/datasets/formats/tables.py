"""Tables of questions: Parquet, JSON lines, JSON lists, TSV and CSV, read row by row."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import sys
from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from pipeline.ingest.images import read_image, upright_rgb
from pipeline.records.errors import InputError

SUFFIXES = (".parquet", ".jsonl", ".json", ".tsv", ".csv")
Row = dict[str, Any]


class Table:
    """A file of rows; images in it are decoded with their row.

    Args:
        file: A file with one of ``SUFFIXES``.

    Raises:
        InputError: When it is first read, if it is damaged.
    """

    def __init__(self, file: Path) -> None:
        if file.suffix not in SUFFIXES:
            raise InputError(f"{file} is not a table; its name must end with {', '.join(SUFFIXES)}.")
        self.file = file
        self._group: tuple[int, Any] | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return self._starts[-1] if self.file.suffix == ".parquet" else len(self._rows)

    def row(self, index: int) -> Row:
        """One row, by column name.

        Raises:
            InputError: If it is damaged.
        """
        if self.file.suffix == ".parquet":
            return self._parquet_row(index)
        row = self._rows[index]
        if isinstance(row, str):
            try:
                row = json.loads(row)
            except ValueError as error:
                raise InputError(f"Line {index + 1} of {self.file} is not JSON: {error}.") from None
        if not isinstance(row, Mapping):
            raise InputError(f"Row {index + 1} of {self.file} is not an object with named fields.")
        return dict(row)

    @cached_property
    def _rows(self) -> list[Any]:
        """Rows of a text file; lines of JSON are parsed one by one later."""
        try:
            text = self.file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.file} is not text in UTF-8: {error}.") from None
        if self.file.suffix == ".jsonl":
            return [line for line in text.splitlines() if line.strip()]
        if self.file.suffix == ".json":
            try:
                rows = json.loads(text)
            except ValueError as error:
                raise InputError(f"{self.file} is not JSON: {error}.") from None
            if not isinstance(rows, list):
                raise InputError(f"{self.file} must hold a list of questions.")
            return rows
        # Images in base64 exceed the limit of a field, which holds for the whole process.
        limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        try:
            return list(csv.DictReader(io.StringIO(text), delimiter="\t" if self.file.suffix == ".tsv" else ","))
        finally:
            csv.field_size_limit(limit)

    @cached_property
    def _parquet(self) -> Any:
        import pyarrow.parquet as parquet

        try:
            return parquet.ParquetFile(self.file)
        except (OSError, ValueError) as error:
            raise InputError(f"{self.file} cannot be read as a Parquet file: {error}.") from None

    @cached_property
    def _starts(self) -> list[int]:
        """Index of the first row of each group, and the number of all rows."""
        metadata = self._parquet.metadata
        return list(accumulate((metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)), initial=0))

    def _parquet_row(self, index: int) -> Row:
        group = bisect_right(self._starts, index) - 1
        if self._group is None or self._group[0] != group:
            try:
                self._group = group, self._parquet.read_row_group(group)
            except (OSError, ValueError) as error:
                raise InputError(f"Rows from {self._starts[group]} of {self.file} cannot be read: {error}.") from None
        row: Row = self._group[1].slice(index - self._starts[group], 1).to_pylist()[0]
        return row


def image_of(value: Any, folder: Path) -> np.ndarray:
    """The image in a table's field, uint8 (H, W, 3), upright.

    Args:
        value: ``{bytes, path}`` as the hub's data sets store images, bytes, base64, a path, or a URL whose file name
            is a path.
        folder: Where paths start.

    Raises:
        InputError: If the image is missing or damaged.
    """
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str):
        file = folder / (PurePosixPath(value).name if "://" in value else value)
        if _is_file(file):
            return read_image(file)
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise InputError(f"The image {file!s:.200} does not exist; put the data set's images there.") from None
    if not isinstance(value, bytes) or not value:
        raise InputError("The row has no image.")
    try:
        with Image.open(io.BytesIO(value)) as image:
            return upright_rgb(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"The image in the row is damaged: {error}.") from None


def _is_file(path: Path) -> bool:
    """Whether the file exists; an image in base64 may not even be a valid file name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def tables_in(folder: Path, patterns: tuple[str, ...], what: str, how: str) -> list[Table]:
    """Tables of a data set in a folder.

    Args:
        folder: Where they are.
        patterns: Globs below the folder; the first that matches a table is taken.
        what: Name of the data set.
        how: How to get it.

    Raises:
        InputError: If no table matches.
    """
    for pattern in patterns:
        files = sorted(file for file in folder.glob(pattern) if file.suffix in SUFFIXES)
        if files:
            return [Table(file) for file in files]
    raise InputError(f"{folder} holds no {' or '.join(patterns)} of {what}; {how}.")

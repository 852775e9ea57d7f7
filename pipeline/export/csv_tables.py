"""Tables of results, verdicts and regions as CSV (RFC 4180), in UTF-8 with a header line.

Cells that a spreadsheet would compute are quoted with an apostrophe
(https://owasp.org/www-community/attacks/CSV_Injection). Empty cells are unknown; truth values are true and false.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.export.files import replacing
from pipeline.export.formats import FormatSettings
from pipeline.export.table_columns import Column
from pipeline.export.tables import Row, write_tables
from pipeline.export.text import csv_text


def write(path: Path, folder: Path, settings: FormatSettings) -> Path | None:
    """Write ``results.csv``, ``verdicts.csv`` and ``regions.csv``.

    Args:
        path: The folder to write to.
        folder: The folder of ``results.jsonl``.
        settings: Which item is wanted.

    Returns:
        The folder of the tables, or None if there is no result.

    Raises:
        ExportError: If the results cannot be read or a file cannot be written.
    """
    return path if write_tables(path, folder, settings, ".csv", _open) else None


class _CsvTable:
    def __init__(self, file: Any, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._writer = csv.writer(file)
        self._writer.writerow([column.name for column in columns])

    def add(self, row: Row) -> None:
        """Add one row."""
        self._writer.writerow([csv_cell(row[column.name], column.kind) for column in self._columns])


@contextmanager
def _open(path: Path, columns: Sequence[Column]) -> Iterator[_CsvTable]:
    # Lone surrogates have no UTF-8.
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="") as file:
        yield _CsvTable(file, columns)


def csv_cell(value: object, kind: str) -> str:
    """A value as a cell of CSV: texts without formulas, truth as ``true`` and ``false``, nothing for None."""
    if value is None:
        return ""
    if kind == "truth":
        return "true" if value else "false"
    return csv_text(str(value)) if kind == "text" else repr(value)

"""Tables of verdicts and regions as CSV (RFC 4180), in UTF-8 with a header line.

Cells that a spreadsheet would compute are quoted with an apostrophe
(https://owasp.org/www-community/attacks/CSV_Injection). Empty cells are unknown; truth values are true and false.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.export.files import write_csv
from pipeline.export.formats import FormatSettings
from pipeline.export.tables import Column, Row, write_tables
from pipeline.export.text import csv_text


def write(path: Path, folder: Path, settings: FormatSettings) -> Path | None:
    """Write ``verdicts.csv`` and ``regions.csv``, see ``write_tables``."""
    return write_tables(path, folder, settings, ".csv", _write)


def _write(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> int:
    """Write a table and return its number of rows."""
    count = 0

    def lines() -> Iterator[list[str]]:
        nonlocal count
        yield [column.name for column in columns]
        for row in rows:
            count += 1
            yield [_cell(row[column.name], column) for column in columns]

    write_csv(path, lines())
    return count


def _cell(value: object, column: Column) -> str:
    if value is None:
        return ""
    if column.kind == "truth":
        return "true" if value else "false"
    return csv_text(str(value)) if column.kind == "text" else repr(value)

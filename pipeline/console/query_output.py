"""Rows of a query as a table to read, as CSV, as JSON or as Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from pipeline.export.files import replacing
from pipeline.export.text import csv_text, one_line
from pipeline.records.errors import ExportError

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 200
"""Most rows that are printed to be read."""
_WIDEST, _WIDEST_LAST = 60, 1000


def print_table(console: Console, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Print the first ``MOST_ROWS`` rows with their headings, each on one line; long texts are cut."""
    rows = list(islice(_rows(batches), MOST_ROWS + 1))
    names = [_cut(name) for name in schema.names]
    texts = [[_shown(value) for value in row] for row in rows[:MOST_ROWS]]
    # Nothing follows the last one, which may be a command to copy.
    lines = [[*map(_cut, line[:-1]), _cut(line[-1], _WIDEST_LAST)] for line in texts]
    widths = [min(max(map(cell_len, column)), _WIDEST) for column in zip(names, *lines, strict=True)]
    numeric = [
        any(isinstance(row[index], int | float | Decimal) and not isinstance(row[index], bool) for row in rows)
        for index in range(len(names))
    ]
    for line in (names, ["-" * width for width in widths], *lines):
        cells = [
            " " * (width - cell_len(text)) + text if is_number else text + " " * (width - cell_len(text))
            for text, width, is_number in zip(line, widths, numeric, strict=True)
        ]
        console.out("  ".join(cells).rstrip(), highlight=False)
    if len(rows) > MOST_ROWS:
        console.out(f"Only the first {MOST_ROWS} rows are shown; add format=csv for all.", highlight=False)
    elif not rows:
        console.out("No rows.", highlight=False)


def write_rows(kind: str, target: Path | IO[str], schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write all rows, batch by batch.

    Args:
        kind: ``csv``, ``json`` or ``parquet``; the last needs a path.
        target: A path or an open text file.
        schema: The columns.
        batches: The rows.

    Raises:
        ExportError: If the file cannot be written.
    """
    if kind == "parquet":
        if not isinstance(target, Path):
            raise ExportError("Parquet is no text; name a file.")
        _write_parquet(target, schema, batches)
        return
    with _text_file(target) as file:
        (_write_csv if kind == "csv" else _write_json)(file, schema.names, _rows(batches))


def _write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    from pyarrow import parquet

    with replacing(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_csv(file: IO[str], names: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    writer = csv.writer(file)
    writer.writerow(map(csv_text, names))
    for row in rows:
        writer.writerow(map(_csv_cell, row))


def _write_json(file: IO[str], names: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """A list of objects, each on a line of its own."""
    between = "[\n"
    for row in rows:
        values = dict(zip(names, map(_plain, row), strict=True))
        file.write(between + json.dumps(values, ensure_ascii=False, default=str))
        between = ",\n"
    file.write("[]\n" if between == "[\n" else "\n]\n")


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        # Names may occur twice.
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    return one_line(value if isinstance(value, str) else str(value))


def _cut(text: str, most: int = _WIDEST) -> str:
    return text if cell_len(text) <= most else set_cell_size(text, most - 1).rstrip() + "…"


def _csv_cell(value: Any) -> str:
    value = _plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return csv_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def _plain(value: Any) -> Any:
    """The value as JSON can hold it: numbers that are not finite are null."""
    if isinstance(value, Decimal):
        # DuckDB sums whole numbers to decimals without places.
        places = value.as_tuple().exponent
        value = int(value) if isinstance(places, int) and places >= 0 else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return {str(key): _plain(part) for key, part in value.items()} if isinstance(value, dict) else value


@contextmanager
def _text_file(target: Path | IO[str]) -> Iterator[IO[str]]:
    if not isinstance(target, Path):
        yield target
        return
    with replacing(target) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="") as file:
        yield file

"""Tables of verdicts and regions as Parquet; the metadata of each column says what it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.export.files import replacing
from pipeline.export.formats import FormatSettings
from pipeline.export.tables import Column, Row, write_tables

_ROWS_AT_ONCE = 5000


def write(path: Path, folder: Path, settings: FormatSettings) -> Path | None:
    """Write ``verdicts.parquet`` and ``regions.parquet``, see ``write_tables``."""
    return write_tables(path, folder, settings, ".parquet", _write)


def _write(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> int:
    """Write a table and return its number of rows."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}
    schema = pa.schema(
        [pa.field(column.name, types[column.kind], metadata={"description": column.about}) for column in columns]
    )
    count = 0
    with replacing(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for batch in _batches(rows):
            cells: dict[str, list[Any]] = {
                column.name: [_cell(row[column.name]) for row in batch] for column in columns
            }
            writer.write_table(pa.table(cells, schema))
            count += len(batch)
    return count


def _cell(value: Any) -> Any:
    # Lone surrogates have no UTF-8.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _ROWS_AT_ONCE)):
        yield batch

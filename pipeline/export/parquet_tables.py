"""Tables of results, verdicts and regions as Parquet; the metadata of each column says what it means."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.export.files import replacing
from pipeline.export.formats import FormatSettings
from pipeline.export.jsonl import RESULTS_NAME
from pipeline.export.table_columns import TABLES, Column, Kind
from pipeline.export.tables import Row, write_tables
from pipeline.export.timed_results import timings_path
from pipeline.records.errors import ExportError

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".parquet"
# DuckDB and Polars read groups in parallel; larger ones take noticeable memory at the end of a run.
_GROUP_ROWS = 2000
# As Python objects, rows take many times the memory of their columns.
_PYTHON_ROWS = 100
_END_BYTES = 1 << 20
_KEY = b"theodolite"


def write(path: Path, folder: Path, settings: FormatSettings) -> Path | None:
    """Write ``results.parquet``, ``verdicts.parquet`` and ``regions.parquet``, unless they are up to date.

    Tables with the depth of regions stay where it is not asked for.

    Args:
        path: The folder to write to.
        folder: The folder of ``results.jsonl``.
        settings: Which item is wanted, and whether regions have their depth.

    Returns:
        The folder of the tables, or None if there is no result.

    Raises:
        ExportError: If the results cannot be read or a file cannot be written.
    """
    source = None if settings.item is not None else source_of(folder, region_depth=settings.region_depth)
    if source is not None and _hold(path, [source] if settings.region_depth else _sources(folder)):
        return path if source["bytes"] else None

    @contextmanager
    def opened(table: Path, columns: Sequence[Column]) -> Iterator[ParquetTable]:
        with open_table(table, columns, source) as writer:
            yield writer

    count = write_tables(path, folder, settings, SUFFIX, opened, region_depth=settings.region_depth)
    return path if count else None


def are_current(path: Path, folder: Path) -> bool:
    """Whether the tables in ``path`` hold exactly the results that the folder of a run holds.

    Raises:
        ExportError: If the results cannot be read.
    """
    return _hold(path, _sources(folder))


def source_of(folder: Path, *, region_depth: bool) -> dict[str, Any]:
    """What tables are made from: length and hash of the end of ``results.jsonl`` and of its times, and their columns.

    Results are only added, and those of another configuration name it in every line, so the end tells files apart.

    Raises:
        ExportError: If the results cannot be read.
    """
    results = folder / RESULTS_NAME
    length, end = _end_of(results)
    times = timings_path(results)
    timings = _end_of(times) if times.is_file() else None
    return {"bytes": length, "end": end, "timings": timings, "columns": _DIGEST, "region_depth": region_depth}


def _end_of(path: Path) -> list[int | str]:
    """Length of a file [bytes] and the hash of its end, as JSON gives them back."""
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - _END_BYTES))
            return [length, sha256(file.read(_END_BYTES)).hexdigest()]
    except OSError as error:
        raise ExportError(f"Cannot read {path}: {error.strerror or error}.") from error


def _sources(folder: Path) -> list[dict[str, Any]]:
    source = source_of(folder, region_depth=False)
    return [source, {**source, "region_depth": True}]


def _hold(path: Path, sources: Sequence[dict[str, Any]]) -> bool:
    """Whether all tables of a folder are made from one of the sources."""
    return all(_source_in(path / f"{name}{SUFFIX}") in sources for name in TABLES)


def schema_of(columns: Sequence[Column], source: dict[str, Any] | None = None) -> pa.Schema:
    """The Parquet schema of a table.

    Args:
        columns: Its columns.
        source: What it is made from, see ``source_of``.
    """
    import pyarrow as pa

    types = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}
    return pa.schema(
        [pa.field(column.name, types[column.kind], metadata={"description": column.about}) for column in columns],
        metadata=None if source is None else {_KEY: json.dumps(source)},
    )


class ParquetTable:
    """Writes rows in groups, so that only one group is in memory.

    Args:
        path: The file.
        columns: Its columns.
        source: What it is made from, see ``source_of``.
    """

    def __init__(self, path: Path, columns: Sequence[Column], source: dict[str, Any] | None = None) -> None:
        from pyarrow import parquet

        self._columns = columns
        self._schema = schema_of(columns, source)
        self._rows: list[Row] = []
        self._batches: list[pa.RecordBatch] = []
        self._writer = parquet.ParquetWriter(path, self._schema)

    def add(self, row: Row) -> None:
        """Add one row."""
        self._rows.append(row)
        if len(self._rows) < _PYTHON_ROWS:
            return
        self._pack()
        if sum(batch.num_rows for batch in self._batches) >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        try:
            if self._rows:
                self._pack()
            if self._batches:
                self._flush()
        finally:
            self._writer.close()

    def _pack(self) -> None:
        import pyarrow as pa

        arrays = [
            _array([row[column.name] for row in self._rows], column.kind, field.type)
            for column, field in zip(self._columns, self._schema, strict=True)
        ]
        self._rows = []
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def _flush(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_batches(self._batches, schema=self._schema))
        self._batches = []


@contextmanager
def open_table(path: Path, columns: Sequence[Column], source: dict[str, Any] | None = None) -> Iterator[ParquetTable]:
    """A table that replaces the file once the block ends without an error.

    Raises:
        ExportError: If it cannot be written.
    """
    with replacing(path) as temporary:
        table = ParquetTable(temporary, columns, source)
        try:
            yield table
        finally:
            table.close()


def _array(values: Sequence[Any], kind: Kind, of_type: pa.DataType) -> pa.Array:
    """The cells of a column as an array, built from its buffers: ``pa.array`` of a list imports pandas, for a second.

    The layout is https://arrow.apache.org/docs/format/Columnar.html.
    """
    import pyarrow as pa

    if kind == "whole":
        values = [value if value is not None and -(2**63) <= value < 2**63 else None for value in values]
    known = np.array([value is not None for value in values], dtype=bool)
    if kind == "text":
        # Lone surrogates have no UTF-8.
        texts = [b"" if value is None else value.encode("utf-8", "replace") for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        buffers = [ends.astype(np.int32), b"".join(texts)]
    elif kind == "truth":
        buffers = [_bits(np.array([bool(value) for value in values], dtype=bool))]
    else:
        stored = np.int64 if kind == "whole" else np.float64
        buffers = [np.array([0 if value is None else value for value in values], dtype=stored)]
    return pa.Array.from_buffers(of_type, len(values), [pa.py_buffer(part) for part in (_bits(known), *buffers)])


def _bits(values: np.ndarray) -> np.ndarray:
    return np.packbits(values, bitorder="little")


def _source_in(path: Path) -> Any:
    """What a table was made from; None where it does not say so or cannot be read."""
    if not path.is_file():
        return None
    from pyarrow import ArrowException, parquet

    try:
        return json.loads((parquet.read_metadata(path).metadata or {}).get(_KEY, b"null"))
    except (OSError, ValueError, ArrowException):
        return None


_DIGEST = sha256(repr(TABLES).encode()).hexdigest()[:12]

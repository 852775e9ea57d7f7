"""The tables of a run as Parquet files, also of one that still goes on or was killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.export.formats import FormatSettings
from pipeline.export.jsonl import FAILURES_NAME
from pipeline.export.line_file import numbered_lines
from pipeline.export.parquet_tables import SUFFIX, are_current, open_table, write
from pipeline.export.run_folder import file_in
from pipeline.export.table_columns import TABLES, Column
from pipeline.export.tables import Row

FAILURE_COLUMNS = (
    Column("item", "text", "id of the item"),
    Column("stage", "text", "the stage that failed"),
    Column("reason", "text", "why, in one sentence"),
    Column("command", "text", "the command that runs the item alone"),
)
_FOLDER = "tables"


def run_tables(folder: Path, temporary: Path) -> dict[str, Path]:
    """The tables of a run: those that it wrote if they are up to date, otherwise made from ``results.jsonl``.

    Args:
        folder: The folder of the run; nothing in it changes.
        temporary: A folder of its own for what has to be made.

    Returns:
        The files by name: the ``TABLES``, and ``failures``.

    Raises:
        ExportError: If the results cannot be read.
    """
    files = {name: file_in(folder, f"{_FOLDER}/{name}{SUFFIX}") for name in TABLES}
    found = {name: path for name, path in files.items() if path is not None}
    if len(found) < len(TABLES) or not are_current(folder / _FOLDER, folder):
        write(temporary, folder, FormatSettings(region_depth=False))
        found = {name: temporary / f"{name}{SUFFIX}" for name in TABLES}
    failures = temporary / f"failures{SUFFIX}"
    with open_table(failures, FAILURE_COLUMNS) as table:
        for row in _failures(folder / FAILURES_NAME):
            table.add(row)
    return {**found, "failures": failures}


def _failures(path: Path) -> Iterator[Row]:
    """The rows of a file of failures; none without the file."""
    for _, line in numbered_lines(path) if path.is_file() else ():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and "item_id" in entry:
            values = {"item": entry["item_id"], **{key: entry.get(key) for key in ("stage", "reason", "command")}}
            yield {key: None if value is None else str(value) for key, value in values.items()}

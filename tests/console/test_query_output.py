from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from rich.console import Console

from pipeline.console.query_output import MOST_ROWS, print_table, write_rows
from pipeline.records.errors import ExportError

ROWS = pa.table(
    {
        "item": ["a", "=cmd()", "桌 子\n\x1b[2J", "x" * 100],
        "number": [1.5, float("nan"), None, -2.0],
        "whole": pa.array([1, 2, 3, None], pa.int64()),
        "truth": [True, False, None, True],
        "list": [[1, 2], [], None, [3]],
        "exact": [Decimal("1.50"), None, None, None],
    }
)


def printed(table: pa.Table) -> list[str]:
    text = io.StringIO()
    print_table(Console(file=text, width=40), table.schema, table.to_batches())
    return text.getvalue().splitlines()


def written(kind: str, table: pa.Table = ROWS) -> str:
    text = io.StringIO(newline="")
    write_rows(kind, text, table.schema, table.to_batches())
    return text.getvalue()


def test_every_row_is_one_line_without_control_characters_and_long_texts_are_cut() -> None:
    lines = printed(ROWS)
    assert len(lines) == 2 + len(ROWS) and all(line.isprintable() for line in lines)
    assert lines[2].split() == ["a", "1.5", "1", "true", "[1,", "2]", "1.50"]
    assert "桌 子" in lines[4] and "x" * 59 + "…" in lines[5] and "x" * 60 not in lines[5]
    last = printed(pa.table({"command": ["y" * 300, "z" * 2000]}))
    assert last[2] == "y" * 300 and last[3] == "z" * 999 + "…", "a command of the last column can be copied"
    wide = printed(pa.table({"桌子 名": ["桌", "ab"], "b": ["|", "|"]}))
    assert [line.index("|") for line in wide[2:]] == [8, 9], "wide characters count twice"


def test_many_rows_are_cut_with_a_word_about_it_and_no_row_is_said() -> None:
    class Endless:
        taken = 0

        def __iter__(self) -> Iterator[pa.RecordBatch]:
            while True:
                self.taken += 1
                yield pa.record_batch({"a": list(range(100))})

    text, endless = io.StringIO(), Endless()
    print_table(Console(file=text), pa.schema([("a", pa.int64())]), endless)
    assert f"Only the first {MOST_ROWS} rows" in text.getvalue() and endless.taken <= 4
    assert printed(ROWS.slice(0, 0))[-1] == "No rows."


def test_csv_holds_all_rows_without_formulas() -> None:
    rows = list(csv.reader(io.StringIO(written("csv"))))
    assert rows[0] == ROWS.column_names
    assert rows[1] == ["a", "1.5", "1", "true", "[1, 2]", "1.5"]
    assert rows[2] == ["'=cmd()", "", "2", "false", "[]", ""]
    assert rows[4][1] == "-2.0"


def test_json_is_a_list_of_objects() -> None:
    rows: list[dict[str, Any]] = json.loads(written("json"))
    assert rows[0] == {"item": "a", "number": 1.5, "whole": 1, "truth": True, "list": [1, 2], "exact": 1.5}
    assert rows[1]["number"] is None
    assert json.loads(written("json", ROWS.slice(0, 0))) == []


def test_whole_decimals_are_whole_numbers() -> None:
    sums = pa.array([Decimal(1234), Decimal(10**20 + 1), Decimal(-7)], pa.decimal128(38, 0))
    table = pa.table({"sum": sums, "price": pa.array([Decimal("2.00"), None, None], pa.decimal128(9, 2))})
    assert written("csv", table).split() == ["sum,price", "1234,2.0", "100000000000000000001,", "-7,"]
    assert [row["sum"] for row in json.loads(written("json", table))] == [1234, 10**20 + 1, -7]
    assert '"sum": 1234,' in written("json", table)


def test_parquet_keeps_types_and_needs_a_file(tmp_path: Path) -> None:
    write_rows("parquet", tmp_path / "a.parquet", ROWS.schema, ROWS.to_batches(max_chunksize=1))
    assert parquet.read_schema(tmp_path / "a.parquet").equals(ROWS.schema)
    assert parquet.read_table(tmp_path / "a.parquet")["item"].to_pylist() == ROWS["item"].to_pylist()
    with pytest.raises(ExportError, match="no text"):
        written("parquet")


def test_a_query_that_breaks_off_leaves_no_half_file(tmp_path: Path) -> None:
    def breaking() -> Iterator[pa.RecordBatch]:
        yield ROWS.to_batches()[0]
        raise RuntimeError

    for kind in ("csv", "json", "parquet"):
        with pytest.raises(RuntimeError):
            write_rows(kind, tmp_path / f"a.{kind}", ROWS.schema, breaking())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="Cannot write"):
        write_rows("csv", tmp_path / "file" / "a.csv", ROWS.schema, [])

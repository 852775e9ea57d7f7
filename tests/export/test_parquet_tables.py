from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import exported
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from pipeline.export import parquet_tables
from pipeline.export.formats import FormatSettings
from pipeline.export.parquet_tables import are_current, open_table
from pipeline.export.table_columns import TABLES, Column, Kind

FAST = FormatSettings(region_depth=False)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    scene = exported.stored()
    return exported.run_folder(tmp_path, (scene, exported.result(scene)))


def files(run: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (run / "tables").iterdir()}


def test_the_depth_of_regions_is_measured_only_where_wanted(run: Path) -> None:
    for settings, is_known in ((FAST, False), (FormatSettings(), True)):
        parquet_tables.write(run / "tables", run, settings)
        rows = parquet.read_table(run / "tables" / "regions.parquet").to_pylist()
        assert [row["depth_m"] is not None for row in rows] == [is_known, is_known]
        assert [row["depth_kind"] for row in rows] == ["metric", "metric"]


def test_tables_that_are_up_to_date_are_not_written_again(run: Path) -> None:
    assert parquet_tables.write(run / "tables", run, FAST) == run / "tables"
    before = files(run)
    assert parquet_tables.write(run / "tables", run, FAST) == run / "tables"
    assert files(run) == before and are_current(run / "tables", run)


def test_depth_that_was_measured_stays_until_results_change(run: Path) -> None:
    parquet_tables.write(run / "tables", run, FormatSettings())
    before = files(run)
    parquet_tables.write(run / "tables", run, FAST)
    assert files(run) == before and are_current(run / "tables", run)


@pytest.mark.parametrize("change", ["added", "other", "item", "damaged", "missing", "foreign"])
def test_tables_of_other_results_are_not_current(run: Path, change: str) -> None:
    parquet_tables.write(run / "tables", run, FAST)
    results, table = run / "results.jsonl", run / "tables" / "verdicts.parquet"
    if change == "added":
        results.write_bytes(results.read_bytes() * 2)
    elif change == "other":
        results.write_bytes(results.read_bytes().replace(b"0.97", b"0.96"))
    elif change == "item":
        parquet_tables.write(run / "tables", run, FormatSettings(item="other", region_depth=False))
    elif change == "damaged":
        table.write_bytes(table.read_bytes()[:-20])
    elif change == "missing":
        table.unlink()
    else:
        rows = parquet.read_table(table)
        parquet.write_table(rows.replace_schema_metadata(None), table)
    assert not are_current(run / "tables", run)
    parquet_tables.write(run / "tables", run, FAST)
    assert are_current(run / "tables", run)


def test_rows_are_written_in_groups_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_tables, "_GROUP_ROWS", 3)
    monkeypatch.setattr(parquet_tables, "_PYTHON_ROWS", 2)
    columns = (Column("number", "whole", "a number"), Column("name", "text", "a name"))
    with open_table(tmp_path / "a.parquet", columns) as table:
        for number in range(8):
            table.add({"number": number, "name": f"n{number}"})
            assert len(table._rows) < 2
    file = parquet.ParquetFile(tmp_path / "a.parquet")
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [4, 4]
    assert file.read()["number"].to_pylist() == list(range(8))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "text": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
                "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
                "number": st.none() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False),
                "truth": st.none() | st.booleans(),
            }
        ),
        max_size=20,
    )
)
def test_every_value_is_read_back(rows: list[dict[str, Any]]) -> None:
    columns = [Column(kind, kind, kind) for kind in get_args(Kind)]
    with TemporaryDirectory() as folder:
        with open_table(Path(folder) / "a.parquet", columns) as table:
            for row in rows:
                table.add(row)
        read = parquet.read_table(Path(folder) / "a.parquet")
        read.validate(full=True)
    assert read.to_pylist() == [
        {**row, "number": None if row["number"] is None else float(row["number"])} for row in rows
    ]


def test_writing_tables_does_not_import_pandas(run: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from pipeline.export.parquet_tables import write; "
        "from pipeline.export.formats import FormatSettings; folder = Path(sys.argv[1]); "
        "assert write(folder / 'tables', folder, FormatSettings(region_depth=False)); "
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(run)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_table_that_breaks_off_leaves_the_file_before(tmp_path: Path) -> None:
    columns = (Column("number", "whole", "a number"),)
    with open_table(tmp_path / "a.parquet", columns) as table:
        table.add({"number": 1})
    with pytest.raises(RuntimeError), open_table(tmp_path / "a.parquet", columns) as table:
        table.add({"number": 2})
        raise RuntimeError
    assert parquet.read_table(tmp_path / "a.parquet")["number"].to_pylist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_values_without_a_place_in_a_column_do_not_end_a_run(tmp_path: Path) -> None:
    scene = exported.stored()
    result = exported.result(scene)
    assert result.answer is not None
    exported.run_folder(tmp_path, (scene, replace(result, answer=replace(result.answer, seed=2**70))))
    parquet_tables.write(tmp_path / "tables", tmp_path, FAST)
    (row,) = parquet.read_table(tmp_path / "tables" / "results.parquet").to_pylist()
    assert row["seed"] is None and row["answer"] == result.answer.text
    with open_table(tmp_path / "a.parquet", (Column("name", "text", "a name"),)) as table:
        table.add({"name": "lone \ud800"})
    assert parquet.read_table(tmp_path / "a.parquet")["name"].to_pylist() == ["lone ?"]


def test_the_schema_of_the_file_is_the_documented_one(run: Path) -> None:
    types = {"text": "string", "whole": "int64", "number": "double", "truth": "bool"}
    parquet_tables.write(run / "tables", run, FAST)
    for name, columns in TABLES.items():
        schema = parquet.read_schema(run / "tables" / f"{name}.parquet")
        assert [(field.name, str(field.type)) for field in schema] == [(one.name, types[one.kind]) for one in columns]

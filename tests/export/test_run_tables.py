from __future__ import annotations

import json
from pathlib import Path

import duckdb
import exported
import pandas as pd
import polars as pl
import pytest
from pyarrow import parquet

from pipeline.export import parquet_tables
from pipeline.export.formats import FormatSettings
from pipeline.export.run_tables import FAILURE_COLUMNS, run_tables
from pipeline.export.table_columns import TABLES
from pipeline.records.errors import ExportError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    scene, other = exported.stored(), exported.stored(item="other")
    return exported.run_folder(tmp_path / "run", (scene, exported.result(scene)), (other, exported.result(other)))


def test_the_tables_of_a_finished_run_are_used_as_they_are(run: Path, tmp_path: Path) -> None:
    parquet_tables.write(run / "tables", run, FormatSettings(region_depth=False))
    tables = run_tables(run, tmp_path / "made")
    assert {name: path.parent for name, path in tables.items() if name != "failures"} == dict.fromkeys(
        TABLES, (run / "tables").resolve()
    )
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["failures.parquet"]


@pytest.mark.parametrize("has_tables", [False, True])
def test_a_run_that_goes_on_gives_all_results_that_it_has(run: Path, tmp_path: Path, has_tables: bool) -> None:
    lines = (run / "results.jsonl").read_bytes().splitlines(keepends=True)
    if has_tables:
        (run / "results.jsonl").write_bytes(lines[0])
        parquet_tables.write(run / "tables", run, FormatSettings(region_depth=False))
    (run / "results.jsonl").write_bytes(b"".join(lines) + lines[0][:50])
    before = sorted(path.stat().st_mtime_ns for path in run.rglob("*"))
    tables = run_tables(run, tmp_path / "made")
    assert parquet.read_table(tables["results"])["item"].to_pylist() == ["item", "other"]
    assert sorted(path.stat().st_mtime_ns for path in run.rglob("*")) == before, "the run stays as it is"


def test_a_table_that_is_a_link_out_of_the_run_is_not_read(run: Path, tmp_path: Path) -> None:
    parquet_tables.write(run / "tables", run, FormatSettings(region_depth=False))
    for path in list((run / "tables").iterdir()):
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    assert {path.parent for path in run_tables(run, tmp_path / "made").values()} == {tmp_path / "made"}


def test_failures_are_a_table_and_lines_that_are_none_are_left_out(run: Path, tmp_path: Path) -> None:
    good = {"item_id": "a", "stage": "ingest", "reason": "It is torn.", "command": "python -m pipeline run"}
    odd = {"item_id": 7, "stage": None, "reason": ["x"]}
    (run / "failures.jsonl").write_text(f"{json.dumps(good)}\n[1]\nnot json\n{json.dumps(odd)}\n{{")
    rows = parquet.read_table(run_tables(run, tmp_path / "made")["failures"])
    assert rows.column_names == [column.name for column in FAILURE_COLUMNS]
    assert rows.to_pylist() == [
        {"item": "a", **{key: good[key] for key in ("stage", "reason", "command")}},
        {"item": "7", "stage": None, "reason": "['x']", "command": None},
    ]


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"results\.jsonl"):
        run_tables(tmp_path, tmp_path / "made")


def test_duckdb_pandas_and_polars_read_the_tables_in_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet_tables.write(run / "tables", run, FormatSettings(region_depth=False))
    monkeypatch.chdir(tmp_path)
    counts = duckdb.sql("SELECT status, count(*) FROM 'run/tables/verdicts.parquet' GROUP BY status ORDER BY status")
    assert counts.fetchall() == [("supported", 2), ("undecided", 2)]
    frame = pd.read_parquet("run/tables/verdicts.parquet")
    assert frame.groupby("status").size().to_dict() == {"supported": 2, "undecided": 2}
    lazy = pl.scan_parquet("run/tables/verdicts.parquet").filter(pl.col("status") == "undecided").collect()
    assert lazy["needs"].to_list() == ["a larger view"] * 2

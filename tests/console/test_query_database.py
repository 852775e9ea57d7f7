from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import exported
import pytest

from pipeline.console.query_database import Database, batches_of, opened
from pipeline.export.run_tables import run_tables
from pipeline.records.errors import ConfigError, DependencyError, InputError, TheodoliteError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    scene = exported.stored()
    return exported.run_folder(tmp_path / "run's", (scene, exported.result(scene)))


@pytest.fixture
def database(run: Path, tmp_path: Path) -> Iterator[Database]:
    tables = run_tables(run, tmp_path / "made")
    with opened({"it's one": tables, "two": tables}, tmp_path) as database:
        yield database


def rows_of(database: Database, sql: str) -> list[dict[str, Any]]:
    return [row for batch in batches_of(database.rows(sql), database, sql) for row in batch.to_pylist()]


def test_the_rows_of_all_runs_have_the_name_of_their_run(database: Database) -> None:
    assert rows_of(database, "SELECT run, count(*) AS n FROM verdicts GROUP BY run ORDER BY run") == [
        {"run": "it's one", "n": 2},
        {"run": "two", "n": 2},
    ]
    assert database.columns["failures"] == ["run", "item", "stage", "reason", "command"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_parquet('{run}/made/results.parquet')",
        "SELECT * FROM '{run}/results.jsonl'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('{run}/results.jsonl')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM 'https://example.com/a.parquet'",
        "SELECT getenv('HOME')",
        "SELECT * FROM database",
        "COPY results TO '{run}/out.csv'",
        "COPY (SELECT 1) TO '{run}/out.parquet'",
        "WITH a AS (COPY (SELECT 1) TO '{run}/out.csv' (use_tmp_file false)) SELECT 1",
        "WITH a AS (COPY results TO '{run}/results.jsonl' (use_tmp_file false)) SELECT 1",
        "EXPLAIN ANALYZE COPY results TO '{run}/out.csv'",
        "EXPORT DATABASE '{run}/out'",
        "ATTACH '{run}/out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET enable_external_access",
        "PRAGMA enable_profiling",
        "CALL pragma_version()",
        "DROP VIEW results",
        "DELETE FROM results",
        "CREATE TABLE a AS SELECT 1",
        "SELECT 1; COPY results TO '{run}/out.csv'",
        "",
        ";",
        "-- a comment",
    ],
)
def test_a_query_reads_the_tables_and_does_nothing_else(database: Database, run: Path, sql: str) -> None:
    before = {path: path.read_bytes() for path in run.parent.rglob("*") if path.is_file()}
    with pytest.raises(TheodoliteError) as refused:
        rows_of(database, sql.replace("{run}", str(run).replace("'", "''")))
    assert "\n" not in str(refused.value) and str(refused.value).endswith(".")
    assert {path: path.read_bytes() for path in run.parent.rglob("*") if path.is_file()} == before
    assert rows_of(database, "SELECT count(*) AS n FROM results") == [{"n": 2}]


@pytest.mark.parametrize(
    "sql, said",
    [
        ("SELECT * FROM verdict", r"no table 'verdict'; the tables are results, .*did you mean 'verdicts'\?$"),
        ("SELECT stats FROM verdicts", r"no column 'stats'; did you mean 'status': verdicts has run, item, .*\.$"),
        ("SELECT v.nope FROM verdicts v", r"no column 'nope': verdicts has run, .*\.$"),
        ("SELECT 1 FROM failures GROUP BY nope", r"no column 'nope': failures has run, item, stage, .*\.$"),
        ("SELEC 1", r"not valid: syntax error at or near \"SELEC\"\.$"),
        ("SELECT nope(1)", r"not valid: Scalar Function with name nope does not exist!?\.$"),
        ("SELECT CAST(item AS INT) FROM results", r"cannot be computed: Could not convert string 'item' to INT32.*\.$"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_that_says_what_exists(database: Database, sql: str, said: str) -> None:
    with pytest.raises((ConfigError, InputError), match=said):
        rows_of(database, sql)


def test_an_error_in_a_later_batch_is_one_sentence_too(database: Database) -> None:
    sql = "SELECT CASE WHEN x > 9000 THEN CAST('late' AS INT) ELSE 1 END FROM generate_series(10000) t(x)"
    with pytest.raises(TheodoliteError, match="late") as refused:
        rows_of(database, sql)
    assert "\n" not in str(refused.value)


def test_without_duckdb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(DependencyError, match=r"pip install 'theodolite\[query\]'"), opened({}, tmp_path):
        pass


@pytest.mark.parametrize("error", [BrokenPipeError, FileNotFoundError])
def test_errors_of_those_who_ask_stay_what_they_are(run: Path, tmp_path: Path, error: type[OSError]) -> None:
    tables = run_tables(run, tmp_path / "made")
    with pytest.raises(error), opened({"a": tables}, tmp_path):
        raise error


def test_a_damaged_table_is_an_error_of_one_line(run: Path, tmp_path: Path) -> None:
    tables = run_tables(run, tmp_path / "made")
    tables["regions"].write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match="cannot be read") as refused, opened({"a": tables}, tmp_path):
        pass
    assert "\n" not in str(refused.value)

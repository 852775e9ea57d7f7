from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import exported
import pytest

from pipeline.console.named_queries import NAMED, VIEWS
from pipeline.console.query_database import batches_of, opened
from pipeline.console.usage import usage_of
from pipeline.export.run_tables import run_tables
from pipeline.export.table_columns import TABLES
from pipeline.records import Claim, Status, Verdict


def verdict(relation: str, status: Status, truth: bool | None = None, code: str = "far") -> Verdict:
    needs = {"needs": "a closer look", "needs_code": "look"} if status is Status.UNDECIDED else {}
    return Verdict(Claim(relation, "a", "b", truth=truth), status, "Because.", 0.5, reason_code=code, **needs)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    refuted, supported, undecided = Status.REFUTED, Status.SUPPORTED, Status.UNDECIDED
    verdicts = [
        (verdict("left_of", refuted, False), verdict("left_of", supported), verdict("left_of", refuted, True)),
        (verdict("closer", refuted), verdict("closer", undecided), verdict("left_of", supported)),
        (verdict("closer", undecided, code="near"), verdict("above", undecided)),
    ]
    seconds = [{"query": 3.0, "verify": 0.5}, {"query": 1.0, "verify": 1.5}, {"verify": 0.25}]
    parts = []
    for name, found, took in zip("abc", verdicts, seconds, strict=True):
        scene = exported.stored(item=name)
        parts.append((scene, replace(exported.result(scene), verdicts=found, seconds=took)))
    folder = exported.run_folder(tmp_path / "run", *parts)
    failures = [("x", "ingest", "torn"), ("w", "ingest", "torn"), ("y", "query", "late")]
    lines = [
        {"item_id": item, "stage": stage, "reason": reason, "command": f"run {item}"}
        for item, stage, reason in failures
    ]
    (folder / "failures.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


def rows_of(name: str, runs: dict[str, Path], temporary: Path) -> list[dict[str, Any]]:
    sql = NAMED[name].of(len(runs))
    tables = {run: run_tables(folder, temporary / run) for run, folder in runs.items()}
    with opened(tables, temporary) as database:
        return [row for batch in batches_of(database.rows(sql), database, sql) for row in batch.to_pylist()]


EXPECTED: dict[str, list[dict[str, Any]]] = {
    "refuted": [
        {"relation": "left_of", "claims": 4, "refuted": 2, "refuted_percent": 50.0, "correct": 1, "wrong": 1},
        {"relation": "closer", "claims": 3, "refuted": 1, "refuted_percent": 33.3, "correct": 0, "wrong": 0},
    ],
    "slowest": [
        {"item": "a", "total_s": 3.5, "slowest_stage": "query", "query_s": 3.0, "verify_s": 0.5, "ocr_s": None},
        {"item": "b", "total_s": 2.5, "slowest_stage": "verify", "query_s": 1.0, "verify_s": 1.5, "ocr_s": None},
        {"item": "c", "total_s": 0.25, "slowest_stage": "verify", "query_s": None, "verify_s": 0.25, "ocr_s": None},
    ],
    "undecided": [
        {"reason_code": "far", "needs_code": "look", "verdicts": 2, "percent": 66.7, "items": 2},
        {"reason_code": "near", "needs_code": "look", "verdicts": 1, "percent": 33.3, "items": 1},
    ],
    "stages": [
        {"stage": "query", "total_s": 4.0, "percent": 64.0, "mean_s": 2.0, "median_s": 2.0, "most_s": 3.0},
        {"stage": "verify", "total_s": 2.25, "percent": 36.0, "mean_s": 0.75, "median_s": 0.5, "most_s": 1.5},
    ],
    "failures": [
        {"stage": "ingest", "reason": "torn", "failures": 2, "item": "w", "command": "run w"},
        {"stage": "query", "reason": "late", "failures": 1, "item": "y", "command": "run y"},
    ],
}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_query_counts_what_it_says(run: Path, tmp_path: Path, name: str) -> None:
    rows = rows_of(name, {"one": run}, tmp_path)
    assert [{key: row[key] for key in EXPECTED[name][0]} for row in rows] == EXPECTED[name]
    assert "run" not in rows[0]


@pytest.mark.parametrize("name", NAMED)
def test_several_runs_are_counted_apart(run: Path, tmp_path: Path, name: str) -> None:
    rows = rows_of(name, {"one": run, "two": run}, tmp_path)
    expected = EXPECTED[name]
    for which in ("one", "two"):
        own = [{key: row[key] for key in expected[0]} for row in rows if row["run"] == which]
        assert own == expected


def test_help_names_every_query_and_table() -> None:
    usage = usage_of("query")
    assert list(VIEWS) == [*TABLES, "failures"]
    for name in (*NAMED, *VIEWS):
        assert f"\n  {name} " in usage

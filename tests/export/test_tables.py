from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import exported
import pytest
from pyarrow import parquet

from pipeline.export import csv_tables, parquet_tables
from pipeline.export.formats import FormatSettings
from pipeline.export.table_columns import STAGES, TABLES
from pipeline.export.timed_results import read_results
from pipeline.records import Claim, Region, Status, Verdict
from pipeline.records.errors import ExportError


def read(folder: Path, item: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """All tables of a folder; those of Parquet are the CSV ones but for types."""
    settings = FormatSettings(item=item)
    assert csv_tables.write(folder / "tables", folder, settings) == folder / "tables"
    assert parquet_tables.write(folder / "tables", folder, settings) == folder / "tables"
    tables: dict[str, list[dict[str, Any]]] = {}
    for name in TABLES:
        with (folder / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        rows: list[dict[str, Any]] = parquet.read_table(folder / "tables" / f"{name}.parquet").to_pylist()
        assert len(lines) == len(rows)
        for line, row in zip(lines, rows, strict=True):
            assert list(line) == list(row)
            for key, cell in line.items():
                value = row[key]
                if isinstance(value, bool):
                    assert cell == str(value).lower()
                elif isinstance(value, int | float):
                    assert float(cell) == value
                else:
                    assert cell.removeprefix("'") == (value or "").removeprefix("'")
        tables[name] = rows
    return tables


def test_rows_hold_the_numbers_of_the_result_with_their_units(tmp_path: Path) -> None:
    scene = exported.stored()
    tables = read(exported.run_folder(tmp_path, (scene, exported.result(scene))))
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == [
        *("regions.csv", "regions.parquet", "results.csv", "results.parquet", "verdicts.csv", "verdicts.parquet"),
    ]
    first, second = tables["verdicts"]
    assert (first["item"], first["question"], first["verdict"]) == ("item", "Where is the cup?", 0)
    assert (first["relation"], first["subject"], first["object"]) == ("distance_between", "screen", "cup")
    assert (first["claimed_value"], first["claimed_unit"], first["negated"]) == (0.8, "m", False)
    assert (first["status"], first["probability"], first["margin"], first["margin_unit"]) == (
        *("supported", 0.97, 0.1, "m"),
    )
    assert (first["truth"], first["is_correct"], first["frames"], first["regions"]) == (True, True, "0", "0 | 1")
    assert (second["status"], second["needs"], second["is_correct"]) == ("undecided", "a larger view", None)
    assert (first["model"], first["depth_kind"]) == ("test-model", "metric")
    screen, cup = tables["regions"]
    assert (screen["left_px"], screen["top_px"], screen["right_px"], screen["bottom_px"]) == (20, 15, 60, 55)
    assert (screen["mask_area_px"], cup["mask_area_px"]) == (1591, None)
    assert (screen["score"], screen["origin"], screen["frame_name"]) == (0.9, "model", "photo 1.jpg")
    assert screen["depth_m"] == pytest.approx(1.2, abs=1e-4) and cup["depth_m"] == pytest.approx(0.9, abs=1e-4)
    assert cup["depth_sigma_m"] == pytest.approx(0.9 * (0.002**2 + 0.005**2) ** 0.5, rel=1e-3)
    assert screen["depth_relative"] is None


@pytest.mark.parametrize("kind", ["disparity_affine", "scale_invariant", "depth_affine"])
def test_depth_that_is_not_metric_has_columns_of_its_own(tmp_path: Path, kind: str) -> None:
    scene = exported.stored(kind)
    screen, cup = read(exported.run_folder(tmp_path, (scene, exported.result(scene))))["regions"]
    assert screen["depth_m"] is None and screen["depth_sigma_m"] is None and screen["depth_kind"] == kind
    expected = 2 / 0.9 + 0.1 if kind == "disparity_affine" else 0.9
    assert cup["depth_relative"] == pytest.approx(expected, abs=1e-3)
    spread = {"disparity_affine": 2 / 0.9 - 2 / 3, "depth_affine": 3 - 0.9}.get(kind, cup["depth_relative"])
    assert cup["depth_relative_sigma"] == pytest.approx(
        spread * (0.002 if kind != "scale_invariant" else (0.002**2 + 0.005**2) ** 0.5), rel=0.02
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝"])
def test_no_cell_is_a_formula_of_a_spreadsheet(tmp_path: Path, start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    scene = exported.stored(item=text)
    region = Region(text, (1, 1, 30, 30))
    claim = Claim("count", text, value=1, unit="count")
    verdict = Verdict(claim, Status.UNDECIDED, text, needs=text)
    result = replace(exported.result(scene, text), regions=(region,), verdicts=(verdict,))
    exported.run_folder(tmp_path, (scene, result))
    csv_tables.write(tmp_path / "tables", tmp_path, FormatSettings())
    for name in ("verdicts", "regions"):
        with (tmp_path / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert f"'{text}" in cells
        assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n＝"))]


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    scene = exported.stored()
    verdict = replace(exported.verdicts()[0], margin=-0.25)
    tables = read(
        exported.run_folder(tmp_path, (scene, replace(exported.result(scene), verdicts=(verdict,)))),
    )
    assert tables["verdicts"][0]["margin"] == -0.25
    assert ",-0.25," in (tmp_path / "tables" / "verdicts.csv").read_text()


def test_every_question_has_its_rows_and_one_item_alone_is_written_where_wanted(tmp_path: Path) -> None:
    scene, other = exported.stored(poses=(None, None)), exported.stored(item="other")
    parts = [(scene, exported.result(scene, question)) for question in ("Where?", None)]
    exported.run_folder(tmp_path, *parts, (other, exported.result(other)))
    tables = read(tmp_path)
    assert [row["question"] for row in tables["regions"]] == ["Where?"] * 2 + [None] * 2 + ["Where is the cup?"] * 2
    assert {row["item"] for row in read(tmp_path, "other")["verdicts"]} == {"other"}


def test_without_a_scene_the_depth_is_empty(tmp_path: Path) -> None:
    scene = exported.stored()
    exported.run_folder(tmp_path, (scene, exported.result(scene)))
    (tmp_path / "scenes" / "scene-0.zip").unlink()
    assert [row["depth_m"] for row in read(tmp_path)["regions"]] == [None, None]


def test_a_run_without_results_gives_nothing_and_one_without_their_file_an_error(tmp_path: Path) -> None:
    folder = exported.run_folder(tmp_path / "a")
    assert csv_tables.write(folder / "tables", folder, FormatSettings()) is None
    assert parquet_tables.write(folder / "tables", folder, FormatSettings()) is None
    with pytest.raises(ExportError, match=r"results\.jsonl"):
        csv_tables.write(tmp_path / "b" / "tables", tmp_path / "b", FormatSettings())


def test_columns_are_explained_in_parquet_and_units_are_in_names(tmp_path: Path) -> None:
    scene = exported.stored()
    read(exported.run_folder(tmp_path, (scene, exported.result(scene))))
    for name, columns in TABLES.items():
        schema = parquet.read_schema(tmp_path / "tables" / f"{name}.parquet")
        assert [schema.field(column.name).metadata[b"description"].decode() for column in columns] == [
            column.about for column in columns
        ]


def test_a_result_has_one_row_with_its_counts_and_times(tmp_path: Path) -> None:
    scene = exported.stored()
    result = replace(
        exported.result(scene),
        seconds={"ingest": 0.5, "verify": 0.25},
        versions={"theodolite": "1.2", "configuration": "abc"},
        errors=("first", "second"),
        correct_answer="left",
        is_correct=False,
    )
    (row,) = read(exported.run_folder(tmp_path, (scene, result)))["results"]
    assert (row["item"], row["question"]) == ("item", "Where is the cup?")
    assert (row["claims"], row["supported"], row["refuted"], row["undecided"]) == (2, 1, 0, 1)
    assert (row["correct_claims"], row["wrong_claims"], row["regions"], row["frames"]) == (1, 0, 2, 1)
    assert (row["seconds"], row["ingest_s"], row["verify_s"], row["query_s"]) == (0.75, 0.5, 0.25, None)
    assert (row["correct_answer"], row["is_correct"], row["errors"]) == ("left", False, "first | second")
    assert (row["configuration"], row["version"], row["model"]) == ("abc", "1.2", "test-model")
    assert {f"{stage}_s" for stage in STAGES} < row.keys()


def test_a_result_without_times_has_no_seconds(tmp_path: Path) -> None:
    scene = exported.stored()
    (row,) = read(exported.run_folder(tmp_path, (scene, replace(exported.result(scene), seconds={}))))["results"]
    assert (row["seconds"], row["verify_s"]) == (None, None)


def test_a_line_that_is_still_being_written_is_left_out_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = exported.stored()
    exported.run_folder(tmp_path, (scene, exported.result(scene)))
    whole = (tmp_path / "results.jsonl").read_bytes()
    (tmp_path / "results.jsonl").write_bytes(whole + whole[:100])
    assert [result.item_id for result in read_results(tmp_path / "results.jsonl")] == ["item"] and not caplog.records
    (tmp_path / "results.jsonl").write_bytes(whole.rstrip())
    assert [result.item_id for result in read_results(tmp_path / "results.jsonl")] == ["item"]
    (tmp_path / "results.jsonl").write_bytes(b"{}\n" + whole)
    assert [result.item_id for result in read_results(tmp_path / "results.jsonl")] == ["item"]
    assert "Line 1" in caplog.text

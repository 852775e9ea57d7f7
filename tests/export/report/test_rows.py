from __future__ import annotations

import math
from pathlib import Path

import pytest
from export.report.report_data import bare, result, stored

from pipeline.export.report.item_page import write_item_page
from pipeline.export.report.rows import Columns, failure_row, page_name, row_of
from pipeline.export.text import file_name
from pipeline.records import Claim, Status, Verdict


def test_a_row_counts_verdicts_and_takes_the_least_of_their_numbers(tmp_path: Path) -> None:
    row = row_of(result(), tmp_path)
    assert row.counts == (2, 1, 1) and row.judged == (1, 1) and row.is_correct is True
    assert row.probability == 0.02 and (row.margin, row.unit) == (-0.3, "m")
    assert row.relations == ("left_of", "occludes", "distance_between", "on")
    assert row.seconds == 0.75 and row.answer == "The cup is left of the lamp, and the screen hides the cabinet."
    assert row.shown_counts == {"supported": 2, "refuted": 1, "undecided": 1} and row.margin_words == ("−0.3", "m")
    assert row.thumbnail == "" and row.name == ""


def test_a_row_without_verdicts_has_no_numbers(tmp_path: Path) -> None:
    row = row_of(bare(question=None), tmp_path)
    assert (row.probability, row.margin, row.unit, row.share) == (None, None, "", "")
    assert row.title == "item"


@pytest.mark.parametrize(
    "path, name",
    [
        ("report/items/a b.html", "a b"),
        ("report/items/../../secret.html", ""),
        ("report/items/..html", ""),
        ("report/items/...html", ""),
        ("/etc/report/items/a.html", ""),
        ("report/items/a\0.html", ""),
        ("", ""),
    ],
)
def test_only_pages_of_the_report_are_linked(path: str, name: str) -> None:
    assert page_name(bare(artefacts={"page": path})) == name


def test_thumbnails_are_those_that_exist(tmp_path: Path) -> None:
    artefacts = {"page": "report/items/a.html", "scene": "scenes/shared.zip"}
    assert row_of(bare(artefacts=artefacts), tmp_path).thumbnail == ""
    (tmp_path / "report" / "thumbnails").mkdir(parents=True)
    (tmp_path / "report" / "thumbnails" / "shared.jpg").touch()
    assert row_of(bare(artefacts=artefacts), tmp_path).thumbnail == "shared"
    assert row_of(bare(artefacts={**artefacts, "scene": "scenes/x\0.zip"}), tmp_path).thumbnail == ""


def test_pages_that_were_written_after_the_run_are_found(tmp_path: Path) -> None:
    made = bare(artefacts={"scene": "scenes/shared.zip"})
    write_item_page(tmp_path, stored(), made, file_name(made.item_id, made.question), 100)
    row = row_of(made, tmp_path)
    assert row.name == file_name(made.item_id, made.question) and row.thumbnail == "shared"


def test_values_stand_at_the_places_that_the_script_reads(tmp_path: Path) -> None:
    columns = Columns()
    columns.values(failure_row("torn", "ingest", "It is damaged."))
    values = columns.values(row_of(result(), tmp_path))
    script = (Path(__file__).parents[3] / "pipeline/export/report/static/index.js").read_text(encoding="utf-8")
    names = script.split("var NAME = 0")[1].split(";")[0]
    places = {part.split("=")[0].strip(): int(part.split("=")[1]) for part in f"NAME = 0{names}".split(",")}
    assert len(places) == len(values)
    assert values[places["ITEM"]] == "item" and values[places["COUNTS"]] == (2, 1, 1)
    assert [columns.relations[index] for index in values[places["RELATIONS"]]] == list(
        row_of(result(), tmp_path).relations
    )
    assert columns.units[values[places["UNIT"]]] == "m" and values[places["MARGIN"]] == -0.3
    assert values[places["JUDGED"]] == (1, 1) and values[places["SECONDS"]] == 0.75 and values[places["CORRECT"]] == 1
    assert values[places["STAGE"]] == "" and values[places["LANGUAGE"]] == "en"


def test_failures_are_rows_too() -> None:
    row = failure_row("torn.png", "ingest", "It is damaged. " * 100)
    assert row.title == "torn.png" and row.stage == "ingest" and len(row.reason) <= 400
    assert failure_row("a", "", "b").stage == "run", "a stage is what tells a failure from a result"


def test_the_margin_nearest_to_zero_counts_whatever_its_sign(tmp_path: Path) -> None:
    claim = Claim("left_of", "cup", "lamp")
    verdicts = tuple(Verdict(claim, Status.SUPPORTED, "Seen.", 0.9, margin, "px") for margin in (40, -3, 7))
    row = row_of(bare(verdicts=verdicts), tmp_path)
    assert row.margin == -3 and row.probability == 0.9 and not math.isnan(row.margin)

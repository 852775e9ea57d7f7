from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from export.report.report_data import bare, result, stored

from pipeline.claims.conflicts import conflicts
from pipeline.export.report.item_page import write_item_page
from pipeline.export.report.rows import Columns, failure_row, least_certainty, page_name, row_of, searched_words
from pipeline.export.text import file_name
from pipeline.records import Claim, Region, Status, Verdict


def test_a_row_counts_verdicts_and_takes_the_least_of_their_numbers(tmp_path: Path) -> None:
    row = row_of(result(), tmp_path)
    assert row.counts == (2, 1, 1) and row.judged == (1, 1) and row.is_correct is True
    assert row.certainty == 0.97, "the refuted claim is less likely than that"
    assert row.relations == ("left_of", "occludes", "distance_between", "on")
    assert row.seconds == 0.75 and row.answer == "The cup is left of the lamp, and the screen hides the cabinet."
    assert row.shown_counts == {"supported": 2, "refuted": 1, "undecided": 1}
    assert row.thumbnail == "" and row.name == ""


def test_a_row_without_verdicts_has_no_numbers(tmp_path: Path) -> None:
    row = row_of(bare(question=None), tmp_path)
    assert (row.certainty, row.share, row.claims, row.searched) == (None, "", (), "")
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
    (tmp_path / "report" / "items").mkdir(parents=True)
    (tmp_path / "report" / "items" / "a.html").touch()
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
    assert values[places["CERTAINTY"]] == 0.97 and values[places["CLAIMS"]] == () and values[places["CONFLICT"]] == 0
    assert "cabinet" in values[places["SEARCHED"]]
    assert values[places["JUDGED"]] == (1, 1) and values[places["SECONDS"]] == 0.75 and values[places["CORRECT"]] == 1
    assert values[places["STAGE"]] == "" and values[places["LANGUAGE"]] == "en"


def test_failures_are_rows_too() -> None:
    row = failure_row("torn.png", "ingest", "It is damaged. " * 100)
    assert row.title == "torn.png" and row.stage == "ingest" and len(row.reason) <= 400
    assert failure_row("a", "", "b").stage == "run", "a stage is what tells a failure from a result"


@pytest.mark.parametrize(
    "shares, certainty",
    [((0.9, 0.3, 0.99), 0.7), ((0.0001,), 0.9999), ((), None)],
)
def test_the_least_certain_of_the_decided_verdicts_counts(shares: tuple[float, ...], certainty: float | None) -> None:
    claim = Claim("left_of", "cup", "lamp")
    verdicts = [Verdict(claim, Status.SUPPORTED if share > 0.5 else Status.REFUTED, "Seen.", share) for share in shares]
    verdicts.append(Verdict(claim, Status.UNDECIDED, "Unseen.", 0.5, needs="more"))
    assert least_certainty(verdicts) == certainty


def test_claims_and_objects_can_be_searched_and_stand_for_the_question(tmp_path: Path) -> None:
    claims = [Claim("between", f"wedge {number}", "cup", "lamp") for number in range(5)]
    verdicts = tuple(Verdict(claim, Status.SUPPORTED, "Seen.", 0.9) for claim in claims)
    given = bare(question=None, answer=None, verdicts=verdicts, regions=(Region("hanes socks", (0, 0, 9, 9)),))
    row = row_of(given, tmp_path)
    assert {"wedge", "between", "hanes", "socks", "4"} <= set(row.searched.split())
    assert row.claims[0] == "wedge 0 is between cup and lamp" and len(row.claims) == 3 and row.more_claims == 2
    assert row_of(replace(given, question="Where?"), tmp_path).claims == ()


def test_what_is_searched_is_bounded() -> None:
    regions = tuple(Region(f"thing{number} " * 50, (0, 0, 9, 9)) for number in range(2000))
    assert len(searched_words(bare(regions=regions))) <= 1000


def test_contradictions_between_words_and_json_are_marked(tmp_path: Path) -> None:
    made = result()
    assert made.answer is not None
    (note,) = conflicts([replace(made.answer.claims[1], negated=True)], made.answer.claims)
    assert row_of(replace(made, errors=(note.text(),)), tmp_path).has_conflict
    assert not row_of(made, tmp_path).has_conflict

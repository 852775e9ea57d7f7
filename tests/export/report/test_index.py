from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from export.report.report_data import HOSTILE, bare, result, write_report, write_results
from html_page import Page

from pipeline.export.report.index import INDEX_NAME, ROWS_PER_SCRIPT, write_index
from pipeline.records import Claim, Status, Verdict
from pipeline.records.errors import ExportError
from pipeline.records.message import catalog


def page(folder: Path) -> Page:
    return Page((folder / INDEX_NAME).read_text(encoding="utf-8"))


def rows(folder: Path) -> list[list[Any]]:
    """All rows of the scripts, as a browser reads them."""
    found: list[list[Any]] = []
    for number, path in enumerate(sorted((folder / "report" / "data").glob("index-*.js"))):
        text = path.read_text(encoding="ascii").strip()
        assert text.startswith("theodoliteRows(") and text.endswith(");")
        values = json.loads(f"[{text[len('theodoliteRows(') : -2]}]")
        assert values[0] == number
        found += values[1]
    return found


def test_counts_of_verdicts_answers_and_failures_are_shown(tmp_path: Path) -> None:
    wrong = result("other", is_correct=False)
    write_report(tmp_path, result(), wrong, failures=(("torn", "ingest", "Damaged."), ("b", "query", "No answer.")))
    text = page(tmp_path).text
    for words in (
        "2 results, 2 failures. Answers by some-vlm. Depth: given with the input. Theodolite 0.1.0.",
        "supported 4 refuted 2 undecided 2",
        "answers correct 1 of 2",
        "decided verdicts correct 2 of 4",
        "failed in ingest 1",
        "seconds, query 1.00",
        "Failed in ingest: Damaged.",
        "answer wrong wrong verdicts: 1 other",
    ):
        assert words in text, words


def test_without_ground_truth_nothing_is_called_correct_or_wrong(tmp_path: Path) -> None:
    claim = Claim("left_of", "cup", "lamp")
    write_report(tmp_path, bare(verdicts=(Verdict(claim, Status.SUPPORTED, "Seen.", 0.9),)))
    text = page(tmp_path).text
    assert "correct" not in text and "wrong" not in text and "Ground truth" not in text


def test_shipped_models_are_said_to_be_small(tmp_path: Path) -> None:
    made = bare()
    assert made.answer is not None
    write_report(tmp_path, replace(made, answer=replace(made.answer, model="theodolite-vl-nano")))
    assert "theodolite-vl-nano is a small model that ships with Theodolite" in page(tmp_path).text
    frame = replace(made.frames[0], depth_backend="nano")
    write_report(tmp_path, replace(made, answer=replace(made.answer, model="theodolite-vl-nano"), frames=(frame,)))
    assert "theodolite-vl-nano and theodolite-depth-nano are small models" in page(tmp_path).text


def test_the_index_speaks_the_language_of_most_results(tmp_path: Path) -> None:
    chinese = [result(str(number), question="杯子在台灯的左边吗？", language="zh") for number in range(2)]
    write_report(tmp_path, *chinese, result())
    source = (tmp_path / INDEX_NAME).read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in source
    shown = page(tmp_path).text
    for words in ("回答与判定", "3 条结果", "最不确定的判定", "左侧", "回答正确", "真值"):
        assert words in shown, words
    own = {words for code, words in catalog("en").items() if code.startswith("index_") and "{" not in words}
    assert not [words for words in own if len(words) > 6 and words in source]
    write_report(tmp_path, chinese[0], result(), result("other"))
    assert '<html lang="en">' in (tmp_path / INDEX_NAME).read_text(encoding="utf-8")


def test_every_result_and_failure_has_a_row_in_order(tmp_path: Path) -> None:
    many = [bare(f"item {number}") for number in range(ROWS_PER_SCRIPT + 3)]
    write_results(tmp_path, *many, failures=(("torn", "ingest", "Damaged."),))
    write_index(tmp_path)
    found = rows(tmp_path)
    assert [row[1] for row in found] == [*(one.item_id for one in many), "torn"]
    assert page(tmp_path).tags.count("tr") == 1 + 50, "the page holds the first rows, for browsers without scripts"
    assert len(list((tmp_path / "report" / "data").glob("index-*.js"))) == 2


def test_pages_are_linked_in_their_order(tmp_path: Path) -> None:
    write_report(tmp_path, result(), result("other"))
    order = (tmp_path / "report" / "data" / "order.js").read_text(encoding="utf-8")
    assert order == 'theodoliteOrder(["page-0","page-1"]);\n'
    assert {"items/page-0.html", "items/page-1.html"} <= set(page(tmp_path).links)


def test_names_that_are_no_part_of_an_address_are_quoted(tmp_path: Path) -> None:
    made = bare(artefacts={"page": 'report/items/a b#"?%.html'})
    write_results(tmp_path, made)
    write_index(tmp_path)
    assert not [link for link in page(tmp_path).links if link.startswith("items/")], "no row leads to a missing page"
    (tmp_path / "report" / "items").mkdir()
    (tmp_path / made.artefacts["page"]).touch()
    write_index(tmp_path)
    assert "items/a%20b%23%22%3F%25.html" in page(tmp_path).links


def test_nothing_that_a_model_or_a_user_writes_becomes_markup(tmp_path: Path) -> None:
    made = bare(HOSTILE, question=HOSTILE, correct_answer=HOSTILE, is_correct=False)
    assert made.answer is not None
    made = replace(made, answer=replace(made.answer, text=HOSTILE, model=HOSTILE))
    write_report(tmp_path, made, failures=((HOSTILE, HOSTILE, HOSTILE),))
    source = (tmp_path / INDEX_NAME).read_text(encoding="utf-8")
    assert Page(source).tags.count("script") == 2, "its own two"
    assert source.count("alert('") == 0 and "49" not in source
    assert rows(tmp_path)[0][1] == " ".join(HOSTILE.split())


def test_damaged_lines_are_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_results(tmp_path, bare())
    for name in ("results.jsonl", "failures.jsonl"):
        with (tmp_path / name).open("a") as file:
            file.write('half a l\n[1]\n{"item_id": "a"}\n')
    write_index(tmp_path)
    assert len(rows(tmp_path)) == 1
    assert caplog.text.count("is skipped") == 6 and "Line 2" in caplog.text


def test_without_results_there_is_no_report(tmp_path: Path) -> None:
    write_report(tmp_path, result())
    write_results(tmp_path)
    assert write_index(tmp_path) is None
    assert not (tmp_path / INDEX_NAME).exists()


def test_missing_results_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"results\.jsonl"):
        write_index(tmp_path)


def test_rows_of_older_results_are_removed_and_files_that_may_be_others_stay(tmp_path: Path) -> None:
    write_results(tmp_path, *(bare(str(number)) for number in range(ROWS_PER_SCRIPT + 1)))
    write_index(tmp_path)
    old = tmp_path / "report"
    others = {"items/mine.html", "images/mine-0.jpg", "thumbnails/mine.jpg", "data/mine.txt"}
    for name in others:
        (old / name).parent.mkdir(exist_ok=True)
        (old / name).touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.docx").touch()
    (old / "more").symlink_to(elsewhere, target_is_directory=True)
    write_report(tmp_path, result())
    names = {path.relative_to(old).as_posix() for path in old.rglob("*") if path.is_file()}
    assert "data/index-000.js" in names and "data/index-001.js" not in names
    assert others <= names and (elsewhere / "thesis.docx").exists()
    assert {
        "items/page-0.html", "items/page-0.js", "images/shared-0123-0.jpg", "images/shared-0123-0-depth.jpg",
        "thumbnails/shared-0123.jpg",
    } <= names  # fmt: skip


def test_ten_thousand_rows_leave_the_page_small(tmp_path: Path) -> None:
    long = "Is the very long name of a thing in front of the other thing with a long name? " * 5
    write_results(tmp_path, *(bare(f"item {number}", question=long) for number in range(2000)))
    write_index(tmp_path)
    assert os.path.getsize(tmp_path / INDEX_NAME) < 300_000
    assert max(path.stat().st_size for path in (tmp_path / "report" / "data").iterdir()) < 500_000


def test_the_page_closes_its_elements_and_loads_only_its_own_files(tmp_path: Path) -> None:
    write_report(tmp_path, result())
    source = (tmp_path / INDEX_NAME).read_text(encoding="utf-8")
    assert Page(source).open == []
    assert not re.search(r'\son\w+="', source), "no handlers within elements"
    assert not [link for link in page(tmp_path).links if "//" in link or link.startswith("/")]

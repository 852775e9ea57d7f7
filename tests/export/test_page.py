from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import Page

from pipeline.export.jsonl import ResultWriter
from pipeline.export.overlay import write_image

from pipeline.records import Answer, Claim, Origin, Region, Result, Status, Verdict
from pipeline.records.errors import ExportError

HOSTILE = "<script>alert('{{ 7 * 7 }}')</script> & \"quoted\""


def verdict(status: str, truth: bool | None, reason: str = "Seen.") -> Verdict:
    claim = Claim("left_of", "cup", "lamp", truth=truth)
    needs = "metric depth" if status == "undecided" else None
    return Verdict(claim, Status(status), reason, probability=0.97, needs=needs)


def result(name: str = "item", **others: Any) -> Result:
    answer = Answer("The cup is left of the lamp.\n```json\n{}\n```", model="m", grounding="[...]")
    return replace(Result(name, "Is the cup left of the lamp?", (), answer), **others)


def read(folder: Path) -> Page:
    return Page((folder / PAGE_NAME).read_text(encoding="utf-8"))


def page_of(folder: Path, *results: Result) -> Page:
    with ResultWriter(folder) as writer:
        for one in results:
            writer.append(one)
    assert write_page(folder / PAGE_NAME) is not None
    return read(folder)


def test_answers_verdicts_reasons_and_ground_truth_are_shown(tmp_path: Path) -> None:
    correct = result(
        correct_answer="yes",
        is_correct=True,
        verdicts=(verdict("supported", True, "Its centre lies to the left."), verdict("refuted", True)),
    )
    wrong = result("other", correct_answer="no", is_correct=False, verdicts=(verdict("undecided", True),))
    text = page_of(tmp_path, correct, wrong).text
    for words in (
        "2 results, 1 of 2 answers correct; 3 claims: 1 supported, 1 refuted, 1 undecided;",
        "1 of 2 decided claims judged correctly",
        "Is the cup left of the lamp? The cup is left of the lamp. correct",
        "The cup is left of the lamp. wrong The correct answer is no.",
        "supported correct cup is left of lamp 97.0% Its centre lies to the left.",
        "refuted wrong",
        "needs: metric depth",
    ):
        assert words in text, text


def test_without_ground_truth_nothing_is_called_correct_or_wrong(tmp_path: Path) -> None:
    text = page_of(tmp_path, result(verdicts=(verdict("supported", None),)), result("b")).text
    assert "correct" not in text and "wrong" not in text
    assert "The answer makes no claim that can be checked." in text and "item: what the model wrote" in text


def test_where_no_model_wrote_anything_nothing_says_so(tmp_path: Path) -> None:
    assert "wrote" not in page_of(tmp_path, result(answer=None, verdicts=(verdict("supported", None),))).text


def test_images_are_on_the_page_itself_and_nothing_else_is_loaded(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.jpg", np.zeros((9, 9, 3), np.uint8))
    page = page_of(tmp_path, result(artefacts={"image": "images/a.jpg"}), result("b", artefacts={"image": "gone.jpg"}))
    (link,) = page.links
    assert link.startswith("data:image/jpeg;base64,")
    assert not {"script", "link", "iframe", "object"} & set(page.tags)


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hosts", "a\0b", "folder"])
def test_only_images_of_the_run_get_on_the_page(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "run" / "folder").mkdir(parents=True)
    assert not page_of(tmp_path / "run", result(artefacts={"image": name})).links


def test_nothing_that_a_model_or_a_user_writes_becomes_markup(tmp_path: Path) -> None:
    said = Answer(HOSTILE, model=HOSTILE, grounding=HOSTILE)
    hostile = Result(
        HOSTILE,
        HOSTILE,
        (),
        said,
        (replace(verdict("supported", True, HOSTILE), claim=Claim("above", HOSTILE, HOSTILE, truth=True)),),
        (Region(HOSTILE, (0, 0, 9, 9), origin=Origin.OCR),),
        errors=(HOSTILE,),
        correct_answer=HOSTILE,
        is_correct=False,
    )
    page = page_of(tmp_path, hostile)
    assert "script" not in page.tags
    assert page.text.count("alert('{{ 7 * 7 }}')") >= 9 and "49" not in page.text


def test_the_first_of_many_results_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    page = page_of(tmp_path, *(result(f"item {number}", is_correct=True) for number in range(MOST_RESULTS + 2)))
    assert page.tags.count("article") == MOST_RESULTS
    assert "202 of 202 answers correct" in page.text and "and 2 further results in results.jsonl" in page.text


def test_a_damaged_line_is_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    page_of(tmp_path, result())
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write("half a l\n")
    assert write_page(tmp_path / PAGE_NAME) is not None
    assert read(tmp_path).tags.count("article") == 1
    assert "Line 2" in caplog.text


def test_without_results_there_is_no_page(tmp_path: Path) -> None:
    page_of(tmp_path, result())
    with ResultWriter(tmp_path):
        pass
    assert write_page(tmp_path / PAGE_NAME) is None
    assert not (tmp_path / PAGE_NAME).exists()


def test_missing_results_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"results\.jsonl"):
        write_page(tmp_path / PAGE_NAME)

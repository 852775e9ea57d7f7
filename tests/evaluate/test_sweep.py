from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import exported
import pytest

from pipeline.evaluate.sweep import Combination, claim_figures, differing, run_figures, sweep_rows, write_comparison
from pipeline.records import Claim, Result, Status, Verdict, to_json


def verdict(status: Status, truth: bool | None) -> Verdict:
    needs = {"needs": "a closer look"} if status is Status.UNDECIDED else {}
    return Verdict(Claim("left_of", "a", "b", truth=truth), status, "Because.", 0.5, **needs)


def run(folder: Path, results: Sequence[Result], failures: int = 0) -> Path:
    folder.mkdir(parents=True)
    (folder / "results.jsonl").write_text("".join(f"{to_json(result)}\n" for result in results))
    lines = [json.dumps({"item_id": f"f{number}", "stage": "ingest", "reason": "torn"}) for number in range(failures)]
    (folder / "failures.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


def results(correct: Sequence[bool], questions: int = 1) -> list[Result]:
    """One item per outcome, each with as many questions; every answer and its one decided verdict share the outcome."""
    base = exported.result(exported.stored())
    return [
        replace(
            base,
            item_id=f"item-{number}",
            question=f"question {question}",
            is_correct=is_correct,
            verdicts=(verdict(Status.SUPPORTED, is_correct), verdict(Status.UNDECIDED, True)),
            seconds={"query": 1.0, "verify": 0.5},
        )
        for number, is_correct in enumerate(correct)
        for question in range(questions)
    ]


def test_a_run_is_counted_and_its_time_is_that_of_an_item(tmp_path: Path) -> None:
    more = replace(results([True])[0], item_id="x", is_correct=None, verdicts=(verdict(Status.REFUTED, None),))
    figures = run_figures(run(tmp_path / "run", [*results([True, False, True], questions=2), more], failures=2))
    assert (figures["results"], figures["failures"], figures["answers"]) == (7, 2, 6)
    assert (figures["claims"], figures["decided"], figures["decided_known"]) == (13, 7, 6)
    assert figures["answers_correct"]["value"] == figures["claims_correct"]["value"] == pytest.approx(2 / 3)
    assert figures["item_s"] == pytest.approx(7 * 1.5 / 4)


def test_intervals_draw_items_and_not_their_questions(tmp_path: Path) -> None:
    outcomes = [True] * 12 + [False] * 8
    one, five = (run_figures(run(tmp_path / str(questions), results(outcomes, questions))) for questions in (1, 5))
    for key in ("answers_correct", "claims_correct"):
        assert five[key] == pytest.approx(one[key]), "questions that share an item's fate add no certainty"
        assert one[key]["low"] < 0.6 < one[key]["high"]
        assert one[key]["high"] - one[key]["low"] == pytest.approx(2 * 2.09 * (0.6 * 0.4 / 19) ** 0.5, rel=0.15)


def test_where_all_are_correct_the_interval_is_the_bound_of_the_items(tmp_path: Path) -> None:
    figures = run_figures(run(tmp_path / "run", results([True] * 10, questions=3)))
    assert figures["claims_correct"] == {"value": 1.0, "low": pytest.approx(0.05**0.1), "high": 1.0}


def test_a_run_without_ground_truth_or_results_has_no_shares(tmp_path: Path) -> None:
    figures = run_figures(run(tmp_path / "run", [], failures=1))
    assert figures["answers_correct"] == figures["claims_correct"] == dict.fromkeys(("value", "low", "high"))
    assert (figures["results"], figures["failures"], figures["item_s"]) == (0, 1, None)


def test_a_combination_that_could_not_run_keeps_its_row_and_old_results_do_not_count(tmp_path: Path) -> None:
    folder = run(tmp_path / "0", results([True]))
    rows = sweep_rows(
        [
            Combination(("depth=a", "x=1"), folder, "There is no depth a."),
            Combination(("depth=b", "x=1"), tmp_path / "nothing"),
            Combination(("depth=c", "x=1", "+y=2"), run(tmp_path / "2", results([False]))),
        ],
        claim_figures,
    )
    assert [row.settings for row in rows] == [
        {"depth": "a", "y": None},
        {"depth": "b", "y": None},
        {"depth": "c", "y": "2"},
    ]
    assert rows[0].error == "There is no depth a." and rows[0].figures == {}
    assert rows[1].error == "its results cannot be read (FileNotFoundError)"


def test_a_run_whose_results_are_lost_keeps_its_row(tmp_path: Path) -> None:
    run(tmp_path / "0", results([True]))
    (tmp_path / "1").mkdir()
    rows = sweep_rows([Combination((f"a={number}",), tmp_path / f"{number}") for number in range(2)], run_figures)
    assert rows[0].error is None and rows[1].error == "its results cannot be read (ExportError)"


def test_overrides_that_hold_an_equals_sign_stay_whole() -> None:
    assert differing([["question=is a=b?"], ["question=c"]]) == [{"question": "is a=b?"}, {"question": "c"}]
    assert differing([["a=1"], ["a=1"]]) == [{}, {}]


def test_the_file_has_one_line_per_combination_and_columns_for_intervals(tmp_path: Path) -> None:
    folders = [run(tmp_path / str(number), results([True, False] * 4)) for number in range(2)]
    combinations = [
        Combination(("risk=0.1", "note==cmd"), folders[0]),
        Combination(("risk=0.2", "note=x"), folders[1]),
        Combination(("risk=9",), tmp_path / "2", "=too large"),
    ]
    write_comparison(tmp_path, sweep_rows(combinations, run_figures))
    with (tmp_path / "comparison.csv").open(encoding="utf-8", newline="") as file:
        first, second, third = csv.DictReader(file)
    assert (first["run"], first["risk"], first["note"], second["note"]) == ("0", "0.1", "'=cmd", "x")
    assert float(first["claims_correct_low"]) < float(first["claims_correct"]) == 0.5
    assert (third["results"], third["claims_correct_low"], third["error"]) == ("", "", "'=too large")

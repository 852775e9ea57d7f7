from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.export.run_folder import file_in, newest_run, results_of, results_of_item, run_folder
from pipeline.records import Result, to_json
from pipeline.records.errors import InputError


def result(item_id: str, question: str | None = None) -> Result:
    return Result(item_id, question, (), None)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of three results, and a damaged line."""
    folder = tmp_path / "run"
    folder.mkdir()
    lines = [to_json(result("kitchen-1", "One?")), "{", to_json(result("kitchen-1", "Two?")), to_json(result("desk"))]
    (folder / "results.jsonl").write_text("\n".join(lines))
    return folder


def test_a_run_is_named_by_its_folder_or_its_results(run: Path) -> None:
    assert run_folder(run) == run_folder(str(run / "results.jsonl")) == run
    assert [(each.item_id, each.question) for each in results_of(run)] == [
        ("kitchen-1", "One?"),
        ("kitchen-1", "Two?"),
        ("desk", None),
    ]


@pytest.mark.parametrize("name, words", [("none", "no folder"), (".", "no results.jsonl"), ("a\0b", "run")])
def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_folder(tmp_path / name)


def test_a_run_without_a_whole_result_is_refused(run: Path) -> None:
    (run / "results.jsonl").write_text("{\n")
    with pytest.raises(InputError, match="holds no result"):
        results_of(run)


def test_the_newest_run_is_the_one_written_last(tmp_path: Path) -> None:
    for age_s, name in enumerate(("2026-01-01/b", "2026-01-01/a", "2025-01-01/c")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "results.jsonl").write_text("")
        os.utime(tmp_path / name / "results.jsonl", (1e9 - age_s, 1e9 - age_s))
    assert newest_run(tmp_path) == tmp_path / "2026-01-01/b"
    with pytest.raises(InputError, match="No folder below"):
        newest_run(tmp_path / "2026-01-01/b/none")


def test_an_item_is_found_with_all_its_questions_and_an_unknown_one_suggests_similar_ids(run: Path) -> None:
    results = results_of(run)
    assert [each.question for each in results_of_item(results, "kitchen-1")] == ["One?", "Two?"]
    with pytest.raises(InputError, match=r"no item 'kitchen-2'; did you mean kitchen-1\?"):
        results_of_item(results, "kitchen-2")
    with pytest.raises(InputError, match=r"no item 'zzz'; it has kitchen-1, desk\."):
        results_of_item(results, "zzz")
    many = [replace(results[0], item_id=f"room-{number}") for number in range(24)]
    with pytest.raises(InputError, match=r"there are 24 items, such as room-0, room-1, room-2\."):
        results_of_item(many, "zzz")


def test_files_are_found_only_within_the_folder(run: Path) -> None:
    (run / "scenes").mkdir()
    (run / "scenes" / "a.zip").write_text("")
    (run.parent / "secret").write_text("")
    (run / "link").symlink_to(run.parent / "secret")
    (run / "circle").symlink_to(run / "circle")
    assert file_in(run, "scenes/a.zip") == (run / "scenes/a.zip").resolve()
    for name in ("scenes", "none", "../secret", str(run.parent / "secret"), "link", "circle", "a\0", "x" * 5000):
        assert file_in(run, name) is None, name

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
from console.batches import LIGHT, Batch, forbid_asking

from pipeline.export.timed_results import read_results
from pipeline.records.errors import ConfigError

STRICTER = ("verify.verifier.risk=0.2", "verify.verifier.settings.tolerance=0.3")


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(tmp_path, 3, *LIGHT)


def test_results_name_the_configuration_that_made_them(batch: Batch) -> None:
    batch.run("out")
    record = json.loads((batch.folder / "out/run.json").read_text())
    assert {line["versions"]["configuration"] for line in batch.lines("out")} == {record["digest"]}
    assert set(record["stages"]) == {"input", "depth", "ocr", "query", "verify", "export"}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("query.hints=none", "query.hints: 'table' -> 'none'"),
        ("depth=none", r"depth._target_: '[\w.]+GivenDepth' -> '[\w.]+NoDepth'"),
        ("question=Where?", r"question: null -> 'Where\?'"),
        ("input.fov_deg=50", "input.fov_deg: 60.0 -> 50"),
    ],
)
def test_another_configuration_is_refused_with_the_difference_and_nothing_changes(
    batch: Batch, override: str, words: str
) -> None:
    batch.run("out", "limit=1")
    before = {path.name: path.read_bytes() for path in (batch.folder / "out").iterdir() if path.is_file()}
    with pytest.raises(ConfigError, match=words):
        batch.run("out", "resume=true", override)
    assert {path.name: path.read_bytes() for path in (batch.folder / "out").iterdir() if path.is_file()} == before


def test_what_cannot_change_results_may_change(batch: Batch, tmp_path: Path) -> None:
    batch.run("out", "limit=2")
    batch.run("out", "resume=true", f"cache_dir={tmp_path / 'cache'}")
    batch.run("whole")
    assert batch.lines("out") == batch.lines("whole")
    assert not (batch.folder / "out/results.previous.jsonl").exists()


def test_an_input_with_more_items_is_the_same_configuration(batch: Batch) -> None:
    batch.run("out")
    before = (batch.folder / "out/results.jsonl").read_bytes()
    larger = Batch(batch.folder, 5, *LIGHT)
    larger.run("out", "resume=true")
    larger.run("whole")
    assert larger.lines("out") == larger.lines("whole")
    assert (batch.folder / "out/results.jsonl").read_bytes().startswith(before)


def test_a_change_of_the_verifier_judges_the_same_answers_again_without_a_model(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch.run("whole", *STRICTER)
    batch.run("out")
    before = (batch.folder / "out/results.jsonl").read_bytes()
    forbid_asking(monkeypatch)
    with caplog.at_level(logging.WARNING):
        batch.run("out", "resume=true", *STRICTER)
    assert "verify.verifier.risk: 0.05 -> 0.2" in caplog.text
    assert batch.lines("out") == batch.lines("whole")
    assert (batch.folder / "out/results.previous.jsonl").read_bytes() == before
    assert not (batch.folder / "out/results.earlier.jsonl").exists()


def test_judging_again_that_was_cut_short_goes_on_and_may_change_again(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    batch.run("whole", *STRICTER)
    batch.run("out")
    forbid_asking(monkeypatch)
    batch.run("out", "resume=true", "verify.verifier.risk=0.3")
    with caplog.at_level(logging.WARNING):
        batch.run("out", "resume=true", "verify.verifier.risk=0.1", "limit=2")
    assert "earlier results are not done yet" in caplog.text
    files = [batch.folder / "out" / name for name in ("results.jsonl", "results.earlier.jsonl")]
    assert all("verify" in result.seconds for file in files for result in read_results(file)), "times move along"
    batch.run("out", "resume=true", *STRICTER, "limit=1")
    batch.run("out", "resume=true", *STRICTER)
    assert batch.lines("out") == batch.lines("whole")
    assert not (batch.folder / "out/results.earlier.jsonl").exists()


def test_a_kill_between_moving_the_results_and_naming_the_new_configuration_loses_nothing(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.run("whole")
    batch.run("out")
    forbid_asking(monkeypatch)
    os.replace(batch.folder / "out/results.jsonl", batch.folder / "out/results.earlier.jsonl")
    batch.run("out", "resume=true")
    assert batch.lines("out") == batch.lines("whole")


def test_an_old_copy_of_results_is_never_taken_for_answers_to_judge(batch: Batch) -> None:
    batch.run("out", "query.hints=none")
    batch.run("out", "limit=1")
    (batch.folder / "out/results.jsonl").write_text("")
    batch.run("out", "resume=true", *STRICTER)
    batch.run("whole", *STRICTER)
    assert batch.lines("out") == batch.lines("whole")


def test_a_change_of_the_export_draws_from_the_stored_scenes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch(tmp_path, 3, "export.report=false", "export.image_format=png")
    batch.run("whole", "export.ply=true", "export.overlay=false")
    batch.run("out", "export.overlay=false")
    forbid_asking(monkeypatch)
    monkeypatch.setattr("pipeline.stages.verify.VerifyStage.__call__", lambda *_: pytest.fail("a claim was judged"))
    monkeypatch.setattr("pipeline.models.depth.given.GivenDepth.estimate", lambda *_: pytest.fail("depth was read"))
    batch.run("out", "resume=true", "export.ply=true", "export.overlay=false")
    assert batch.lines("out") == batch.lines("whole")
    assert len(list((tmp_path / "out/clouds").iterdir())) == len(batch.lines("whole"))


@pytest.mark.parametrize("before", ["export.scenes=false", "export.image_format=jpg"])
def test_files_are_made_from_the_input_where_the_stored_scenes_do_not_suffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    batch = Batch(tmp_path, 3, "export.report=false", "export.ply=true")
    batch.run("whole", "export.image_format=png")
    batch.run("out", before)
    forbid_asking(monkeypatch)
    batch.run("out", "resume=true", "export.image_format=png")
    assert batch.lines("out") == batch.lines("whole")
    for line in batch.lines("whole"):
        for path in line["artefacts"].values():
            assert (tmp_path / "out" / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()


def test_a_folder_of_an_earlier_version_is_resumed_with_a_warning(
    batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    batch.run("out", "limit=2")
    (batch.folder / "out/run.json").unlink()
    with caplog.at_level(logging.WARNING):
        batch.run("out", "resume=true")
    assert "no run.json" in caplog.text
    assert len(batch.lines("out")) == 4


def test_a_damaged_record_is_refused(batch: Batch) -> None:
    batch.run("out", "limit=1")
    path = batch.folder / "out/run.json"
    for text in (path.read_text()[:-40], path.read_text().replace("0.05", "0.5"), "[]", '{"stages": 3}'):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"run\.json is damaged"):
            batch.run("out", "resume=true")

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from console.batches import LIGHT, Batch

from pipeline.console.merge import merge
from pipeline.export.timed_results import read_results
from pipeline.records.errors import ConfigError, ExportError


def test_shards_join_to_the_run_of_the_whole_input(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 13, "export.overlay=false", "export.report=true")
    batch.run("whole")
    folders = []
    for number in (3, 1, 2):
        batch.run(f"part-{number}", f"shard={number}/3")
        folders.append(tmp_path / f"part-{number}")
    assert merge(folders, tmp_path / "joined") == (18, 1)
    assert batch.lines("joined") == batch.lines("whole"), "in the order of the input"
    (failure,) = batch.lines("joined", "failures.jsonl")
    assert failure["item_id"] == "item-0012"
    artefacts = [path for line in batch.lines("whole") for path in line["artefacts"].values()]
    for path in artefacts:
        assert (tmp_path / "joined" / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()
    assert (tmp_path / "joined" / artefacts[0]).stat().st_nlink == 2, "files are linked where that is possible"
    reports = [
        {path.relative_to(tmp_path / name) for path in (tmp_path / name / "report").rglob("*") if path.is_file()}
        for name in ("joined", "whole")
    ]
    assert reports[0] == reports[1] != set()
    batch.run("joined", "resume=true")
    assert batch.lines("joined") == batch.lines("whole"), "the joined run can be resumed"


def test_without_the_input_results_come_by_id(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    batch = Batch(tmp_path, 4, *LIGHT)
    for number in (1, 2):
        batch.run(f"part-{number}", f"shard={number}/2")
    (tmp_path / "items.jsonl").unlink()
    caplog.clear()
    merge([tmp_path / "part-2", tmp_path / "part-1"], tmp_path / "joined")
    assert "Without the shards" not in caplog.text
    ids = [line["item_id"] for line in batch.lines("joined")]
    assert ids == sorted(ids) and len(ids) == 6
    assert all(result.seconds["verify"] > 0 for result in read_results(tmp_path / "joined/results.jsonl"))


def test_missing_shards_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    batch = Batch(tmp_path, 4, *LIGHT)
    for number in (1, 3):
        batch.run(f"part-{number}", f"shard={number}/9")
    merge([tmp_path / "part-1", tmp_path / "part-3"], tmp_path / "joined")
    assert "Without the shards 2/9, 4/9, 5/9, 6/9, 7/9 and 2 more, the items of these are missing." in caplog.text


def test_files_are_copied_where_they_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Batch(tmp_path, 1, "export.report=false", "export.scenes=false")
    batch.run("a")
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(18, "Invalid cross-device link")))
    merge([tmp_path / "a"], tmp_path / "joined")
    (path,) = [path for line in batch.lines("a") for path in line["artefacts"].values()]
    assert (tmp_path / "joined" / path).read_bytes() == (tmp_path / "a" / path).read_bytes()


def test_equal_results_of_two_runs_are_one_and_different_ones_are_refused(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 2, *LIGHT)
    batch.run("a")
    batch.run("b", "limit=1")
    assert merge([tmp_path / "a", tmp_path / "b"], tmp_path / "same") == (3, 0)
    path = tmp_path / "b/results.jsonl"
    path.write_text(path.read_text().replace('"status":"supported"', '"status":"refuted"'))
    with pytest.raises(ConfigError, match="different results of item 'item-0000'"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "other")
    assert not (tmp_path / "other/results.jsonl").exists()


def test_a_failure_that_another_run_resolved_is_left_out(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 2, *LIGHT)
    photo = (tmp_path / "item-0001.png").read_bytes()
    (tmp_path / "item-0001.png").write_bytes(b"")
    batch.run("a")
    (tmp_path / "item-0001.png").write_bytes(photo)
    batch.run("b", "shard=2/2")
    assert len(batch.lines("a", "failures.jsonl")) == 1
    assert merge([tmp_path / "a", tmp_path / "b"], tmp_path / "joined") == (3, 0)


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 1, *LIGHT)
    batch.run("a")
    batch.run("c")
    (tmp_path / "x").mkdir()
    batch.run("b", "verify.verifier.risk=0.1")
    with pytest.raises(ConfigError, match=r"different configurations: verify\.verifier\.risk: 0\.05 -> 0\.1"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "joined")
    with pytest.raises(ExportError, match="holds results already"):
        merge([tmp_path / "a", tmp_path / "c"], tmp_path / "b")
    with pytest.raises(ConfigError, match="given a folder twice"):
        merge([tmp_path / "a", tmp_path / "x" / ".." / "a"], tmp_path / "joined")


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/hostname", "scenes/../../secret.txt"])
def test_a_file_outside_of_its_run_is_never_taken(tmp_path: Path, path: str) -> None:
    batch = Batch(tmp_path, 1, *LIGHT)
    batch.run("a")
    (tmp_path / "secret.txt").write_text("secret")
    results = tmp_path / "a/results.jsonl"
    line = json.loads(results.read_text())
    line["artefacts"] = {"scene": path}
    results.write_text(json.dumps(line) + "\n")
    with pytest.raises(ExportError, match="lies outside of its folder"):
        merge([tmp_path / "a"], tmp_path / "deep/joined")

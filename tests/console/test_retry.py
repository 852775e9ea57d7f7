from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from console.batches import LIGHT, Batch, quiet

from pipeline.console.retry import known_run, retry, run_argument
from pipeline.records.errors import ConfigError, InputError


def test_only_failed_items_run_again_and_resolved_failures_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch(tmp_path, 13, *LIGHT)
    photos = {name: (tmp_path / name).read_bytes() for name in ("item-0001.png", "item-0004.png")}
    for name, data in photos.items():
        (tmp_path / name).write_bytes(data[:40])
    batch.run("out", "shard=1/1")
    before = batch.lines("out", "failures.jsonl")
    assert [line["item_id"] for line in before] == ["item-0001", "item-0004", "item-0012"]
    (tmp_path / "item-0001.png").write_bytes(photos["item-0001.png"])
    monkeypatch.chdir("/")
    summary = retry(tmp_path / "out", quiet)
    assert summary is not None
    assert (summary.results, len(summary.failures)) == (2, 2)
    assert [line["item_id"] for line in batch.lines("out", "failures.jsonl")] == ["item-0004", "item-0012"]
    assert [line["item_id"] for line in batch.lines("out", "failures.previous.jsonl")][:3] == [
        "item-0001", "item-0004", "item-0012",
    ]  # fmt: skip
    assert '"shard": "1/1"' in (tmp_path / "out/run.json").read_text(), "a retry leaves the run's settings"
    (tmp_path / "item-0004.png").write_bytes(photos["item-0004.png"])
    for end in (".png", "-depth.png"):
        (tmp_path / f"item-0012{end}").write_bytes((tmp_path / f"item-0004{end}").read_bytes())
    assert retry(tmp_path / "out", quiet) is not None
    assert retry(tmp_path / "out", quiet) is None, "nothing is left"
    assert len({(line["item_id"], line["question"]) for line in batch.lines("out")}) == len(batch.lines("out")) == 19


def test_failed_items_that_the_input_no_longer_has_stay_and_are_named(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 13, *LIGHT)
    batch.run("out")
    Batch(tmp_path, 5, *LIGHT)
    summary = retry(tmp_path / "out", quiet)
    assert [line["item_id"] for line in batch.lines("out", "failures.jsonl")] == ["item-0012"]
    assert summary is not None and summary.failures == [("item-0012", "ingest", "The input no longer has it.")]


def test_a_retry_that_is_stopped_calls_no_item_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Batch(tmp_path, 1, *LIGHT)
    (tmp_path / "item-0000.png").write_bytes(b"torn")
    batch.run("out")
    monkeypatch.setattr("pipeline.console.running.finishing_first", lambda tell: nullcontext(lambda: True))
    summary = retry(tmp_path / "out", quiet)
    assert summary is not None and summary.is_stopped
    assert [line["item_id"] for line in batch.lines("out", "failures.jsonl")] == ["item-0000"]
    assert summary.failures == []


def test_the_folder_of_a_sweep_is_refused_with_the_name_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "sweep" / "0").mkdir(parents=True)
    (tmp_path / "sweep" / "0" / "run.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"holds the runs of a sweep; give one of them, such as .*/sweep/0"):
        known_run(tmp_path / "sweep")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        retry(tmp_path / "none", quiet)
    with pytest.raises(ConfigError, match="no run"):
        retry(tmp_path, quiet)


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["-x"]])
def test_the_command_takes_one_run(arguments: list[str]) -> None:
    with pytest.raises(ConfigError, match="retry takes RUN: python -m pipeline retry RUN"):
        run_argument(arguments, "retry")
    assert run_argument(["out", "a"], "reproduce", "ITEM") == ["out", "a"]

from __future__ import annotations

import json
import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest
from benchmarks.batch_kills import kill_and_resume
from console.batches import LIGHT, Batch

from pipeline.config.run_file import run_record
from pipeline.console.running import command_of
from pipeline.records.errors import InputError


def test_a_batch_that_is_killed_at_any_moment_goes_on_as_if_it_were_not(tmp_path: Path) -> None:
    outcome = kill_and_resume(tmp_path, items=16, kills=10)
    assert (outcome.kills, outcome.wrong) == (10, [])


def test_leftovers_of_a_kill_are_removed_and_nothing_else(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 1, *LIGHT)
    batch.run("out")
    (tmp_path / "out/scenes").mkdir()
    for name in (".run.4711.json", "scenes/.item-1.33-140.zip", "scenes/.hidden", ".notes.txt"):
        (tmp_path / "out" / name).write_text("half")
    batch.run("out", "resume=true")
    hidden = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob(".*")}
    assert hidden == {".lock", "scenes/.hidden", ".notes.txt"}


def test_a_shard_and_named_items_are_parts_of_the_whole(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 4, *LIGHT)
    batch.run("whole")
    parts = [batch.run(f"part-{number}", f"shard={number}/3").results for number in (1, 2, 3)]
    assert parts == [3, 2, 1]
    whole = batch.lines("whole")
    assert [line for line in whole if line["item_id"] in ("item-0000", "item-0003")] == batch.lines("part-1")
    batch.run("named", "only=[item-0002]")
    assert batch.lines("named") == [line for line in whole if line["item_id"] == "item-0002"]
    with pytest.raises(InputError, match="no item 'item-9'"):
        batch.run("none", "only=item-9")


def test_a_failure_comes_with_the_command_that_reproduces_it(tmp_path: Path) -> None:
    folder = tmp_path / "it's; a $(folder)"
    folder.mkdir()
    batch = Batch(folder, 13, *LIGHT)
    batch.run("out", "limit=13", "shard=1/2", "resume=true")
    (failure,) = batch.lines("out", "failures.jsonl")
    words = shlex.split(failure["command"])
    assert words[:7] == ["cd", str(Path.cwd()), "&&", "python", "-m", "pipeline", "run"]
    keys = [word.partition("=")[0] for word in words[7:]]
    assert "limit" not in keys and "shard" not in keys and "resume" not in keys
    assert words[-1] == 'only=["item-0012"]'
    assert f"vlm.path={folder}/answers.jsonl" in words


@pytest.mark.parametrize(
    ("overrides", "item_id", "expected"),
    [
        (
            ['question="Is it, or \\"not\\"?"', "input=auto"], "a",
            'run|question=Is it, or "not"?|input=auto|only=["a"]',
        ),
        (["vlm=none", "claims=c.json"], "a", "verify|claims=c.json|only=[\"a\"]"),
        (
            ["experiment=quickstart", "output_dir=x", "only=[b]"], 'say "hi"',
            "run|experiment=quickstart|only=['say \"hi\"']",
        ),
        (["input=auto"], "both ' and \"", None),
        (["input=auto", "+vlm.extra_body.api_key=sk-1"], "a", None),
    ],
)  # fmt: skip
def test_the_command_is_typed_as_a_user_types_it(
    tmp_path: Path, overrides: list[str], item_id: str, expected: str | None
) -> None:
    from pipeline.api import load_config

    command = command_of(run_record(load_config(["depth=none"]), overrides), item_id)
    assert (command and "|".join(shlex.split(command)[6:])) == expected


def test_failures_of_items_that_succeed_later_leave_the_file(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 13, *LIGHT)
    photo = tmp_path / "item-0003.png"
    good = photo.read_bytes()
    photo.write_bytes(good[:40])
    batch.run("out")
    assert [line["item_id"] for line in batch.lines("out", "failures.jsonl")] == ["item-0003", "item-0012"]
    batch.run("out", "resume=true", "limit=2")
    assert len(batch.lines("out", "failures.jsonl")) == 2, "what was not tried again stays"
    photo.write_bytes(good)
    batch.run("out", "resume=true")
    batch.run("out", "resume=true")
    assert [line["item_id"] for line in batch.lines("out", "failures.jsonl")] == ["item-0012"]
    assert "item-0012" in json.dumps(batch.lines("out", "failures.previous.jsonl"))


def test_drawing_anew_can_be_stopped_and_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Batch(tmp_path, 1, "export.report=false", "export.overlay=false")
    done = batch.run("out").results
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.console.running.finishing_first", lambda tell: nullcontext(lambda: True))
        summary = batch.run("out", "resume=true", "export.ply=true")
    assert summary.is_stopped
    assert batch.lines("out") == []
    summary = batch.run("out", "resume=true", "export.ply=true")
    assert not summary.is_stopped
    assert [set(line["artefacts"]) for line in batch.lines("out")] == [{"scene", "ply"}] * done

from __future__ import annotations

import json
from pathlib import Path

import pytest
from console.batches import LIGHT, Batch, quiet

from pipeline.console.reproduce import reproduce
from pipeline.records.errors import InputError


def test_an_item_is_the_same_again_and_a_changed_result_names_the_field(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 3, "export.report=false")
    batch.run("out", "shard=2/2")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    found = reproduce(tmp_path / "out", "item-0001", quiet)
    assert (found.results, found.differences, found.versions) == (2, (), ())
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    path = tmp_path / "out/results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["verdicts"][0]["probability"] = 0.25
    lines[1]["seconds"] = {}
    lines[0]["versions"] |= {"numpy": "0.1", "depth": "some-model@12ab"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = reproduce(tmp_path / "out", "item-0001", quiet)
    (line,) = found.differences
    assert line.startswith("Which is on the left?: verdicts[0].probability: 0.25, 0.9")
    numpy, depth = found.versions
    assert numpy.startswith('versions.numpy: "0.1", ')
    assert depth == 'versions.depth: "some-model@12ab", "(none)"'


def test_an_item_that_cannot_be_made_again_differs_and_says_why(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 1, *LIGHT)
    batch.run("out")
    (tmp_path / "item-0000.png").unlink()
    (line,) = reproduce(tmp_path / "out", "item-0000", quiet).differences
    assert line.startswith("no result again: ") and "does not exist" in line
    with pytest.raises(InputError, match="no result of item 'item-9'"):
        reproduce(tmp_path / "out", "item-9", quiet)

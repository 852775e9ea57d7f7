"""Bad input in a batch fails alone, with one clear sentence, its stage and the command that runs it again."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.bad_input_files import DEPTH, PHOTO, good_line, kinds, write_good
from benchmarks.batch_bad_input import Outcome, bad_batch
from console.batches import LIGHT, quiet

from pipeline.api import load_config
from pipeline.console.running import execute


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    yield bad_batch(tmp_path_factory.mktemp("bad"))


def test_sixty_kinds_of_bad_input_leave_sixty_good_items_as_they_are(outcome: Outcome) -> None:
    assert len(kinds()) == 60
    assert (outcome.code, outcome.results, len(outcome.failures)) == (1, 60, 60)
    assert outcome.unclear == {}


@pytest.mark.parametrize(
    "kind, stage, words",
    [
        ("image: cut PNG", "ingest", "cut.png cannot be read as an image"),
        ("image: too large", "ingest", "more pixels than"),
        ("image: a pipe", "ingest", "is a pipe or a device"),
        ("image: a link to itself", "ingest", "is a link to nothing"),
        ("image: an address", "ingest", "https://example.org/a.png is a URL; download the file"),
        ("image: endless name", "ingest", "File name too long"),
        ("depth: none", "depth", "came without depth: give input.depth=PATH"),
        ("depth: objects", "ingest", "holds object of shape"),
        ("depth: a zip that grows", "ingest", "declares 3600000000 values"),
        ("line: too deep", "ingest", "nested too deep"),
        ("line: an id twice", "ingest", "line 1 already has the id 'good-000'"),
        ("line: no recorded answer", "query", "no recorded answer"),
        ("region: three numbers", "ingest", "Not a valid Region at box_px.3: Field required."),
        ("claim: an unknown relation", "ingest", "unknown relation 'near'"),
        ("video: text", "ingest", "(Invalid data found when processing input); check"),
        ("capture: cut", "ingest", "cannot be read as a recording of Record3D"),
    ],
)
def test_a_failure_says_what_is_wrong(outcome: Outcome, kind: str, stage: str, words: str) -> None:
    failure = outcome.failures[kind]
    assert failure["stage"] == stage and words in failure["reason"]


def test_bad_samples_of_an_archive_fail_alone(tmp_path: Path) -> None:
    write_good(tmp_path)
    photo, depth = (tmp_path / PHOTO).read_bytes(), (tmp_path / DEPTH).read_bytes()
    keys = {key: value for key, value in good_line("x").items() if key in ("regions", "depth_scale")}
    claims = [{"relation": "left_of", "subject": "box", "object": "jar"}]
    good = {"png": photo, "depth.png": depth, "json": json.dumps({**keys, "claims": claims}).encode()}
    samples = {
        "a-good": good,
        "b-cut": {**good, "png": photo[:40]},
        "c-json": {**good, "json": b'{"claims": '},
        "d-image": {key: content for key, content in good.items() if key != "png"},
        "e-depth": {**good, "depth.png": b""},
        "f-key": {**good, "json": b'{"frames": ["/etc/passwd"]}'},
        "g-good": good,
    }
    with tarfile.open(tmp_path / "samples.tar", "w") as archive:
        for name, parts in samples.items():
            for suffix, content in parts.items():
                member = tarfile.TarInfo(f"{name}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    overrides = [f"input={tmp_path / 'samples.tar'}", "depth=file", "vlm=none", "cache_dir=null", *LIGHT]
    summary = execute(load_config(overrides), tmp_path / "out", quiet, overrides)
    assert summary.results == 2
    lines = [json.loads(line) for line in (tmp_path / "out/failures.jsonl").read_text().splitlines()]
    assert [line["item_id"] for line in lines] == ["b-cut", "c-json", "d-image", "e-depth", "f-key"]
    for line in lines:
        assert line["stage"] == "ingest" and line["reason"].endswith(".") and "Unexpected" not in line["reason"]
        assert line["command"].endswith(f'''only=["{line["item_id"]}"]\'''')

"""What a batch does when files, disks, memory or servers fail: nothing is lost, and it goes on afterwards."""

from __future__ import annotations

import json
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from console.batches import LIGHT, Batch, quiet
from models.vlm.recording_server import Reply, answer, recording_server

from pipeline.console.retry import retry


def in_a_copy(task: Callable[[], object]) -> str:
    """What a task raises in a forked process, whose limits and rights end with it; empty if nothing."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            task()
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(process, 0)
    return said


def test_a_full_disk_fails_items_and_leaves_whole_lines_from_which_the_run_goes_on(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 12, *LIGHT)
    batch.run("whole")
    # Room for the file of the run, but not for all results.
    least, most = ((tmp_path / "whole" / name).stat().st_size for name in ("run.json", "results.jsonl"))
    assert least + 500 < most
    size = (least + most) // 2

    def run_on_a_small_disk() -> None:
        # Writing beyond it fails as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        batch.run("out", "resume=true")

    in_a_copy(run_on_a_small_disk)
    done = batch.lines("out")
    assert 0 < len(done) < len(batch.lines("whole")) and done == batch.lines("whole")[: len(done)]
    failures = batch.lines("out", "failures.jsonl")
    assert {failure["stage"] for failure in failures} == {"export"}
    assert all("Cannot write" in one["reason"] and "free some space" in one["reason"] for one in failures)
    batch.run("out", "resume=true")
    assert batch.lines("out") == batch.lines("whole")
    assert batch.lines("out", "failures.jsonl") == []


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="there are no users")
def test_a_folder_that_cannot_be_written_is_named_and_stays_as_it_is() -> None:
    folder = Path(tempfile.mkdtemp(prefix="theodolite-test-"))
    try:
        folder.chmod(0o755)
        batch = Batch(folder, 2, *LIGHT)
        batch.run("out", "limit=1")
        before = (folder / "out/results.jsonl").read_bytes()

        def run_without_rights() -> None:
            if os.geteuid() == 0:
                os.setuid(65534)
            batch.run("out", "resume=true")

        for path in (folder / "out").rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        (folder / "out").chmod(0o555)
        assert "ExportError: Cannot write" in (said := in_a_copy(run_without_rights)) and str(folder / "out") in said
        assert (folder / "out/results.jsonl").read_bytes() == before
    finally:
        (folder / "out").chmod(0o755)
        shutil.rmtree(folder)


def test_input_that_is_deleted_during_the_run_fails_alone_and_succeeds_once_it_is_back(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 4, *LIGHT, "query.batch_size=1")
    batch.run("whole")
    photo, aside = tmp_path / "item-0002.png", tmp_path / "aside.png"

    def deleting(total: int | None, limit: Any) -> Any:
        return nullcontext(), lambda item_id, *_: photo.rename(aside) if item_id == "item-0000" else None

    batch.run("out", progress=deleting)
    (failure,) = batch.lines("out", "failures.jsonl")
    assert (failure["item_id"], failure["stage"]) == ("item-0002", "ingest")
    assert "item-0002.png does not exist" in failure["reason"]
    aside.rename(photo)
    retry(tmp_path / "out", quiet)
    by_id = [sorted(batch.lines(name), key=json.dumps) for name in ("out", "whole")]
    assert by_id[0] == by_id[1]


def test_a_corrupt_image_and_corrupt_depth_fail_alone(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 5, *LIGHT)
    photo = (tmp_path / "item-0001.png").read_bytes()
    (tmp_path / "item-0001.png").write_bytes(photo[:60] + b"\0" * 40 + photo[100:])
    (tmp_path / "item-0003-depth.png").write_bytes(b"")
    batch.run("out")
    assert [line["item_id"] for line in batch.lines("out", "failures.jsonl")] == ["item-0001", "item-0003"]
    assert [line["item_id"] for line in batch.lines("out")] == ["item-0000", "item-0002", "item-0004"]


def test_a_video_that_ends_early_fails_alone(tmp_path: Path, video: Callable[..., Path]) -> None:
    batch = Batch(tmp_path, 2, *LIGHT)
    whole = video("whole.mp4")
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    claims = [{"relation": "left_of", "subject": "a", "object": "b"}]
    regions = [{"label": name, "box_px": [left, 5, left + 20, 40]} for name, left in (("a", 2), ("b", 30))]
    items = [{"id": name, "frames": [f"{name}.mp4"], "claims": claims, "regions": regions} for name in ("cut", "whole")]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    batch.overrides = [f"input={tmp_path / 'items.jsonl'}", "depth=none", "vlm=none", "cache_dir=null", *LIGHT]
    batch.run("out", "depth=none")
    (failure,) = batch.lines("out", "failures.jsonl")
    assert (failure["item_id"], failure["stage"]) == ("cut", "ingest")
    assert [line["item_id"] for line in batch.lines("out")] == ["whole"]


def test_an_item_for_which_memory_runs_out_in_the_network_fails_alone(
    tmp_path: Path, tiny_dpt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import DPTForDepthEstimation

    batch = Batch(tmp_path, 3, *LIGHT)
    forward = DPTForDepthEstimation.forward
    alone: list[Any] = []

    def exhausted(model: Any, pixel_values: Any, **others: Any) -> Any:
        if len(pixel_values) == 1 and not any(torch.equal(pixel_values, one) for one in alone):
            alone.append(pixel_values)
        if len(pixel_values) > 1 or (len(alone) > 1 and torch.equal(pixel_values, alone[1])):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.")
        return forward(model, pixel_values, **others)

    monkeypatch.setattr(DPTForDepthEstimation, "forward", exhausted)
    network = ("depth=midas/dpt_large", f"depth.model={tiny_dpt}", "depth.device=cpu", "depth.flip=false")
    batch.run("out", *network)
    (failure,) = batch.lines("out", "failures.jsonl")
    assert (failure["item_id"], failure["stage"]) == ("item-0001", "depth")
    assert "does not fit into the memory" in failure["reason"]
    assert [line["item_id"] for line in batch.lines("out")] == ["item-0000", "item-0002"]
    monkeypatch.setattr(DPTForDepthEstimation, "forward", forward)
    batch.run("out", "resume=true", *network)
    assert len(batch.lines("out")) == 4 and batch.lines("out", "failures.jsonl") == []


@pytest.fixture
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")


@pytest.mark.usefixtures("without_proxy")
def test_a_server_that_dies_and_comes_back_costs_only_the_items_between(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 6, *LIGHT)
    asked = 0

    def reply(body: dict[str, Any]) -> Reply:
        nonlocal asked
        asked += 1
        return Reply(b"", lost="reset") if 2 <= asked <= 5 else answer(False)

    with recording_server() as server:
        server.answer = reply
        settings = (
            "vlm=openai", f"vlm.base_url={server.url}", "vlm.max_retries=1", "vlm.stream=false", "vlm.logprobs=false",
            "query.batch_size=1", "query.steps=one", "query.formalise='off'", "limit=4",
        )  # fmt: skip
        batch.overrides = [one for one in batch.overrides if not one.startswith("vlm.path")]
        batch.run("out", *settings)
        failures = batch.lines("out", "failures.jsonl")
        assert [(failure["item_id"], failure["stage"]) for failure in failures] == [("item-0001", "query")] * 2
        assert all(b"sk-secret" not in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
        retry(tmp_path / "out", quiet)
    assert batch.lines("out", "failures.jsonl") == []
    assert len(batch.lines("out")) == 6

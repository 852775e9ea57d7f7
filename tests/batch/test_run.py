"""Batches in several processes are batches in one."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commands import results_in
from console.batches import Batch
from stages.doubles import CountingDepth, ScriptedModel
from stages.runs import failures_in, item, make_stages, manifest, saying

from pipeline.batch.local import LocalEngine, Work
from pipeline.batch.run import run
from pipeline.models.vlm.base import Request
from pipeline.records.errors import ConfigError, DepthError
from pipeline.stages.depth import DepthStage
from pipeline.stages.query import QueryStage


def without_times(folder: Path) -> list[Any]:
    lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    made = Batch(tmp_path_factory.mktemp("batch"), 15)
    made.run("one")
    return made


def test_two_workers_write_what_one_process_writes(batch: Batch) -> None:
    summary = batch.run("two", "engine.workers=2")
    assert without_times(batch.folder / "two") == without_times(batch.folder / "one")
    assert [failure["item_id"] for failure in failures_in(batch.folder / "two")] == ["item-0012"]
    assert summary.results == len(without_times(batch.folder / "one"))
    for kind in ("overlays", "scenes"):
        one, two = (sorted((batch.folder / name / kind).iterdir()) for name in ("one", "two"))
        assert [path.name for path in one] == [path.name for path in two]
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def answer(request: Request) -> str:
    return f"About {request.question}"


def model_stages() -> Any:
    return make_stages(ScriptedModel(answer), depth=DepthStage(CountingDepth()))


def work_in(folder: Path) -> Work:
    return Work(manifest(folder, *lines()), model_stages())


def lines() -> list[dict[str, Any]]:
    names = ("a", "b", "torn", "c", "d")
    return [
        item(name, questions=[f"{name}1?", f"{name}2?"], frames=[("none" if name == "torn" else "photo") + ".png"])
        for name in names
    ]


@pytest.mark.slow
def test_a_model_stays_here_and_the_rest_goes_to_workers(tmp_path: Path) -> None:
    source, stages = manifest(tmp_path, *lines()), model_stages()
    run(source, stages, tmp_path / "one")
    shared = model_stages()
    run(source, shared, tmp_path / "two", engine=LocalEngine(workers=1), factory=partial(work_in, tmp_path))
    assert without_times(tmp_path / "two") == without_times(tmp_path / "one")
    assert failures_in(tmp_path / "two") == failures_in(tmp_path / "one")
    assert shared.query.model.batches == stages.query.model.batches


def deadly(folder: Path) -> Work:
    class Deadly(DepthStage):
        def all(self, scenes: Any) -> Any:
            if scenes[0].id == "b":
                os.kill(os.getpid(), signal.SIGKILL)
            return super().all(scenes)

    names = ("a", "b", "c")
    source = manifest(
        folder, *(item(name, claims=[{"relation": "left_of", "subject": "x", "object": "y"}]) for name in names)
    )
    stages = make_stages()
    return Work(source, make_stages(depth=Deadly(stages.depth.backend)))


def test_a_worker_that_dies_takes_only_its_item_with_it(tmp_path: Path) -> None:
    factory = partial(deadly, tmp_path)
    summary = run(factory().source, make_stages(), tmp_path / "out", engine=LocalEngine(workers=1), factory=factory)
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["a", "c"]
    (failure,) = failures_in(tmp_path / "out")
    assert (failure["item_id"], failure["stage"]) == ("b", "worker")
    assert "ended" in failure["reason"]
    assert len(summary.failures) == 1


def test_depth_of_several_items_is_estimated_together(tmp_path: Path) -> None:
    depth = CountingDepth(identity=None)
    source = manifest(tmp_path, *(item(name, question="Where?") for name in "abcd"))
    model = saying("Fine.")
    run(
        source,
        make_stages(model, depth=DepthStage(depth), query=QueryStage(model, "none", batch_size=3)),
        tmp_path / "o",
    )
    assert [len(frames) for frames in depth.asked] == [3, 1]


class Picky(CountingDepth):
    """Refuses frames 24 pixels wide together with others, and one of them for good."""

    def estimate(self, frames: Any) -> Any:
        if len(frames) > 1:
            raise DepthError("Too many at once.")
        return super().estimate(frames)


def test_where_depth_fails_for_several_items_each_is_tried_alone(tmp_path: Path) -> None:
    source = manifest(tmp_path, *(item(name, question="Where?") for name in "abc"))
    depth = Picky(identity=None)
    run(source, make_stages(saying("Fine."), depth=DepthStage(depth)), tmp_path / "out")
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["a", "b", "c"]
    assert len(depth.asked) == 3


def test_a_run_that_is_asked_to_stop_finishes_what_it_began_and_goes_on_later(tmp_path: Path) -> None:
    source, seen = manifest(tmp_path, *(item(name, question="Where?") for name in "abcdefgh")), []
    model = saying("Fine.")
    stages = make_stages(model, query=QueryStage(model, "none", batch_size=1))
    summary = run(source, stages, tmp_path / "out", on_item=seen.append, is_stopped=lambda: len(seen) >= 2)
    assert summary.is_stopped
    assert 2 <= len(seen) < 8
    assert [result.item_id for result in results_in(tmp_path / "out")] == seen
    summary = run(source, stages, tmp_path / "out", resume=True)
    assert [result.item_id for result in results_in(tmp_path / "out")] == list("abcdefgh")
    assert len(model.requests) == 8, "nothing is asked twice"
    assert not summary.is_stopped


def refusing(folder: Path) -> Work:
    class Refusing(DepthStage):
        def all(self, scenes: Any) -> Any:
            raise ConfigError("It cannot work.")

    stages = make_stages()
    return Work(deadly(folder).source, make_stages(depth=Refusing(stages.depth.backend)))


def test_what_concerns_every_item_stops_a_run_in_workers_too(tmp_path: Path) -> None:
    factory = partial(refusing, tmp_path)
    with pytest.raises(ConfigError, match="It cannot work"):
        run(factory().source, make_stages(), tmp_path / "out", engine=LocalEngine(workers=1), factory=factory)
    assert failures_in(tmp_path / "out") == []

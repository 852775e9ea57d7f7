"""Questions that go through the stages together."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from commands import results_in
from stages.doubles import CountingDepth, CountingOcr, FailingJudge, ScriptedModel
from stages.runs import failures_in, item, make_stages, manifest, saying

from pipeline import __version__
from pipeline.batch.run import run
from pipeline.models.vlm.base import Request
from pipeline.records import Frame, Result, Scene
from pipeline.records.errors import DependencyError, ExportError, GenerationError
from pipeline.stages.compose import process
from pipeline.stages.depth import DepthStage
from pipeline.stages.export import ExportStage
from pipeline.stages.group import MOST_FRAMES, Asked, Stages, grouped, settle
from pipeline.stages.ocr import OcrStage
from pipeline.stages.query import QueryStage
from pipeline.stages.timing import StageError

IMAGE = np.zeros((2, 2, 3), np.uint8)


def asked(name: str, frames: int = 1, questions: int = 1) -> list[Asked]:
    frame = Frame(IMAGE, scenes.CAMERA.resized(2, 2))
    scene = Scene(name, (frame,) * frames)
    return [Asked(name, scene, f"{name}{number}") for number in range(questions)]


@pytest.mark.parametrize(
    "items, batch_size, groups",
    [
        ([], 8, []),
        ([asked("a"), asked("b"), asked("c")], 2, ["a0 b0", "c0"]),
        ([asked("a"), asked("b"), asked("c")], 1, ["a0", "b0", "c0"]),
        ([asked("a", questions=3), asked("b", questions=2)], 4, ["a0 a1 a2 b0", "b1"]),
        ([asked("a", questions=5)], 2, ["a0 a1", "a2 a3", "a4"]),
        ([asked("a", frames=MOST_FRAMES), asked("b")], 8, ["a0", "b0"]),
        ([asked("a", frames=MOST_FRAMES - 1), asked("b"), asked("c")], 8, ["a0 b0", "c0"]),
        ([asked("a", frames=3 * MOST_FRAMES, questions=2), asked("b")], 8, ["a0 a1", "b0"]),
        ([asked("a", frames=20, questions=4), asked("b")], 8, ["a0 a1 a2 a3 b0"]),
        ([[Asked("a", failure=StageError("ocr", ValueError()))], asked("b")], 8, ["None b0"]),
        ([[], asked("b")], 8, ["b0"]),
    ],
)
def test_a_group_ends_at_its_questions_or_its_frames(items: list[Any], batch_size: int, groups: list[str]) -> None:
    found = [" ".join(str(one.question) for one in group) for group in grouped(items, batch_size)]
    assert found == groups


class Versioned(CountingDepth):
    """Depth of a model with a revision."""

    version = "depth-model@12ab"


class Missing(CountingOcr):
    """A reader whose package is gone."""

    @property
    def version(self) -> str:
        raise DependencyError("There is no such package.")


def test_a_result_names_the_models_of_the_stages_that_have_one(tmp_path: Path) -> None:
    stages = make_stages(saying("Yes."), depth=DepthStage(Versioned()), ocr=OcrStage(Missing("reads")))
    run(manifest(tmp_path, item("a", question="Is it?")), stages, tmp_path / "out")
    (result,) = results_in(tmp_path / "out")
    assert result.versions.keys() & {"depth", "ocr", "segment"} == {"depth"}
    assert (result.versions["depth"], result.versions["theodolite"]) == ("depth-model@12ab", __version__)


def test_no_item_is_read_before_the_group_before_it_is_done() -> None:
    read: list[str] = []

    def items() -> Any:
        for name in "abc":
            read.append(name)
            yield asked(name)

    groups = grouped(items(), 2)
    next(groups)
    assert read == ["a", "b"]


def about(request: Request) -> str:
    if "silent" in request.question:
        raise GenerationError("The model said nothing.")
    return f"About {request.question}"


def with_batches(model: ScriptedModel, batch_size: int, **others: Any) -> Stages:
    return make_stages(model, query=QueryStage(model, "none", batch_size=batch_size), **others)


@pytest.mark.parametrize("batch_size, batches", [(1, [1] * 6), (2, [2, 2, 2]), (4, [4, 2]), (8, [6])])
def test_questions_of_several_items_are_asked_together_and_written_in_order(
    tmp_path: Path, batch_size: int, batches: list[int]
) -> None:
    lines = [item("a", questions=["1", "2", "3"]), item("b", question="4"), item("c", questions=["5", "6"])]
    model = ScriptedModel(about)
    done: list[str] = []
    summary = run(manifest(tmp_path, *lines), with_batches(model, batch_size), tmp_path / "out", on_item=done.append)
    found = [(result.item_id, result.question, result.answer.text) for result in results_in(tmp_path / "out")]  # type: ignore[union-attr]
    assert found == [(name, number, f"About {number}") for name, number in zip("aaabcc", "123456", strict=True)]
    assert model.batches == batches
    assert (done, summary.results) == (["a", "b", "c"], 6)


def test_a_question_that_fails_costs_no_other_of_its_item(tmp_path: Path) -> None:
    class Export(ExportStage):
        def __call__(self, scene: Scene, result: Result, folder: Path) -> Result:
            if result.question == "unwritable":
                raise ExportError("It cannot be written.")
            return result

    source = manifest(
        tmp_path,
        item("a", questions=["silent", "1", "odd", "2", "unwritable"]),
        item("b", question="silent", frames=["none.png"]),
        item("c", questions=["3", "silent too"]),
    )
    done: list[str] = []
    stages = with_batches(ScriptedModel(about), 8, export=Export(), verify=FailingJudge())
    summary = run(source, stages, tmp_path / "out", on_item=done.append)
    assert [result.question for result in results_in(tmp_path / "out")] == ["1", "2", "3"]
    assert [(failure["item_id"], failure["stage"]) for failure in failures_in(tmp_path / "out")] == [
        ("a", "query"),
        ("a", "verify"),
        ("a", "export"),
        ("b", "ingest"),
        ("c", "query"),
    ]
    assert failures_in(tmp_path / "out")[1]["reason"] == "Unexpected ZeroDivisionError: division by zero"
    assert done == ["a", "b", "c"]
    assert (summary.results, len(summary.failures)) == (3, 5)
    first = results_in(tmp_path / "out")[0]
    assert list(first.seconds) == ["ingest", "depth", "ocr", "query", "verify", "export"], "the first that is left pays"


def test_the_time_of_the_model_is_shared_so_that_it_sums_up(tmp_path: Path) -> None:
    class Slow(ScriptedModel):
        def generate_all(self, requests: Any) -> Any:
            time.sleep(0.3)
            return super().generate_all(requests)

    source = manifest(tmp_path, item("a", questions=["1", "silent", "2"]), item("b", question="3"))
    start = time.perf_counter()
    summary = run(source, with_batches(Slow(about), 8), tmp_path / "out")
    wall = time.perf_counter() - start
    shares = [result.seconds["query"] for result in results_in(tmp_path / "out")]
    assert shares == pytest.approx([shares[0]] * 3, abs=1e-5)
    assert 0.3 <= sum(shares) < wall
    assert summary.seconds["query"] == pytest.approx(sum(shares))


def test_resume_goes_on_within_an_item(tmp_path: Path) -> None:
    lines = [item("a", questions=["1", "silent", "2"]), item("b", question="3"), item("c", questions=["4", "5"])]
    run(manifest(tmp_path, *lines), with_batches(ScriptedModel(about), 4), tmp_path / "out")
    kept = (tmp_path / "out/results.jsonl").read_text("utf-8").splitlines()
    (tmp_path / "out/results.jsonl").write_text("\n".join([kept[0], kept[2]]) + "\n", "utf-8")
    model = saying("Fine.")
    done: list[str] = []
    summary = run(
        manifest(tmp_path, *lines), with_batches(model, 8), tmp_path / "out", resume=True, on_item=done.append
    )
    assert [request.question for request in model.requests] == ["silent", "2", "4", "5"]
    assert model.batches == [4]
    assert (summary.skipped, summary.results) == (2, 4)
    assert sorted(done) == ["a", "b", "c"]
    found = [(result.item_id, result.question) for result in results_in(tmp_path / "out")]
    assert found == [("a", "1"), ("b", "3"), ("a", "silent"), ("a", "2"), ("c", "4"), ("c", "5")]


def test_one_scene_is_processed_with_all_its_questions_at_once() -> None:
    model = ScriptedModel(about)
    scene = replace(scenes.scene(), questions=("1", "2", "3"))
    results = list(process(scene, with_batches(model, 1), None, {}))
    assert [result.question for result in results] == ["1", "2", "3"]
    assert model.batches == [3]


class Follows:
    """Keeps the stages and texts that it is told."""

    is_stopped = False

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_stage(self, name: str) -> None:
        self.heard.append(name)

    def on_text(self, text: str) -> None:
        self.heard.append(text)


def test_followers_learn_of_their_stages_and_hear_their_answers() -> None:
    one, other = Follows(), Follows()
    group = [replace(asked(name)[0], follower=follower) for name, follower in (("a", one), ("b", other))]
    settle(group, make_stages(ScriptedModel(about)))
    assert one.heard == ["query", "About a0", "verify"]
    assert other.heard == ["query", "About b0", "verify"]

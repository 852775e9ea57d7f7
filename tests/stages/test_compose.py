from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from commands import results_in
from PIL import Image
from stages.doubles import CountingDepth, CountingOcr, ScriptedModel
from stages.runs import failures_in, item, make_stages, manifest, saying

from pipeline.batch.run import run
from pipeline.models.depth.given import GivenDepth
from pipeline.models.ocr.rapid import RapidOcr
from pipeline.models.segment.sam import SamSegmenter
from pipeline.models.vlm.base import Request
from pipeline.models.vlm.openai_endpoint import OpenAIEndpoint
from pipeline.models.vlm.qwen3vl.backend import Qwen3VL
from pipeline.models.vlm.recorded import Recorded
from pipeline.records import Claim, DepthMap, Frame, Origin
from pipeline.records.errors import (
    ConfigError,
    DependencyError,
    DepthError,
    ExportError,
    GenerationError,
    InputError,
    ModelUnavailableError,
    TheodoliteError,
)
from pipeline.stages.cache import StageCache
from pipeline.stages.compose import process
from pipeline.stages.depth import DepthStage
from pipeline.stages.ocr import OcrStage
from pipeline.stages.query import QueryStage
from pipeline.stages.timing import StageError
from pipeline.stages.verify import VerifyStage

CUP = {"label": "cup", "box_px": [2, 2, 10, 10]}
BOX = {"label": "box", "box_px": [14, 2, 22, 10]}
LEFT = {"relation": "left_of", "subject": "cup", "object": "box"}
ALL_STAGES = ["ingest", "depth", "ocr", "query", "verify", "export"]


def test_one_bad_item_of_each_kind_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "torn.npy").write_bytes(b"\x93NUMPY torn")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    np.save(tmp_path / "depth.npy", np.ones((16, 24)))

    def answer(request: Request) -> str:
        if request.item_id == "silent":
            raise GenerationError("The model said nothing.")
        if request.item_id == "crash":
            raise ZeroDivisionError("division by zero")
        return "Fine."

    good = {"question": "Where?", "depth": ["depth.npy"]}
    source = manifest(
        tmp_path,
        item("first", **good),
        "{not json",
        item("no-frames", **{**good, "frames": []}),
        item("no-file", **{**good, "frames": ["none.png"]}),
        item("torn", **{**good, "frames": ["torn.png"]}),
        item("bad-region", **good, regions=[{"label": "cup", "box_px": [900, 900, 950, 950]}]),
        item("bad-claim", **good, claims=[{"relation": "leftish", "subject": "cup"}]),
        item("torn-depth", question="Where?", depth=["torn.npy"]),
        item("no-question", depth=["depth.npy"]),
        item("no-depth", question="Where?"),
        item("silent", **good),
        item("crash", **good),
        item("first", **good),
        item("last", **good),
    )
    seen: list[str] = []
    stages = make_stages(ScriptedModel(answer), depth=DepthStage(GivenDepth()))
    summary = run(source, stages, tmp_path / "out", on_item=seen.append)
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["first", "last"]
    failed = failures_in(tmp_path / "out")
    expected = [
        ("line-2", "ingest", "JSON"),
        ("no-frames", "ingest", "frames"),
        ("no-file", "ingest", "none.png"),
        ("torn", "ingest", "torn.png"),
        ("bad-region", "ingest", "cup"),
        ("bad-claim", "ingest", "relation"),
        ("torn-depth", "ingest", "torn.npy"),
        ("no-question", "ingest", "question"),
        ("no-depth", "depth", "depth="),
        ("silent", "query", "nothing"),
        ("crash", "query", "Unexpected ZeroDivisionError: division by zero"),
        ("line-13", "ingest", "already has the id"),
    ]
    for failure, (item_id, stage, word) in zip(failed, expected, strict=True):
        assert (failure["item_id"], failure["stage"]) == (item_id, stage)
        assert word in failure["reason"] and "\n" not in failure["reason"], failure
    assert summary.failures == [(f["item_id"], f["stage"], f["reason"]) for f in failed]
    assert (summary.results, summary.skipped) == (2, 0)
    assert len(seen) == 14, "the progress bar hears of every item"


@pytest.mark.parametrize("error", [ConfigError, DependencyError, ModelUnavailableError])
def test_what_concerns_every_item_stops_the_run(tmp_path: Path, error: type[TheodoliteError]) -> None:
    def refuse(request: Request) -> str:
        raise error("It cannot work.")

    source = manifest(tmp_path, item("a", question="Where?"), item("b", question="Where?"))
    model = ScriptedModel(refuse)
    with pytest.raises(error, match="It cannot work"):
        run(source, make_stages(model), tmp_path / "out")
    assert len(model.requests) == 1
    assert failures_in(tmp_path / "out") == []


def test_a_folder_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(ExportError, match="out"):
        run(manifest(tmp_path, item("a", question="?")), make_stages(saying("Fine.")), tmp_path / "out")


def test_every_stage_that_ran_tells_its_time_once(tmp_path: Path) -> None:
    source, ocr = manifest(tmp_path, item("a", questions=["one?", "two?"])), CountingOcr(identity=None)
    summary = run(source, make_stages(saying("Fine."), ocr=OcrStage(ocr)), tmp_path / "out")
    assert ocr.asked == [0], "the text of a frame is read once for all questions"
    first, second = results_in(tmp_path / "out")
    assert first.seconds["query"] == pytest.approx(second.seconds["query"], abs=1e-6), "they share the model's time"
    assert list(first.seconds) == ALL_STAGES
    assert list(second.seconds) == ALL_STAGES[3:], "what the first question paid for costs the second nothing"
    assert all(seconds >= 0 for result in (first, second) for seconds in result.seconds.values())
    assert list(summary.seconds) == ALL_STAGES
    assert summary.seconds["query"] == pytest.approx(first.seconds["query"] + second.seconds["query"])


def test_the_answers_claims_come_before_the_given_ones(tmp_path: Path) -> None:
    answer = f"Below.\n```json\n{json.dumps({'objects': [], 'claims': [{**LEFT, 'relation': 'below'}]})}\n```"
    source = manifest(tmp_path, item("a", question="Where?", regions=[CUP, BOX], claims=[{**LEFT, "truth": True}]))
    summary = run(source, make_stages(saying(answer)), tmp_path / "out")
    (result,) = results_in(tmp_path / "out")
    assert [(verdict.claim.relation, verdict.claim.origin) for verdict in result.verdicts] == [
        ("below", Origin.MODEL),
        ("left_of", Origin.GIVEN),
    ]
    assert result.verdicts[1].status == "supported"
    assert (summary.known["claims"], summary.correct["claims"]) == (1, 1), "only a claim with ground truth counts"


def test_without_a_model_given_claims_are_judged_and_a_false_one_that_is_supported_counts_as_wrong(
    tmp_path: Path,
) -> None:
    source = manifest(tmp_path, item("a", regions=[CUP, BOX], claims=[{**LEFT, "truth": False}]))
    summary = run(source, make_stages(), tmp_path / "out")
    assert (summary.known["claims"], summary.correct["claims"]) == (1, 0)
    (result,) = results_in(tmp_path / "out")
    assert list(result.seconds) == ["ingest", "depth", "ocr", "verify", "export"]
    assert (result.question, result.answer) == (None, None)


def test_regions_stand_in_the_order_given_said_read(tmp_path: Path) -> None:
    said = json.dumps([{"label": "lid", "bbox_2d": [0, 0, 500, 500]}])
    source = manifest(tmp_path, item("a", question="Where?", regions=[CUP]))
    run(source, make_stages(saying(said), ocr=OcrStage(CountingOcr())), tmp_path / "out")
    (result,) = results_in(tmp_path / "out")
    assert [(region.label, region.origin) for region in result.regions] == [
        ("cup", Origin.GIVEN),
        ("lid", Origin.MODEL),
        ("SIGN 24", Origin.OCR),
    ]


def test_without_resume_the_folder_starts_afresh(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(manifest(tmp_path, item(name, question="Where?")), make_stages(saying("Fine.")), tmp_path / "out")
    assert [result.item_id for result in results_in(tmp_path / "out")] == ["b"]
    assert (tmp_path / "out/results.previous.jsonl").is_file()


def test_frames_are_described_so_that_they_can_be_found_again(tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", np.ones((16, 24)))
    source = manifest(tmp_path, item("a", regions=[CUP, BOX], claims=[LEFT], depth=["depth.npy"]))
    run(source, make_stages(depth=DepthStage(GivenDepth())), tmp_path / "out")
    (frame,) = results_in(tmp_path / "out")[0].frames
    pixels = np.asarray(Image.open(tmp_path / "photo.png"))
    assert frame.sha256 == Frame(pixels, frame.camera).digest
    assert (frame.name, frame.depth_kind, frame.scale_source) == ("photo.png", "metric", "sensor")
    assert frame.camera.width == 24


def test_problems_of_an_answer_are_errors_of_its_result(tmp_path: Path) -> None:
    run(manifest(tmp_path, item("a", question="Where?")), make_stages(saying(" ")), tmp_path / "out")
    (result,) = results_in(tmp_path / "out")
    assert "The answer is empty." in result.errors


def fail(*_arguments: object) -> Any:
    pytest.fail("this should not be called")


@pytest.mark.parametrize("stage", ["depth", "ocr", "query", "verify", "export"])
def test_a_failure_names_its_stage(stage: str) -> None:
    class Failing(QueryStage):
        def __call__(self, *_arguments: object) -> None:
            raise DepthError("It failed.")

        prompts = __call__  # type: ignore[assignment]

    stages = make_stages(saying("Fine."), **{stage: Failing(saying("Fine."))})
    scene = replace(scenes.scene(), questions=("Where?",), depth=())
    with pytest.raises(StageError, match="It failed") as caught:
        list(process(scene, stages, Path("unused"), {}))
    assert caught.value.stage == stage
    assert isinstance(caught.value.cause, DepthError)


def test_without_a_folder_nothing_is_written() -> None:
    scene = replace(scenes.scene(), claims=(Claim("closer", "cup", "lamp"),), regions=scenes.regions())

    class Scenes(GivenDepth):
        def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
            return list(scene.depth)

    spent = {"ingest": 1.0}
    (result,) = process(scene, make_stages(depth=DepthStage(Scenes()), export=fail), None, spent)
    assert (result.verdicts[0].status, result.artefacts) == ("supported", {})
    assert result.seconds["ingest"] == 1.0
    assert spent == {"ingest": 1.0}, "the caller keeps its clock"


ABSENT = "organisation/no-such-model"


@pytest.mark.parametrize(
    "parts, error, words",
    [
        ({"query": QueryStage(Recorded("nowhere.jsonl"))}, InputError, "nowhere.jsonl cannot be read"),
        ({"query": QueryStage(OpenAIEndpoint("m", "http://127.0.0.1:9/v1"))}, ModelUnavailableError, "No connection"),
        ({"query": QueryStage(Qwen3VL(ABSENT))}, ModelUnavailableError, ABSENT),
        (
            {"query": QueryStage(Qwen3VL("theodolite-vl-nano", quantization="bnb_4bit"))},
            DependencyError,
            "bitsandbytes",
        ),
        ({"verify": VerifyStage(segmenter=SamSegmenter(ABSENT))}, ModelUnavailableError, ABSENT),
        ({"ocr": OcrStage(RapidOcr())}, DependencyError, "rapidocr"),
    ],
    ids=["file", "address", "model", "quantization", "segmenter", "package"],
)
def test_what_cannot_work_is_found_before_any_depth_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any], error: type[Exception], words: str
) -> None:
    known = importlib.util.find_spec
    missing = ("bitsandbytes", "rapidocr")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else known(name))
    monkeypatch.setattr("pipeline.models.ocr.rapid.find_spec", importlib.util.find_spec)
    depth = CountingDepth()
    source = manifest(tmp_path, item("a", question="Where?"), item("b", question="Where?"))
    stages = make_stages(saying("Fine."), depth=DepthStage(depth), **parts)
    with pytest.raises(error, match=words):
        run(source, stages, tmp_path / "out")
    assert (depth.asked, failures_in(tmp_path / "out")) == ([], [])


def test_every_part_is_checked_once_and_the_model_only_where_something_is_asked(tmp_path: Path) -> None:
    checked: list[str] = []

    class Model(ScriptedModel):
        def check(self) -> None:
            checked.append("model")

    class Depth(CountingDepth):
        def check(self) -> None:
            checked.append("depth")

    judged = item("a", regions=[CUP, BOX], claims=[LEFT])
    stages = make_stages(Model(lambda request: "Fine."), depth=DepthStage(Depth()))
    run(manifest(tmp_path, judged), stages, tmp_path / "out")
    assert checked == ["depth"]
    run(manifest(tmp_path, item("b", question="Where?"), item("c", question="Where?")), stages, tmp_path / "out")
    assert checked == ["depth", "model"]


def test_a_model_whose_answers_are_kept_need_not_be_there(tmp_path: Path) -> None:
    class Model(ScriptedModel):
        def check(self) -> None:
            raise ModelUnavailableError("There is no server.")

    cache, source = StageCache(tmp_path / "cache"), manifest(tmp_path, item("a", question="Where?"))
    answered = QueryStage(ScriptedModel(lambda request: "Fine.", "m 1"), cache=cache)
    run(source, make_stages(query=answered), tmp_path / "first")
    run(source, make_stages(query=QueryStage(Model(fail, "m 1"), cache=cache)), tmp_path / "second")
    assert [result.answer and result.answer.text for result in results_in(tmp_path / "second")] == ["Fine."]
    with pytest.raises(ModelUnavailableError):
        run(source, make_stages(query=QueryStage(Model(fail, "m 2"), cache=cache)), tmp_path / "third")

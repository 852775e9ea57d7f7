"""Stages by the options of requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from stages.doubles import ScriptedModel

from pipeline.api import Pipeline
from pipeline.batch.verifying import PooledVerify, judging
from pipeline.batch.workers import WorkerPool
from pipeline.models.depth.given import GivenDepth
from pipeline.models.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.records.errors import ConfigError
from pipeline.serve.engine.plans import Options
from pipeline.serve.engine.variants import OneAtATime, Variants


class Plain(VisionLanguageModel):
    """A model with all defaults."""


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.from_config(["cache_dir=null"], config_name="serve")


@pytest.fixture(scope="module")
def pool(pipeline: Pipeline) -> Iterator[WorkerPool]:
    with WorkerPool(1, judging(pipeline.stages.verify)) as made:
        yield made


def test_equal_options_share_their_stages_and_all_share_the_models(pipeline: Pipeline) -> None:
    variants = Variants(pipeline)
    options = Options((("depth", "file"), ("segment", "grabcut")), "image", "zh", 1)
    first = variants.stages(options, asks=True)
    assert variants.stages(options, asks=True) is first
    assert first.query is not None and pipeline.stages.query is not None
    assert first.query.model.model is pipeline.stages.query.model
    assert (str(first.query.hints), first.query.recheck, first.asked_language) == ("image", 1, "zh")
    assert isinstance(first.depth.backend, GivenDepth)
    assert first.verify.verifier is pipeline.stages.verify.verifier
    plain = variants.stages(Options(), asks=True)
    assert plain.depth is pipeline.stages.depth and plain.query is not None
    assert plain.query.model is first.query.model
    assert (str(pipeline.stages.query.hints), pipeline.stages.query.recheck) == ("table", 0)


def test_work_without_a_question_has_no_model(pipeline: Pipeline) -> None:
    assert Variants(pipeline).stages(Options(), asks=False).query is None


def test_claims_are_judged_in_the_pool(pipeline: Pipeline, pool: WorkerPool) -> None:
    stages = Variants(pipeline, pool).stages(Options((("segment", "grabcut"),)), asks=False)
    assert isinstance(stages.verify, PooledVerify)
    assert type(stages.verify.segmenter).__name__ == "GrabCutSegmenter"


def test_an_option_that_does_not_exist_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ConfigError):
        Variants(pipeline).stages(Options((("depth", "crystal ball"),)), asks=False)


def test_a_guarded_model_is_all_that_the_model_is() -> None:
    class Unusual(ScriptedModel):
        version = "unusual@2"
        loads_model = False
        max_pixels = 77
        takes_crops = False
        takes_metres = False

    model = Unusual(lambda request: "Yes.", identity="unusual 1", can_ground=False)
    guarded = OneAtATime(model)
    public = [name for name in dir(VisionLanguageModel) if not name.startswith("_")]
    properties = [name for name in public if isinstance(getattr(VisionLanguageModel, name), property)]
    assert len(properties) >= 8
    for name in properties:
        assert getattr(model, name) != getattr(Plain(), name), f"{name} is the default, which shows nothing"
        assert getattr(guarded, name) == getattr(model, name), name
    assert [name for name in public if name not in properties and name not in vars(OneAtATime)] == []


def test_a_model_that_one_thread_enters_at_a_time_is_otherwise_what_it_was() -> None:
    inside, most = 0, 0

    class Slow(ScriptedModel):
        def generate(self, request: Request) -> Generation:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1
            return super().generate(request)

    model = Slow(lambda request: "Yes.", identity="slow 1", can_ground=False)
    guarded = OneAtATime(model)
    assert guarded.convention() == model.convention() and guarded.sent_px((3, 4), None) == (3, 4)
    guarded.check()
    request = Request((), "item", "?")
    threads = [threading.Thread(target=guarded.generate_all, args=([request],)) for _ in range(4)]
    threads += [threading.Thread(target=guarded.generate, args=(request,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, len(model.requests)) == (1, 8)

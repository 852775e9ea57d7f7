"""Stages by the options of requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.api import Pipeline
from pipeline.batch.verifying import PooledVerify, judging
from pipeline.batch.workers import WorkerPool
from pipeline.models.depth.given import GivenDepth
from pipeline.records.errors import ConfigError
from pipeline.serve.engine.plans import Options
from pipeline.serve.engine.variants import Variants


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
    assert first.query.model is pipeline.stages.query.model
    assert (str(first.query.hints), first.query.recheck, first.asked_language) == ("image", 1, "zh")
    assert isinstance(first.depth.backend, GivenDepth)
    assert first.verify.verifier is pipeline.stages.verify.verifier
    plain = variants.stages(Options(), asks=True)
    assert plain.depth is pipeline.stages.depth and plain.query is pipeline.stages.query
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

"""Models that are loaded before the first question."""

from __future__ import annotations

import logging

import pytest
from stages.doubles import CountingDepth
from stages.runs import make_stages, saying

from pipeline.api import Pipeline
from pipeline.models.depth.given import GivenDepth
from pipeline.models.vlm.qwen3vl import Qwen3VL
from pipeline.records.errors import DepthError, ModelUnavailableError
from pipeline.serve.engine.readiness import Readiness
from pipeline.stages.depth import DepthStage


def test_all_models_are_loaded_and_the_one_that_answers_says_one_token() -> None:
    stages = Pipeline.from_config(["cache_dir=null"], config_name="serve").stages
    readiness = Readiness(stages)
    readiness.load_depth()
    assert not readiness.is_ready
    readiness.load_model()
    assert readiness.is_ready and readiness.failure is None
    assert stages.query is not None and isinstance(stages.query.model, Qwen3VL)
    assert "_loaded" in vars(stages.query.model)


def test_a_remote_model_is_not_asked() -> None:
    model = saying("Yes.")
    readiness = Readiness(make_stages(model, depth=DepthStage(CountingDepth())))
    readiness.load_depth()
    readiness.load_model()
    assert readiness.is_ready and model.requests == []


def test_without_a_model_depth_suffices_and_given_depth_is_always_there() -> None:
    readiness = Readiness(make_stages(depth=DepthStage(GivenDepth())))
    readiness.load_depth()
    assert readiness.is_ready


@pytest.mark.parametrize("error", [ModelUnavailableError("It is not there."), ValueError("odd")])
def test_a_model_that_cannot_be_loaded_leaves_it_not_ready(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    depth = CountingDepth()

    def fail(frames: object) -> None:
        raise error

    monkeypatch.setattr(depth, "estimate", fail)
    readiness = Readiness(make_stages(depth=DepthStage(depth)))
    with caplog.at_level(logging.ERROR):
        readiness.load_depth()
    assert not readiness.is_ready and readiness.failure is not None
    assert "stage depth cannot be loaded" in caplog.text
    assert not isinstance(readiness.failure, DepthError)

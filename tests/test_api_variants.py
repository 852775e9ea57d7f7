"""Pipelines with other options, which share everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import scenes

from pipeline import Pipeline
from pipeline.records.errors import ConfigError


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    (tmp_path / "answers.jsonl").write_text(json.dumps({"id": "item", "model": "demo", "response": "A cup."}))
    return Pipeline.from_config(
        ["vlm=recorded", f"vlm.path={tmp_path / 'answers.jsonl'}", "depth=file", "cache_dir=null"]
    )


def test_a_variant_changes_what_is_chosen_and_shares_the_rest(pipeline: Pipeline) -> None:
    variant = pipeline.variant({"segment": "grabcut"}, hints="none", language="zh", recheck=1)
    own, other = pipeline.stages, variant.stages
    assert own.query is not None and other.query is not None
    assert (str(other.query.hints), other.query.language, other.query.recheck) == ("none", "zh", 1)
    assert (str(own.query.hints), own.query.language, own.query.recheck) == ("table", "auto", 0)
    assert other.query.model is own.query.model and other.query.cache is own.query.cache
    assert (other.depth, other.ocr, other.export) == (own.depth, own.ocr, own.export)
    assert other.verify.verifier is own.verify.verifier
    assert type(other.verify.segmenter).__name__ == "GrabCutSegmenter"
    assert (own.language("Where?"), other.language("Where?")) == ("en", "zh")
    assert variant.ask(scenes.RGB, "Where?", depth=scenes.depth_m()).language == "zh"


def test_the_stage_of_an_option_is_built_once(pipeline: Pipeline) -> None:
    first, second = pipeline.variant({"depth": "none"}), pipeline.variant({"depth": "none", "segment": "grabcut"})
    assert first.stages.depth is second.stages.depth is not pipeline.stages.depth
    assert first.variant({"depth": "file"}).stages.depth is pipeline.stages.depth
    assert pipeline.variant().stages == pipeline.stages


def test_the_configured_option_is_recognised_although_keys_were_set_besides(pipeline: Pipeline) -> None:
    assert [pipeline.chosen(group) for group in ("depth", "segment", "nothing")] == ["file", "none", ""]
    assert Pipeline.from_config(["depth=midas", "depth.flip=true", "cache_dir=null"]).chosen("depth") == "midas"


@pytest.mark.parametrize(
    "options, words", [({"vlm": "none"}, "cannot be chosen"), ({"depth": "odd"}, "no option 'odd' of depth")]
)
def test_what_cannot_be_chosen_is_refused(pipeline: Pipeline, options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        pipeline.variant(options)


def test_hints_must_exist(pipeline: Pipeline) -> None:
    with pytest.raises(ConfigError, match="none, table, image, both"):
        pipeline.variant(hints="odd")

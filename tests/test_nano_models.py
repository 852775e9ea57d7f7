"""The two models that ship: whole, small, described, and as good as they should be on scenes that nobody has measured.

The scenes are few, so that a figure passes where its 95 % interval holds what it should reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.nano import DEPTH, VLM, figures_of, measures_of, shipped_subjects, weights_digest
from benchmarks.nano_figures import Measured

from pipeline.models.vlm.prompt import answer_instruction, ground_instruction
from pipeline.models.vlm.templates import render
from pipeline.records.message import Language
from pipeline.records.resources import resource_dir

# Neither seeds of training, nor of the benchmark, nor of the noise model.
SEEDS = range(800_000, 800_012)
MOST_BYTES = 30_000_000
FOLDERS = (VLM, DEPTH)
SECTIONS = (
    "Training",
    "Held-out figures",
    "Limits",
    "Loading",
    "Training it again",
    "Licence",
)
RETRAIN = "the model has learned other prompts: train it anew with scripts/train_nano.py, or take the change back"


@pytest.fixture(scope="module")
def figures() -> dict[str, Measured]:
    subjects = replace(shipped_subjects(), told=None)
    return {figure.key: figure for figure in figures_of(measures_of(subjects, SEEDS))}


@pytest.mark.parametrize(
    "key",
    [
        "vl.grounding.corner_error_px",
        "vl.grounding.iou",
        "vl.answers.one_step",
        "vl.answers.two_steps",
        "vl.answers.gain",
        "depth.abs_rel",
        "depth.object_order",
        "depth.claims.accuracy",
        "depth.claims.coverage",
    ],
)
def test_the_models_reach_their_figures_on_new_scenes(figures: dict[str, Measured], key: str) -> None:
    figure = figures[key]
    assert figure.reach is not None
    assert figure.may_reach, f"{figure.figure}: {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def test_both_languages_and_sequences_work(figures: dict[str, Measured]) -> None:
    for kind in ("en", "zh", "three_frames"):
        assert figures[f"vl.grounding.{kind}.iou"].value > 0.6
        assert figures[f"vl.answers.two_steps.{kind}"].value > 0.75


def files() -> Iterator[Path]:
    return (path for path in (resource_dir("data") / "models").rglob("*") if path.is_file())


def test_the_models_are_small_and_hold_nothing_that_runs() -> None:
    assert sum(path.stat().st_size for path in files()) <= MOST_BYTES
    assert {path.suffix for path in files()} <= {".safetensors", ".json", ".jinja", ".txt", ".md"}
    assert sorted(path.parent.name for path in files() if path.suffix == ".safetensors") == sorted(
        folder.name for folder in FOLDERS
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_model_has_the_card_of_its_own_weights(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\nlibrary_name: transformers\n")
    assert re.findall(r"^## (.+)$", card, re.MULTILINE) == list(SECTIONS)
    assert weights_digest(folder) in card, "measure the model and write its card with scripts/nano/model_cards.py"
    assert "hours" in card and "95 % interval" in card


def test_plain_transformers_loads_the_depth_network() -> None:
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    model = AutoModelForDepthEstimation.from_pretrained(DEPTH)
    assert type(model).__name__ == "DPTForDepthEstimation"
    assert set(dict(AutoImageProcessor.from_pretrained(DEPTH).size).values()) == {model.config.image_size}


@pytest.fixture(scope="module")
def processor() -> Any:
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(VLM)


def test_plain_transformers_loads_the_language_model(processor: Any) -> None:
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(VLM)
    assert type(model).__name__ == "Qwen3VLForConditionalGeneration"
    assert len(processor.tokenizer) <= model.config.text_config.vocab_size


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_fixed_prompts_are_single_tokens(processor: Any, language: Language) -> None:
    for text in (
        ground_instruction(language),
        answer_instruction(language),
        render(language, "depth_affine", tables=""),
    ):
        assert len(processor.tokenizer(text)["input_ids"]) == 1, RETRAIN


@pytest.mark.parametrize("number", [0, 7, 10, 99, 100, 512, 1000])
def test_numbers_of_boxes_are_single_tokens(processor: Any, number: int) -> None:
    assert len(processor.tokenizer(str(number))["input_ids"]) == 1

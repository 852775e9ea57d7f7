from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_folders import damaged, refused
from models.vlm.asking import about, noise
from models.vlm.qwen3vl.reference import small

from pipeline.records.errors import DependencyError, ModelUnavailableError


def ask(folder: Path, **settings: Any) -> None:
    small(folder, max_new_tokens=2, **settings).generate(about([noise(1)], "Where?"))


@pytest.mark.parametrize("name, package", [("torchao_int8", "torchao"), ("bnb_8bit", "bitsandbytes"),
                                           ("bnb_4bit", "bitsandbytes")])  # fmt: skip
def test_a_quantized_model_answers_and_says_how_it_is_stored(tiny_qwen3vl: Path, name: str, package: str) -> None:
    pytest.importorskip(package)
    model = small(tiny_qwen3vl, quantization=name)
    generations = model.generate_all([about([noise(1)], "Where?"), about([noise(1)], "Why?")])
    assert all(generation.completion_tokens for generation in generations)  # type: ignore[union-attr]
    assert generations[0].settings["quantization"] == name  # type: ignore[union-attr]
    weight = model._loaded[0]._model.model.language_model.layers[0].mlp.up_proj.weight
    assert type(weight).__name__ != "Parameter"


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(DependencyError, match="pip install bitsandbytes"):
        small(tiny_qwen3vl, quantization="bnb_8bit").generate(about([], "Where?"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"cut off"),
        ("tokenizer.json", b"{"),
        ("tokenizer.json", None),
        ("processor_config.json", None),
        ("chat_template.jinja", None),
        ("chat_template.jinja", b"{% if %}"),
        ("chat_template.jinja", b"no images"),
        ("config.json", b"{}"),
    ],
)
def test_an_incomplete_download_is_one_plain_error(
    tiny_qwen3vl: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = damaged(tiny_qwen3vl, tmp_path / "incomplete", name, content)
    with refused("incomplete cannot be loaded"):
        ask(folder)


def test_an_attention_kernel_that_does_not_exist_is_named(tiny_qwen3vl: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="nonsense"):
        ask(tiny_qwen3vl, attn_implementation="nonsense")

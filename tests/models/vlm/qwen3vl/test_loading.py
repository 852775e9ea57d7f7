from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile_folders import assert_code_is_never_run, damaged, refused
from models.vlm.asking import about, noise
from models.vlm.qwen3vl.reference import small
from tiny.checkpoints import with_weights

from pipeline.records.errors import DependencyError, ModelUnavailableError

AS_A_MODEL, AGAIN = " as a vision-language model", r"; copy it again\.$"


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
    ("name", "content", "reason"),
    [
        ("model.safetensors", b"cut off", ""),
        ("model.safetensors", b"", f"{AS_A_MODEL}: its model.safetensors is damaged{AGAIN}"),
        ("tokenizer.json", b"{", ""),
        ("tokenizer.json", None, ""),
        ("processor_config.json", None, ""),
        ("chat_template.jinja", None, ""),
        ("chat_template.jinja", b"{% if %}", ""),
        ("chat_template.jinja", b"no images", ""),
        ("config.json", b"{}", ""),
        ("config.json", b'{"model_type": "bert"}', " as Qwen3-VL, because its type is 'bert'"),
        ("config.json", {"model_type": ["qwen3_vl"]}, f"{AS_A_MODEL}: its config.json names no model_type.*{AGAIN}"),
        ("config.json", {"text_config": 5}, f"{AS_A_MODEL}: its config.json describes no model.*{AGAIN}"),
        ("config.json", {"vision_config": {"hidden_size": "x"}}, f"{AS_A_MODEL}: its .*{AGAIN}"),
    ],
)
def test_a_damaged_or_incomplete_download_is_one_plain_error(
    tiny_qwen3vl: Path, tmp_path: Path, name: str, content: Any, reason: str
) -> None:
    folder = damaged(tiny_qwen3vl, tmp_path / "incomplete", name, content)
    with refused(f"incomplete cannot be loaded{reason}"):
        ask(folder)


@pytest.mark.parametrize("known", [True, False])
def test_code_beside_a_vision_language_model_is_never_run(
    tiny_qwen3vl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    assert_code_is_never_run(ask, tiny_qwen3vl, tmp_path / "model", monkeypatch, known=known)


def test_missing_weights_are_refused_and_not_drawn_at_random(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    def without_a_layer(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: value for name, value in weights.items() if "layers.0" not in name}

    folder = with_weights(tiny_qwen3vl, tmp_path / "model", without_a_layer)
    with refused("not a complete Qwen3-VL: .* weights are missing"):
        ask(folder)


def test_an_attention_kernel_that_does_not_exist_is_named(tiny_qwen3vl: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="nonsense"):
        ask(tiny_qwen3vl, attn_implementation="nonsense")

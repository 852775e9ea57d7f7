from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from models.vlm.asking import about, noise

from pipeline.models.vlm.qwen3vl import Qwen3VL
from pipeline.records.errors import DependencyError, ModelUnavailableError

SMALL = {"device": "cpu", "min_pixels": 1024, "max_new_tokens": 8}


@pytest.mark.parametrize("name, package", [("torchao_int8", "torchao"), ("bnb_8bit", "bitsandbytes"),
                                           ("bnb_4bit", "bitsandbytes")])  # fmt: skip
def test_a_quantized_model_answers_and_says_how_it_is_stored(tiny_qwen3vl: Path, name: str, package: str) -> None:
    pytest.importorskip(package)
    model = Qwen3VL(str(tiny_qwen3vl), quantization=name, **SMALL)  # type: ignore[arg-type]
    generations = model.generate_all([about([noise(1)], "Where?"), about([noise(1)], "Why?")])
    assert all(generation.completion_tokens for generation in generations)  # type: ignore[union-attr]
    assert generations[0].settings["quantization"] == name  # type: ignore[union-attr]
    weight = model._loaded[0]._model.model.language_model.layers[0].mlp.up_proj.weight
    assert type(weight).__name__ != "Parameter"


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tiny_qwen3vl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    model = Qwen3VL(str(tiny_qwen3vl), quantization="bnb_8bit", **SMALL)  # type: ignore[arg-type]
    with pytest.raises(DependencyError, match="pip install bitsandbytes"):
        model.generate(about([], "Where?"))


@pytest.mark.parametrize(
    "name, content",
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
def test_an_incomplete_download_stops_the_run_with_one_error(
    tiny_qwen3vl: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = shutil.copytree(tiny_qwen3vl, tmp_path / "incomplete")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelUnavailableError, match="incomplete cannot be loaded"):
        Qwen3VL(str(folder), **SMALL).generate(about([], "Where?"))  # type: ignore[arg-type]

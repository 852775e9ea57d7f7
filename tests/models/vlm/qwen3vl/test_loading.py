from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_folders import assert_plain, edited, say_yes, with_code
from models.vlm.asking import about, noise
from models.vlm.qwen3vl.reference import small

from pipeline.records.errors import DependencyError, ModelUnavailableError


def refusal(folder: Path, message: str, **settings: Any) -> ModelUnavailableError:
    """The error of loading a checkpoint, whose message must match."""
    with pytest.raises(ModelUnavailableError, match=message) as caught:
        small(folder, max_new_tokens=2, **settings).generate(about([noise(1)], "Where?"))
    return caught.value


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
        ("model.safetensors", b"", r".*: its model\.safetensors is damaged; copy it again\.$"),
        ("tokenizer.json", b"{", ""),
        ("tokenizer.json", None, ""),
        ("processor_config.json", None, ""),
        ("chat_template.jinja", None, ""),
        ("chat_template.jinja", b"{% if %}", ""),
        ("chat_template.jinja", b"no images", ""),
        ("config.json", b"{}", ""),
        ("config.json", b'{"model_type": "bert"}', " as Qwen3-VL, because its type is 'bert'"),
    ],
)
def test_an_incomplete_download_stops_the_run_with_one_error(
    tiny_qwen3vl: Path, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    folder = shutil.copytree(tiny_qwen3vl, tmp_path / "incomplete")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    refusal(folder, f"incomplete cannot be loaded{reason}")


@pytest.mark.parametrize("known", [True, False])
def test_code_beside_a_vision_language_model_is_never_run(
    tiny_qwen3vl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    folder, written = with_code(tiny_qwen3vl, tmp_path / "model", known=known)
    answers = say_yes(monkeypatch)
    if known:
        small(folder).generate(about([noise(1)], "Where?"))
    else:
        assert_plain(refusal(folder, "loaded as a vision-language model: .*; copy it"))
    assert not written.exists()
    assert answers.tell() == 0, "nobody is asked"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": ["qwen3_vl"]}, "its config.json names no model_type"),
        ({"text_config": 5}, "its config.json describes no model"),
        ({"vision_config": {"hidden_size": "x"}}, "its "),
    ],
)
def test_a_configuration_that_is_wrong_gives_one_sentence(
    tiny_qwen3vl: Path, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    folder = edited(tiny_qwen3vl, tmp_path / "model", "config.json", **changes)
    assert_plain(refusal(folder, f"vision-language model: {reason}.*; copy it again"))


def test_missing_weights_are_refused_and_not_drawn_at_random(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_qwen3vl, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layers.0" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    assert_plain(refusal(folder, "not a complete Qwen3-VL: .* weights are missing"))


def test_an_attention_kernel_that_does_not_exist_is_named(tiny_qwen3vl: Path) -> None:
    refusal(tiny_qwen3vl, "nonsense", attn_implementation="nonsense")

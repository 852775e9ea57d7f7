"""Checkpoints of Qwen3-VL that are damaged, or written to harm."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hostile_folders import assert_plain, edited, say_yes, with_code
from models.vlm.asking import about, noise

from pipeline.models.vlm.qwen3vl import Qwen3VL
from pipeline.records.errors import ModelUnavailableError


def ask(folder: Path, **settings: object) -> None:
    model = Qwen3VL(str(folder), device="cpu", min_pixels=1024, max_new_tokens=2, **settings)  # type: ignore[arg-type]
    model.generate(about([noise(1)], "Where?"))


@pytest.mark.parametrize("known", [True, False])
def test_code_beside_a_vision_language_model_is_never_run(
    tiny_qwen3vl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    folder, written = with_code(tiny_qwen3vl, tmp_path / "model", known=known)
    answers = say_yes(monkeypatch)
    if known:
        ask(folder)
    else:
        with pytest.raises(ModelUnavailableError, match=r"loaded as a vision-language model: .*; copy it") as caught:
            ask(folder)
        assert_plain(caught.value)
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
    with pytest.raises(ModelUnavailableError, match=f"vision-language model: {reason}.*; copy it again") as caught:
        ask(folder)
    assert_plain(caught.value)


def test_damaged_weights_are_named(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_qwen3vl, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelUnavailableError, match=r"its model\.safetensors is damaged; copy it again\.$") as caught:
        ask(folder)
    assert_plain(caught.value)


def test_missing_weights_are_refused_and_not_drawn_at_random(tiny_qwen3vl: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny_qwen3vl, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layers.0" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"not a complete Qwen3-VL: .* weights are missing") as caught:
        ask(folder)
    assert_plain(caught.value)


def test_an_attention_kernel_that_does_not_exist_is_named(tiny_qwen3vl: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="nonsense"):
        ask(tiny_qwen3vl, attn_implementation="nonsense")

"""Depth checkpoints that are damaged, or written to harm."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hostile_folders import Executed, assert_plain, edited, say_yes, with_code
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny.depth_cases import CASES, make_frame

from pipeline import cli
from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.midas_v21 import read_network
from pipeline.models.depth.weight_files import read_weights
from pipeline.models.hub import locate_model, model_status
from pipeline.records.errors import ModelUnavailableError

PROCESSOR = "preprocessor_config.json"
HUGE_HEADER = (2**62).to_bytes(8, "little") + b"{}"


def estimate(folder: Path) -> None:
    MidasDepth(str(folder), "disparity_affine", device="cpu").estimate([make_frame(32, 32)])


@pytest.mark.parametrize("known", [True, False])
def test_code_beside_a_depth_model_is_never_run(tiny_dpt, tmp_path, monkeypatch, known):
    folder, written = with_code(tiny_dpt, tmp_path / "model", known=known)
    answers = say_yes(monkeypatch)
    if known:
        estimate(folder)
    else:
        with pytest.raises(
            ModelUnavailableError, match=r"model cannot be loaded as a depth model: .*; copy it"
        ) as caught:
            estimate(folder)
        assert_plain(caught.value)
    assert not written.exists()
    assert answers.tell() == 0, "nobody is asked"


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("config.json", {"hidden_size": "x"}, "its config.json describes no model"),
        ("config.json", {"hidden_size": 64}, "its weights do not fit its config.json"),
        ("config.json", {"num_channels": 1}, "its config.json describes no model"),
        ("config.json", {"model_type": ["dpt"]}, "its config.json names no model_type"),
        ("config.json", {"model_type": "nothing"}, "its config.json describes no model"),
        ("config.json", {"backbone_out_indices": "abc"}, "its (config.json|weights)"),
        (PROCESSOR, {"image_processor_type": 5}, f"its {PROCESSOR}"),
        (PROCESSOR, {"image_mean": "abc"}, f"its {PROCESSOR}"),
        (PROCESSOR, {"image_mean": [float("nan")] * 3}, f"its {PROCESSOR}"),
        (PROCESSOR, {"image_std": [0, 0, 0]}, f"its {PROCESSOR}"),
        (PROCESSOR, {"size": "abc"}, f"its {PROCESSOR}"),
        (PROCESSOR, {"size": {"height": 0, "width": 0}}, f"its {PROCESSOR}"),
        (PROCESSOR, {"rescale_factor": "abc"}, f"its {PROCESSOR}"),
    ],
)
def test_settings_of_a_depth_model_that_are_wrong_give_one_sentence(tiny_dpt, tmp_path, name, changes, reason):
    folder = edited(tiny_dpt, tmp_path / "model", name, **changes)
    with pytest.raises(
        ModelUnavailableError, match=f"cannot be loaded as a depth model: {reason}.*; copy it again"
    ) as caught:
        estimate(folder)
    assert_plain(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", HUGE_HEADER),
        ("model.safetensors", b"\xff" * 100),
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b"\xff"),
        (PROCESSOR, b"[" * 100_000),
        (PROCESSOR, b"7"),
        (PROCESSOR, None),
    ],
)
def test_files_of_a_depth_model_that_are_damaged_are_named(tiny_dpt, tmp_path, name, content):
    folder = shutil.copytree(tiny_dpt, tmp_path / "model")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(
        ModelUnavailableError, match=f"cannot be loaded as a depth model: its {name} .*; copy it again"
    ) as caught:
        estimate(folder)
    assert_plain(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_weights_of_other_shapes_are_refused_by_every_depth_backend(name, tmp_path):
    case = CASES[name]
    case.save(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    key = next(key for key in weights if "head" in key and key.endswith(".weight"))
    save_file(weights | {key: torch.zeros(3, 2)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"weights do not fit its config\.json; copy it again") as caught:
        case.build(tmp_path).estimate([make_frame(32, 32)])
    assert_plain(caught.value)


def test_a_pickle_that_would_execute_is_refused_without_advice_to_run_it(tiny_dpt, tmp_path):
    folder, written = tmp_path / "model", tmp_path / "executed"
    shutil.copytree(tiny_dpt, folder)
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Executed(written)}, folder / "pytorch_model.bin")
    with pytest.raises(
        ModelUnavailableError, match=r"its pytorch_model.bin is damaged, or holds other things"
    ) as caught:
        estimate(folder)
    assert_plain(caught.value)
    torch.save({"weight": Executed(written)}, tmp_path / "midas.pt")
    with pytest.raises(ModelUnavailableError, match="holds other things than weights") as caught:
        read_network(tmp_path / "midas.pt")
    assert_plain(caught.value)
    assert not written.exists()


def test_a_damaged_depth_model_ends_the_command_with_one_line_and_code_2(tiny_dpt, tmp_path, monkeypatch, capfd):
    folder = edited(tiny_dpt, tmp_path / "model", "config.json", hidden_size=64)
    (tmp_path / "claims.json").write_text('[{"relation": "left_of", "subject": "a", "object": "b"}]')
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_set_up_logging", lambda verbose: None)  # It lasts for the whole process.
    given = ["input=photo.png", "claims=claims.json", "depth=midas", f"depth.model={folder}", "output_dir=o"]
    assert cli.main(["verify", *given]) == 2
    written = " ".join(capfd.readouterr().err.split())
    assert "cannot be loaded as a depth model: its weights do not fit its config.json; copy it again." in written
    assert "MISMATCH" not in written


def old_format(path: Path) -> None:
    torch.save({"a": torch.ones(3), "b": torch.ones(2, 2)}, path, _use_new_zipfile_serialization=False)


def new_format(path: Path) -> None:
    torch.save({"a": torch.ones(3), "b": torch.ones(2, 2)}, path)


@pytest.mark.parametrize("write", [old_format, new_format])
def test_weights_that_were_cut_or_changed_anywhere_are_one_plain_error(tmp_path, write: Callable[[Path], None]):
    path = tmp_path / "weights.pt"
    write(path)
    whole, generator = path.read_bytes(), random.Random(0)
    for trial in range(150):
        damaged = bytearray(whole[: generator.randrange(len(whole))] if trial % 3 == 0 else whole)
        for _ in range(generator.randrange(1, 8) if damaged else 0):
            damaged[generator.randrange(min(len(damaged), 700))] = generator.randrange(256)
        path.write_bytes(damaged)
        with pytest.raises(ModelUnavailableError) as caught:
            read_network(path)
        assert_plain(caught.value)


@pytest.mark.parametrize("length", [0, 1, 17, 18, 19, 40])
def test_a_cut_file_of_the_old_format_is_called_damaged(tmp_path, length):
    path = tmp_path / "weights.pt"
    old_format(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelUnavailableError, match=r"cannot be read as weights: it is (damaged|empty)") as caught:
        read_network(path)
    assert_plain(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        {1: torch.ones(1)},
        {"a": torch.ones(3).to_sparse()},
        {"a": torch.ones(3, dtype=torch.complex64)},
        {"a": torch.ones(3, device="meta")},
        {"model": {"a": 1}},
        torch.ones(3),
        None,
    ],
)
def test_what_is_no_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(ModelUnavailableError, match="no weights"):
        read_weights(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    "index", ["{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {}}', '{"weight_map": {"a": 5}}']
)
def test_a_damaged_index_of_weights_is_an_incomplete_model(tmp_path, index):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "dpt"}))
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert model_status(str(tmp_path)) == "not downloaded"
    with pytest.raises(ModelUnavailableError, match="no complete model"):
        locate_model(str(tmp_path))


@pytest.mark.parametrize("name", ["~nobody-of-this-name/model", "a" * 5000, "with\0zero", "../.."])
def test_a_path_that_cannot_be_one_is_no_model(name):
    assert model_status(name) == "not downloaded"
    with pytest.raises(ModelUnavailableError):
        locate_model(name)

"""Depth checkpoints that are damaged or malicious."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from hostile_folders import Executed, damaged, edited, refused
from models.depth.checks import head_weight
from PIL import Image
from tiny.checkpoints import with_weights
from tiny.depth_cases import CASES, make_frame

from pipeline import cli
from pipeline.models.depth.midas import MidasDepth
from pipeline.models.depth.midas_v21 import read_network
from pipeline.models.depth.weight_files import read_weights
from pipeline.models.hub import locate_model, model_status
from pipeline.records.errors import ModelUnavailableError


@pytest.mark.parametrize("name", CASES)
def test_weights_of_other_shapes_are_refused_by_every_depth_backend(checkpoints, name, tmp_path):
    folder = with_weights(
        checkpoints[name], tmp_path, lambda weights: weights | {head_weight(weights): torch.zeros(3, 2)}
    )
    with refused(r"weights do not fit its config\.json; copy it again"):
        CASES[name].build(folder).estimate([make_frame(32, 32)])


def test_a_pickle_that_would_execute_is_refused_without_advice_to_run_it(tiny_dpt, tmp_path):
    folder, written = damaged(tiny_dpt, tmp_path / "model", "model.safetensors", None), tmp_path / "executed"
    backend = MidasDepth(str(folder), "disparity_affine", device="cpu")
    loads = {folder / "pytorch_model.bin": lambda: backend.estimate([make_frame(32, 32)]),
             tmp_path / "midas.pt": lambda: read_network(tmp_path / "midas.pt")}  # fmt: skip
    for path, load in loads.items():
        torch.save({"weight": Executed(written)}, path)
        with refused("is damaged, or does not hold weights alone"):
            load()
    assert not written.exists()


def test_a_damaged_depth_model_ends_the_command_with_one_line_and_code_2(tiny_dpt, tmp_path, monkeypatch, capfd):
    folder = edited(tiny_dpt, tmp_path / "model", "config.json", hidden_size=64)
    (tmp_path / "claims.json").write_text('[{"relation": "left_of", "subject": "a", "object": "b"}]')
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "set_up_logging", lambda *_: None)  # It lasts for the whole process.
    given = ["input=photo.png", "claims=claims.json", "depth=midas", f"depth.model={folder}", "output_dir=o"]
    assert cli.main(["verify", *given]) == 2
    written = " ".join(capfd.readouterr().err.split())
    assert "cannot be loaded as a depth model: its weights do not fit its config.json; copy it again." in written
    assert "MISMATCH" not in written


def save_weights(path: Path, new_format: bool = False) -> None:
    torch.save({"a": torch.ones(3), "b": torch.ones(2, 2)}, path, _use_new_zipfile_serialization=new_format)


@pytest.mark.parametrize("new_format", [False, True])
def test_weights_that_were_cut_or_changed_anywhere_are_one_plain_error(tmp_path, new_format):
    path = tmp_path / "weights.pt"
    save_weights(path, new_format)
    whole, generator = path.read_bytes(), random.Random(0)
    for trial in range(150):
        damaged = bytearray(whole[: generator.randrange(len(whole))] if trial % 3 == 0 else whole)
        for _ in range(generator.randrange(1, 8) if damaged else 0):
            damaged[generator.randrange(min(len(damaged), 700))] = generator.randrange(256)
        path.write_bytes(damaged)
        with refused("weights"):
            read_network(path)


@pytest.mark.parametrize("length", [0, 1, 17, 18, 19, 40])
def test_a_cut_file_of_the_old_format_is_called_damaged(tmp_path, length):
    path = tmp_path / "weights.pt"
    save_weights(path)
    path.write_bytes(path.read_bytes()[:length])
    with refused(r"cannot be read as weights: it is (damaged|empty)"):
        read_network(path)


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
def test_a_file_that_does_not_hold_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(ModelUnavailableError, match=r"holds no weights|holds tensors that are not weights"):
        read_weights(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    "index", ["{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {}}', '{"weight_map": {"a": 5}}']
)
def test_a_damaged_index_of_weights_is_an_incomplete_model(tmp_path, index):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "dpt"}))
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert model_status(str(tmp_path)) == "not downloaded"
    with pytest.raises(ModelUnavailableError, match="not a complete model"):
        locate_model(str(tmp_path))


@pytest.mark.parametrize("name", ["~nobody-of-this-name/model", "a" * 5000, "with\0zero", "../.."])
def test_an_impossible_path_is_not_a_model(name):
    assert model_status(name) == "not downloaded"
    with pytest.raises(ModelUnavailableError):
        locate_model(name)

from __future__ import annotations

import io
from pathlib import Path

import pytest
from huggingface_hub import constants
from omegaconf import OmegaConf
from rich.console import Console
from tiny.depth_networks import build_tiny_depth_anything

import pipeline
from pipeline.api import load_config
from pipeline.config.options import options_of
from pipeline.console.doctor import ModelRow, model_rows, print_report

PACKAGE = Path(pipeline.__file__).parent
STATES = {"on disk", "not downloaded", "package not installed"}


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def write(path: Path, **keys: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create(keys), path)


def test_every_depth_option_with_a_model_is_listed_and_documented_as_it_is_composed(repository, empty_cache):
    lines = (repository / "docs" / "models.md").read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("| `")]
    documented = {name: cells[2:5] for cells in table for name in cells[1].replace("`", "").split(", ")}
    rows = {row.choice: row for row in model_rows()}
    assert all(row.state in STATES and row.size.endswith(" GB") for row in rows.values())
    names = set(options_of("depth")) - {"file", "none"}
    assert {f"depth={name}" for name in names} == {choice for choice in rows if choice.startswith("depth=")}
    for name in names:
        row, config = rows[f"depth={name}"], load_config([f"depth={name}"], "eval_depth").depth
        assert row[1:4] == (config.model, f"{config.size_gb:g} GB", config.licence)
        assert documented.get(name) == [f"`{config.kind}`", row.licence, row.size], name


def test_own_options_are_listed_with_the_keys_of_the_files_that_they_build_on(tmp_path, empty_cache, monkeypatch):
    monkeypatch.setenv("THEODOLITE_CONF", str(tmp_path))
    target = "pipeline.models.depth.depth_anything.DepthAnythingDepth"
    write(tmp_path / "depth/common/all.yaml", revision=None, licence="none")
    write(
        tmp_path / "depth/first.yaml",
        defaults=["common/all@_here_", "_self_"],
        _target_=target,
        model="a/b",
        size_gb=0.5,
        licence="MIT",
    )
    folder = build_tiny_depth_anything(tmp_path / "tiny")
    write(tmp_path / "depth/second.yaml", defaults=["first", "_self_"], model=str(folder))
    write(tmp_path / "depth/third.yaml", _target_=target, model="a/b")
    assert [row for row in model_rows() if row.choice in ("depth=first", "depth=second", "depth=third")] == [
        ModelRow("depth=first", "a/b", "0.5 GB", "MIT", "not downloaded"),
        ModelRow("depth=second", str(folder), "0.5 GB", "MIT", "on disk"),
    ]


class PackagedModel:
    """A backend that tells itself whether its model is there."""

    @classmethod
    def model_status(cls, model: str, revision: str | None = None) -> str:
        return f"{model} at {revision} is elsewhere"


def test_a_class_may_tell_the_state_of_its_model_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("THEODOLITE_CONF", str(tmp_path))
    target = f"{__name__}.PackagedModel"
    write(tmp_path / "depth/own.yaml", _target_=target, model="weights.pt", size_gb=1, revision="v1")
    assert [row.state for row in model_rows() if row.choice == "depth=own"] == ["weights.pt at v1 is elsewhere"]


def test_in_a_file_each_model_stays_on_one_line(empty_cache):
    file = io.StringIO()
    print_report(Console(file=file))
    lines = file.getvalue().splitlines()
    assert any(line.startswith("Device: ") for line in lines)
    assert {f"Module pipeline: {PACKAGE}, from Theodolite only", "Own options: no folder, which does not exist"} <= set(
        lines
    )
    for row in model_rows():
        assert [line for line in lines if all(cell in line for cell in row)], row

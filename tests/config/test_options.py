from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.api import load_config
from pipeline.config.options import groups_of, option, options_of, user_folder
from pipeline.records.errors import ConfigError

DEBUG = {"limit": 1, "cache_dir": None, "verbose": True}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder, with a model and the settings of this machine."""
    monkeypatch.setenv("THEODOLITE_CONF", str(tmp_path))
    for path, text in {
        "depth/mine.yaml": "defaults: [/depth/midas/common@_here_, _self_]\nmodel: mine",
        "local/default.yaml": "# @package _global_\ncache_dir: elsewhere\noutput_dir: there",
    }.items():
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text(text)
    return tmp_path


def test_options_are_named_by_their_path_and_shared_files_are_not_options() -> None:
    assert options_of("query") == ["default"]
    assert {"midas", "midas/dpt_large", "midas/v21"} <= set(options_of("depth"))
    assert not [name for name in options_of("depth") if "common" in name]
    assert options_of("") == options_of("nothing") == []


@pytest.mark.parametrize("name", ["midas", "midas/v21_small", "moge", "nano", "zoedepth/nyu"])
def test_the_keys_of_an_option_are_those_that_are_composed(name: str) -> None:
    assert option("depth", name) == load_config([f"depth={name}"], "eval_depth").depth


def test_a_commands_groups_are_those_of_its_defaults() -> None:
    assert groups_of("eval_depth") == ["dataset", "depth", "protocol", "local", "debug"]


def test_own_options_can_be_chosen_and_listed(own: Path) -> None:
    assert "mine" in options_of("depth")
    config = load_config(["depth=mine"], "eval_depth")
    assert (config.depth.model, config.depth.kind) == ("mine", "disparity_affine")
    assert option("depth", "mine") == config.depth


@pytest.mark.parametrize("config_name", ["run", "eval_claims", "eval_depth"])
def test_settings_of_the_machine_win_over_defaults_debugging_over_them_and_the_command_line_over_all(
    own: Path, config_name: str
) -> None:
    config = load_config([], config_name)
    assert (config.cache_dir, config.output_dir, config.verbose) == ("elsewhere", "there", False)
    config = load_config(["debug=default", "output_dir=here"], config_name)
    assert {key: config[key] for key in DEBUG} == DEBUG
    assert config.output_dir == "here"


@pytest.mark.parametrize(
    "content, words", [(b"a: [b", "not valid YAML"), (b"\xff\xfe\x80", "not valid YAML"), (b"- a", "keys")]
)
def test_a_broken_file_of_ones_own_is_named(own: Path, content: bytes, words: str) -> None:
    (own / "depth" / "broken.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"broken\.yaml .*{words}"):
        option("depth", "broken")


def test_debugging_can_shrink_images() -> None:
    config = load_config(["debug=small", "input=photo.jpg"])
    assert (config.input.max_side_px, config.query.budget.tokens, config.limit) == (384, 256, 1)
    assert set(config) == set(load_config()), "no key is new"


def test_the_folder_of_own_options_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THEODOLITE_CONF")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/settings")
    assert user_folder() == Path("/settings/theodolite")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert user_folder() == Path.home() / ".config" / "theodolite"

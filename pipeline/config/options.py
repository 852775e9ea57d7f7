"""The options of every config group, read from their files without composing a whole configuration."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from pipeline.records.errors import ConfigError
from pipeline.records.resources import resource_dir

# Groups whose options set keys of other groups.
OF_SEVERAL = ("experiment", "local", "debug")
# Files and folders that several options build on; they are not options themselves.
_SHARED = "common"


def user_folder() -> Path:
    """Folder of the user's own options, which may not exist: ``$THEODOLITE_CONF``, or ``~/.config/theodolite``."""
    own = os.environ.get("THEODOLITE_CONF")
    return Path(own) if own else Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "theodolite"


def options_of(group: str) -> list[str]:
    """Names of the options of a config group, such as ``midas`` and ``midas/dpt_large``; empty for an unknown group."""
    folders = [folder / group for folder in _folders()] if group else []
    names = {path.relative_to(folder).with_suffix("") for folder in folders for path in folder.rglob("*.yaml")}
    return sorted(name.as_posix() for name in names if _SHARED not in name.parts)


def option(group: str, name: str) -> DictConfig:
    """The keys of one option, including those of the files in its defaults list."""
    return _merged(PurePosixPath(group, name))


def groups_of(config_name: str) -> list[str]:
    """The groups that a command's configuration chooses from, in order.

    Args:
        config_name: Name of a file in ``conf/``, without its suffix.
    """
    defaults = OmegaConf.load(_file(PurePosixPath(config_name))).defaults
    return [str(group).split()[-1] for entry in defaults if isinstance(entry, DictConfig) for group in entry]


def _folders() -> tuple[Path, ...]:
    return resource_dir("conf"), user_folder()


def _file(place: PurePosixPath) -> Path:
    """The file in the first folder that has it."""
    files = [folder / f"{str(place).strip('/')}.yaml" for folder in _folders()]
    return next((file for file in files if file.is_file()), files[0])


def _merged(place: PurePosixPath) -> DictConfig:
    file = _file(place)
    try:
        own = OmegaConf.load(file)
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(own, DictConfig):
        raise ConfigError(f"{file} must hold keys with values, not a list.")
    # A default that overrides another group is a dictionary and adds no keys here.
    names = [str(entry).partition("@")[0] for entry in own.pop("defaults", ["_self_"]) if isinstance(entry, str)]
    parts = [own if name == "_self_" else _merged(PurePosixPath("/", place).parent / name) for name in names]
    merged = OmegaConf.merge(*parts, own)
    assert isinstance(merged, DictConfig)
    return merged

"""The options of every config group, read from the files of ``conf/`` without composing a whole configuration."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from pipeline.records.resources import resource_dir

# Files and folders that several options build on; they are no options themselves.
_SHARED = "common"


def options_of(group: str, conf: Path | None = None) -> list[str]:
    """Names of the options of a config group, such as ``midas`` and ``midas/dpt_large``; empty for no group.

    Args:
        group: Name of the group.
        conf: Folder of configurations; None takes the package's own.
    """
    folder = (conf or resource_dir("conf")) / group
    names = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.yaml"))
    return sorted(name.as_posix() for name in names if group and _SHARED not in name.parts)


def option(group: str, name: str, conf: Path | None = None) -> DictConfig:
    """The keys of one option, with those of the files that its defaults put in the same place.

    Args:
        group: Name of the group.
        name: Name of the option.
        conf: Folder of configurations; None takes the package's own.
    """
    conf = conf or resource_dir("conf")
    return _merged(conf, conf / group / f"{name}.yaml")


def _merged(conf: Path, path: Path) -> DictConfig:
    own = OmegaConf.load(path)
    assert isinstance(own, DictConfig)
    # A default that overrides another group is a dictionary, and puts nothing here.
    names = [str(entry).partition("@")[0] for entry in own.pop("defaults", ["_self_"]) if isinstance(entry, str)]
    parts = [
        own
        if name == "_self_"
        else _merged(conf, (conf if name[0] == "/" else path.parent) / f"{name.strip('/')}.yaml")
        for name in names
    ]
    merged = OmegaConf.merge(*parts, own)
    assert isinstance(merged, DictConfig)
    return merged


def groups_of(config_name: str, conf: Path | None = None) -> list[str]:
    """The groups that a command's configuration chooses options of, in their order.

    Args:
        config_name: Name of a file in ``conf/``, without its suffix.
        conf: Folder of configurations; None takes the package's own.
    """
    defaults = OmegaConf.load((conf or resource_dir("conf")) / f"{config_name}.yaml").defaults
    return [str(group).split()[-1] for entry in defaults if isinstance(entry, DictConfig) for group in entry]

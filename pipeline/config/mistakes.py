"""Errors of a configuration in one line: what is wrong, and the nearest key or option that exists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from omegaconf import OmegaConf

from pipeline.config.options import OF_SEVERAL, groups_of, option, options_of
from pipeline.records.resources import resource_dir

# Names that a message lists, and suggestions that it makes.
_MOST_NAMED = 5
_MOST_SUGGESTED = 3
# Similarity that whole keys need, in [0, 1]; they share groups, so they are more similar than single names.
_ALIKE = 0.75


def describe(error: Exception, config_name: str = "run") -> str:
    """The error of Hydra or OmegaConf in one line.

    Args:
        error: The error.
        config_name: File in ``conf/`` that was composed, without its suffix.
    """
    lines = str(error).partition("Config search path:")[0].splitlines()
    kept = [line for line in lines if not line.lstrip().startswith(("full_key:", "object_type=", "reference_type="))]
    text = " ".join(" ".join(kept).split()) or type(error).__name__
    if key := re.match(r"Could not override '((?!hydra\b)[\w./-]+)'", text):
        return _unknown_key(key[1], config_name)
    if choice := re.search(r"Could not find '(\w+)/(\S*)' Available options in '\w+': (.*)", text):
        return _unknown_option(choice[1], choice[2], choice[3].split())
    return text


def some_of(names: Iterable[str]) -> str:
    """The first few names, and the number of the others."""
    names = list(names)
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _unknown_option(group: str, name: str, available: Iterable[str]) -> str:
    """The group's most similar options, and all of the same family, such as ``midas/``."""
    known = sorted({*options_of(group), *available})
    near = [f"{group}={each}" for each in get_close_matches(name, known, n=_MOST_SUGGESTED)]
    suggestion = f"did you mean {' or '.join(near)}? Options:" if near else "choose one of"
    families = {each: each.rpartition("/")[0] for each in known}
    family = name.rpartition("/")[0]
    listed = [each for each in known if families[each] == (family if family in families.values() else "")]
    return f"There is no {group}={name}; {suggestion} {', '.join(listed)}."


def _unknown_key(key: str, config_name: str) -> str:
    """The options that have the key, otherwise similar keys, otherwise its siblings."""
    owners = _known_keys(config_name)
    if having := owners.get(key):
        it = "it" if len(having) == 1 else "one of them"
        return f"{key} is a key of {some_of(having)} only; choose {it}, or leave the key out."
    if key in owners:
        return f"{key} must be the name of an option, such as {some_of(options_of(key))}; {key}.KEY=VALUE sets a key."
    parent, _, name = key.rpartition(".")
    group = key.partition(".")[0]
    near = [known for known in owners if known.startswith(f"{group}.") and known.endswith(f".{name}")]
    near = near or [f"{parent}.{each}".strip(".") for each in get_close_matches(name, _children(parent, owners))]
    if near or (parent not in ("", *owners) and (near := get_close_matches(key, owners, cutoff=_ALIKE))):
        return f"There is no key {key}; did you mean {' or '.join(near[:_MOST_SUGGESTED])}?"
    while not (beside := _children(parent, owners)):
        parent = parent.rpartition(".")[0]
    return f"There is no key {key}; {parent or 'the configuration'} has the keys {', '.join(beside)}."


def _children(parent: str, keys: Iterable[str]) -> list[str]:
    """Names directly below a dotted key; below the empty key, those at the top."""
    start = f"{parent}." if parent else ""
    return sorted({key.removeprefix(start).partition(".")[0] for key in keys if key.startswith(start)})


def _known_keys(config_name: str) -> dict[str, list[str]]:
    """Every key of the configuration and of its groups' options, with the choices that have it."""
    root = OmegaConf.load(resource_dir("conf") / f"{config_name}.yaml")
    owners: dict[str, list[str]] = {key: [] for key in _keys(OmegaConf.to_container(root))}
    for group in groups_of(config_name):
        owners[group] = []
        for name in options_of(group) if group not in OF_SEVERAL else ():
            choice = f"{group}=PATH" if (group, name) == ("input", "auto") else f"{group}={name}"
            for key in _keys(OmegaConf.to_container(option(group, name))):
                owners.setdefault(f"{group}.{key}", []).append(choice)
    return owners


def _keys(node: object) -> Iterator[str]:
    """The dotted keys of a configuration as plain dictionaries, nodes included."""
    for key, child in node.items() if isinstance(node, dict) else ():
        if key[0] != "_" and key not in ("defaults", "hydra"):
            yield key
            yield from (f"{key}.{below}" for below in _keys(child))

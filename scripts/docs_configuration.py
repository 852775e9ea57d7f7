"""The reference of configuration keys, read from the comments in conf/.

A comment above a key belongs to it, and to the keys without a comment that follow it directly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

GROUPS = {
    "input": "where images come from",
    "depth": "depth networks and depth files",
    "ocr": "text in images",
    "vlm": "the vision-language model",
    "query": "how the model is asked",
    "segment": "masks for boxes",
    "verify": "how claims are judged",
    "noise": "errors of depth",
    "weights": "weights of cues",
    "calibration": "calibration of verdicts",
    "export": "what is written",
    "engine": "processes and machines",
    "hydra": "sweeps on Slurm, `hydra/launcher=slurm`",
    "dataset": "data sets",
    "protocol": "how depth error is measured",
    "sets": "what `fit` fits on",
    "experiment": "settings of several groups",
    "debug": "settings for finding mistakes",
    "common": "shared by all commands",
}
COMMANDS = {
    "run": "run, verify",
    "eval_claims": "eval-claims",
    "eval_depth": "eval-depth",
    "fit": "fit",
    "serve": "serve",
}
# Groups whose options set keys of other groups.
_OF_SEVERAL = ("experiment", "debug", "common")
# Where the keys of a group are, if not below its name.
PLACES = {"hydra": "hydra.launcher"}
_LONGEST_DEFAULT = 100
# Overrides, paths, patterns, variables, names of files.
_CODE = r"\w=\S|\w/\w.*/|\*|_|^\$\{|\.(?:yaml|jsonl?|html|npy)$"


@dataclass(frozen=True)
class Key:
    """One key of a configuration file.

    Args:
        path: Its name with dots, within the file.
        default: Its value as the file states it.
        comment: What the file says about it; empty where it says nothing.
        inherited: The comment of the key above it, which may be about both.
    """

    path: str
    default: str
    comment: str
    inherited: str = ""


def keys_of(text: str) -> tuple[str, list[str], list[Key]]:
    """The opening comment of a configuration file, what it builds on, and its keys in order."""
    root = yaml.compose(text, yaml.SafeLoader)
    lines = text.splitlines()
    keys: list[Key] = []
    parents: list[str] = []
    if not isinstance(root, yaml.MappingNode):
        return _head(lines), parents, keys
    for key, value in root.value:
        if key.value == "defaults":
            parents = [entry.value for entry in value.value if isinstance(entry, yaml.ScalarNode)]
    _walk(root, "", text, lines, keys)
    return _head(lines), [name.partition("@")[0] for name in parents if name != "_self_"], keys


def _walk(node: yaml.MappingNode, prefix: str, text: str, lines: list[str], keys: list[Key]) -> None:
    last_line, last_comment = -2, ""
    for key, value in node.value:
        line, name = key.start_mark.line, str(key.value)
        comment = _comment_above(lines, line)
        inherited = last_comment if not comment and line == last_line + 1 else ""
        is_parent = isinstance(value, yaml.MappingNode) and not value.flow_style and bool(value.value)
        is_shown = not name.startswith("_") and (prefix or name not in ("defaults", "hydra"))
        last_line = value.end_mark.line - (value.end_mark.column == 0)
        last_comment = "" if is_parent or not is_shown else comment or inherited
        if not is_shown:
            continue
        path = f"{prefix}{name}"
        if is_parent:
            if comment:
                keys.append(Key(path, "", comment))
            _walk(value, f"{path}.", text, lines, keys)
        else:
            raw = text[value.start_mark.index : value.end_mark.index]
            keys.append(Key(path, " ".join(raw.split()) or "null", comment, inherited))


def _comment_above(lines: list[str], line: int) -> str:
    """The comment right above a line; that which opens the file is about the file."""
    first = line
    while first and lines[first - 1].strip().startswith("#"):
        first -= 1
    return " ".join(text.strip().lstrip("#").strip() for text in lines[first:line]) if first else ""


def _head(lines: list[str]) -> str:
    """The comment that opens a file, where it speaks of the whole file rather than of its first key."""
    found = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            found.append(line.lstrip("#").strip())
    return " ".join(found)


def files_of(conf: Path, group: str) -> list[Path]:
    """The files of a group: its default first, those that others build on before the others."""
    files = sorted((conf / group).rglob("*.yaml"))
    return sorted(files, key=lambda file: (file.stem not in ("default", "auto"), "common" not in file.parts[-2:]))


def group_page(conf: Path, group: str) -> str:
    """The page of one group, in Markdown."""
    files = files_of(conf, group)
    read = {file: keys_of(file.read_text("utf-8")) for file in files}
    prefix = "" if group in _OF_SEVERAL else f"{PLACES.get(group, group)}."
    known = _known([key for _, _, keys in read.values() for key in keys], prefix)
    parts = [f"# `{group}`: {GROUPS[group]}", ""]
    for file, (head, parents, keys) in read.items():
        option = file.relative_to(conf / group).with_suffix("").as_posix()
        is_shared = "common" in Path(option).parts
        parts += [f"## {option if is_shared else f'{group}={option}'}", "", marked(head), ""]
        if parents:
            folder = Path(group, option).parent.as_posix()
            names = ", ".join(
                f"`{name.strip('/') if name.startswith('/') else f'{folder}/{name}'}`" for name in parents
            )
            parts += [f"Builds on {names}, and takes its keys too.", ""]
        if made := re.search(r"(?m)^_target_: *(\S+)", file.read_text("utf-8")):
            parts += [f"Makes a `{made[1]}`.", ""]
        meant = [replace(key, path=f"{prefix}{key.path}", comment=_meaning(key, known)) for key in keys]
        parts += [_table(meant), ""]
    return "\n".join(parts)


def _known(keys: list[Key], prefix: str) -> dict[str, str]:
    """What keys mean, by their names: an option that changes a key of another one does not repeat it."""
    known: dict[str, str] = {}
    for key in keys:
        if key.comment:
            known.setdefault(key.path, key.comment)
    for key in sorted(keys, key=lambda key: not key.comment):
        if key.comment or key.inherited:
            # Of a key of the same name elsewhere, only the meaning holds, and not where its number comes from.
            name = key.path.rpartition(".")[2]
            known.setdefault(name if key.comment else f"{name} by its neighbour", f"As `{prefix}{key.path}`.")
    return known


def _meaning(key: Key, known: dict[str, str]) -> str:
    name = key.path.rpartition(".")[2]
    elsewhere = known.get(name) or key.inherited or known.get(f"{name} by its neighbour", "")
    return key.comment or known.get(key.path) or elsewhere


def command_page(conf: Path) -> str:
    """The page of the keys that belong to no group, and of what each group is for."""
    parts = [
        "# Configuration",
        "",
        "Every command composes its configuration from one file in `conf/` and one option of each group. "
        "`GROUP=OPTION` chooses an option, `GROUP.KEY=VALUE` sets a key, and `--cfg job` prints the whole. The tables "
        "are made from the comments in these files; `null` stands for no value, and `???` for one that you must give.",
        "",
        "| group | is |",
        "| --- | --- |",
        *(f"| [`{group}`]({group}.md) | {title} |" for group, title in GROUPS.items() if (conf / group).is_dir()),
        "",
    ]
    for name, commands in COMMANDS.items():
        found = keys_of((conf / f"{name}.yaml").read_text("utf-8"))[2]
        keys = [replace(key, comment=_meaning(key, {})) for key in found]
        parts += [f"## Keys of {commands}", "", _table(keys), ""]
    return "\n".join(parts)


def _table(keys: list[Key]) -> str:
    if not keys:
        return "It has no keys of its own."
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for key in keys:
        default = key.default if len(key.default) <= _LONGEST_DEFAULT else f"{key.default[:_LONGEST_DEFAULT]} …"
        rows.append(f"| `{key.path}` | {f'`{cell(default)}`' if default else ''} | {marked(key.comment)} |")
    return "\n".join(rows)


def cell(text: str) -> str:
    """Text for a cell of a table, in which a bar would start another one."""
    return text.replace("|", "&#124;") if "`" not in text and "|" in text else text


def marked(text: str) -> str:
    """A comment as Markdown: what looks like an override, a path or a pattern becomes code, and nothing markup."""
    if not text:
        return ""
    words = []
    for word in text.split(" "):
        core = word.strip("()[].,;:'\"")
        is_code = core and "`" not in word and re.search(_CODE, core)
        before, _, after = word.partition(core) if is_code else ("", "", "")
        words.append(f"{_plain(before)}`{core}`{_plain(after)}" if is_code else _plain(word))
    return " ".join(words)


def _plain(word: str) -> str:
    if "`" in word:
        return word
    return re.sub(r"([*_<|\[\]])", lambda found: f"&#{ord(found[1])};", word)

"""Files that belong together by their names: the wildcards of all patterns must match the same text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.ingest.files import natural_key
from pipeline.records.errors import ConfigError, InputError

_WILDCARDS = re.compile(r"\*\*/|\*|\?")
_REGEX = {"**/": r"((?:[^/]+/)*)", "*": r"([^/]*)", "?": r"([^/])"}
# How many file names an error lists.
_NAMED = 3


def matched_files(folder: Path, pattern: str, key: str) -> dict[str, Path]:
    """Files of a folder by the text that the wildcards of a pattern match, in natural order.

    Args:
        folder: Where to look.
        pattern: Path below the folder with ``*``, ``?`` or ``**/``, as ``rgb/*.jpg``; must have a wildcard.
        key: Name of the pattern in the configuration, for messages.

    Raises:
        ConfigError: If the pattern has no wildcard or leaves the folder.
        InputError: If two files match with the same text.
    """
    check_pattern(pattern, key)
    parts = _WILDCARDS.split(pattern)
    wildcards = _WILDCARDS.findall(pattern)
    regex = "".join(
        re.escape(part) + _REGEX.get(wildcard, "") for part, wildcard in zip(parts, [*wildcards, ""], strict=True)
    )
    found: dict[str, Path] = {}
    for file in sorted((path for path in folder.glob(pattern) if path.is_file()), key=_natural_path):
        match = re.fullmatch(regex, file.relative_to(folder).as_posix())
        name = "/".join(text.strip("/") for text in match.groups() if text) if match else ""
        if not name:
            continue
        if name in found:
            raise InputError(
                f"{found[name]} and {file} both match {pattern} as {name!r}; make dataset.{key} distinguish them."
            )
        found[name] = file
    return found


def check_pattern(pattern: str, key: str) -> None:
    """Make sure that a pattern has a wildcard and stays within its folder.

    Raises:
        ConfigError: If it does not.
    """
    if not isinstance(pattern, str) or not _WILDCARDS.search(pattern):
        raise ConfigError(f"dataset.{key} must be a pattern with a wildcard, such as rgb/*.png, not {pattern!r}.")
    path = PurePosixPath(pattern)
    if path.is_absolute() or ".." in path.parts or re.search(r"[\[\]\\]|\*\*(?!/)|(?<!/)(?<!^)\*\*", pattern):
        raise ConfigError(
            f"dataset.{key} must be a pattern below dataset.path, with no wildcards but *, ? and **/, not {pattern!r}."
        )


def without_partner(matches: Mapping[str, Mapping[str, Path]], patterns: Mapping[str, str]) -> dict[str, str]:
    """Names that do not occur in all groups of files, with the reason.

    Args:
        matches: Files by their names, for each key of the configuration.
        patterns: The pattern of each key.

    Returns:
        One sentence per name.
    """
    names = dict.fromkeys(name for found in matches.values() for name in found)
    reasons = {}
    for name in names:
        lacking = [patterns[key] for key, found in matches.items() if name not in found]
        if lacking:
            there = next(found[name] for found in matches.values() if name in found)
            reasons[name] = f"{there} has no partner {' and '.join(lacking)} of the same name {name!r}."
    return reasons


def list_reasons(reasons: Sequence[str]) -> str:
    """The first reasons in one sentence, and the number of the others."""
    named = "; ".join(reason.rstrip(".") for reason in reasons[:_NAMED])
    return named + (f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else "")


def _natural_path(path: Path) -> list[list[tuple[bool, int, str]]]:
    return [natural_key(Path(part)) for part in path.parts]

"""What a user types, turned into what Hydra reads.

Hydra's override grammar gives commas, quotes, question marks and Chinese letters a meaning or refuses
them. Paths and questions are quoted here, so that they can be typed as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from pipeline.errors import ConfigError
from pipeline.resources import resource_dir

_OVERRIDE = re.compile(r"(?s)^(?P<key>(?:\+\+|\+)?[\w./@-]+)=(?P<value>.*)$")
# Their values are free text, never Hydra's grammar.
_FREE_TEXT = frozenset({"question"})


def options_of(group: str) -> list[str]:
    """Names of the options of a config group."""
    return sorted(path.stem for path in (resource_dir("conf") / group).glob("*.yaml"))


def translate(overrides: Iterable[str], *, sweep: bool = False) -> list[str]:
    """Quote what needs quoting, and let ``input=PATH`` mean ``input=auto input.path=PATH``.

    Args:
        overrides: ``key=value`` as typed; flags are passed through.
        sweep: Whether commas separate the values of a sweep.

    Returns:
        Overrides in Hydra's grammar, in the same order.

    Raises:
        ConfigError: If an argument is neither a flag nor ``key=value``.
    """
    translated: list[str] = []
    for argument in overrides:
        match = _OVERRIDE.match(argument)
        if match is None:
            if not argument.startswith(("-", "~")):
                raise ConfigError(f"{argument!r} is not KEY=VALUE; a path is given as input={argument}.")
            translated.append(argument)
            continue
        key, value = match["key"], match["value"]
        names = value.split(",") if sweep else [value]
        if key == "input" and not all(name in options_of("input") for name in names):
            translated += ["input=auto", f"input.path={_quoted(value, sweep)}"]
        elif key in _FREE_TEXT and value != "null":
            translated.append(f"{key}={_quote(value) if not _is_quoted(value) else value}")
        else:
            translated.append(f"{key}={_quoted(value, sweep, key)}")
    return translated


def _quoted(value: str, sweep: bool, key: str = "input.path") -> str:
    """The value as it is where Hydra reads it as one value, otherwise in quotes."""
    if value == "":
        return value
    if value.startswith("[") and value.endswith("]") and not _parses(key, value, sweep):
        items = [item.strip() for item in value[1:-1].split(",") if item.strip()]
        return "[" + ",".join(item if _is_quoted(item) else _quote(item) for item in items) + "]"
    if Path(value).is_absolute() or not _parses(key, value, sweep):
        return _quote(value)
    return value


def _parses(key: str, value: str, sweep: bool) -> bool:
    try:
        parsed = OverridesParser.create().parse_override(f"{key.lstrip('+')}={value}")
    except HydraException:
        return False
    return sweep or not parsed.is_sweep_override()


def _is_quoted(value: str) -> bool:
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"" and value[0] not in value[1:-1]


def _quote(value: str) -> str:
    """Hydra's double-quoted form: backslashes count only before a quote."""
    escaped = re.sub(r'(\\*)(")', lambda match: match[1] * 2 + '\\"', value)
    escaped = re.sub(r"(\\+)$", lambda match: match[1] * 2, escaped)
    # OmegaConf would resolve ${...} within a text.
    escaped = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + "\\${", escaped)
    return f'"{escaped}"'


def describe(error: Exception) -> str:
    """One line for an error of Hydra or OmegaConf."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("full_key:", "object_type=", "reference_type="))]
    text = " ".join(kept) or json.dumps(type(error).__name__)
    return re.sub(r"\s+", " ", text)

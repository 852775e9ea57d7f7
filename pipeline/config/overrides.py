"""Translates what a user types to Hydra's override grammar.

Hydra interprets or refuses commas, quotes, question marks and Chinese characters. Paths and questions are quoted here,
so users need not escape them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from pipeline.config.mistakes import some_of
from pipeline.config.options import options_of
from pipeline.records.errors import ConfigError

logger = logging.getLogger(__name__)

_OVERRIDE = re.compile(r"(?s)^(?P<key>(?:\+\+|\+)?[\w./@-]+)=(?P<value>.*)$")
_LIST = re.compile(r"(?s)\[.*\]\Z")
# One item of a list: quoted, or up to the next comma.
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(?!\s)([^,]*?))\s*(?:,|$)""")
# Paths and names: texts even if they look like numbers.
_TEXTS = frozenset({"path", "depth", "claims", "output_dir", "cache_dir", "model", "revision"})
# Hydra's flags, and those that take a value.
_FLAGS = frozenset({"-h", "--help", "--hydra-help", "-m", "--multirun", "-r", "--run", "--resolve", "--version"})
_VALUE_FLAGS = frozenset({"-c", "--cfg", "-i", "--info", "-p", "--package", "--config-dir", "-cd"})


def translate(overrides: Iterable[str], *, sweep: bool = False) -> list[str]:
    """Quote values where Hydra needs it, and expand ``input=PATH`` to ``input=auto input.path=PATH``.

    Args:
        overrides: ``key=value`` as typed, and flags of Hydra.
        sweep: Whether commas separate the values of a sweep.

    Returns:
        Flags, then overrides in Hydra's grammar, each in the order given.

    Raises:
        ConfigError: If an argument is neither a flag of Hydra nor ``key=value``, removes a required group, or names one
            of several archives, of which all but the last would be lost.
    """
    overrides = list(overrides)
    archives = {each for each in overrides if each.startswith("input=") and each.lower().endswith(".tar")}
    if len(archives) > 1:
        raise ConfigError(
            f"input= is given {len(archives)} times, as a shell makes of braces; "
            "quote it: 'input=shards-{000..012}.tar'."
        )
    flags: list[str] = []
    translated: list[str] = []
    arguments = iter(overrides)
    for argument in arguments:
        match = _OVERRIDE.match(argument)
        if argument.startswith("-"):
            flags += _flag(argument, arguments)
        elif argument.startswith("~"):
            if options_of(argument[1:].partition("=")[0]):
                raise ConfigError(f"{argument} removes a required group; choose one of its options instead.")
            translated.append(argument)
        elif match is None:
            raise ConfigError(
                f"{argument!r} is not KEY=VALUE; for a path, type input={argument}; put values with spaces in quotes."
            )
        else:
            translated += _override(match["key"], match["value"], sweep)
    return [*flags, *(_with_options(translated) if sweep else translated)]


def with_quickstart(overrides: Sequence[str]) -> list[str]:
    """The overrides of ``run``, preceded by those of the quickstart if they name no input.

    Args:
        overrides: ``key=value`` as typed, and flags of Hydra.

    Raises:
        ConfigError: If there is a question or claim but no input.
    """
    given = {argument.lstrip("+~").partition("=")[0].partition("@")[0] for argument in overrides}
    if given & {"input", "experiment"}:
        return list(overrides)
    for key in ("question", "questions", "claims"):
        if key in given:
            raise ConfigError(f"{key}= is given without an image; add input=PATH.")
    chosen = ["experiment=quickstart"]
    if "ocr" not in given and find_spec("rapidocr") is None:
        logger.warning("Text in images is not read, because rapidocr is not installed: bash scripts/setup.sh ocr.")
        chosen.append("ocr=none")
    return [*chosen, *overrides]


def _with_options(overrides: list[str]) -> list[str]:
    """Delay the keys of a swept group until its option is chosen, because only some options may have them.

    Hydra sets keys that are not swept before it chooses an option. It delays a ``choice`` of one value.
    """
    pairs = [override.partition("=") for override in overrides]
    swept = {key for key, _, value in pairs if (parsed := _parsed(key, value)) and parsed.is_sweep_override()}
    waiting = {key for key, *_ in pairs if "." in key and key.partition(".")[0] in swept} - swept
    return [f"{key}=choice({value})" if key in waiting else f"{key}{equals}{value}" for key, equals, value in pairs]


def _flag(argument: str, following: Iterator[str]) -> list[str]:
    """The flag and its value."""
    name, equals, _ = argument.partition("=")
    if name in _VALUE_FLAGS:
        return [argument] if equals else [argument, *islice(following, 1)]
    if argument not in _FLAGS:
        raise ConfigError(f"There is no option {argument}; --help lists the options.")
    return [argument]


def _override(key: str, value: str, sweep: bool) -> list[str]:
    if value.strip("'\" ") == "???" and key.lstrip("+") != "question":
        raise ConfigError(f"{key}=??? gives no value, because ??? stands for a missing one; type a value.")
    values = value.split(",") if sweep else [value]
    if key == "input" and not all(name in options_of("input") for name in values):
        return ["input=auto", f"input.path={_quoted(value, sweep, 'input.path')}"]
    if value == "null" and (options := options_of(key)):
        raise ConfigError(f"{key}=null is not an option; choose one of {some_of(options)}, or leave {key}= out.")
    if key == "output_dir" and not value.strip("'\" "):
        raise ConfigError("output_dir= is empty; name a folder, or leave it out.")
    if key.lstrip("+") == "question" and value != "null":
        return [f"{key}={_quote(_not_missing(value))}"]
    if key.lstrip("+") == "questions" and value != "null":
        if not _LIST.match(value):
            raise ConfigError(f"questions={value} is not a list; type questions=[...], or question=... for one.")
        return [f"{key}={_quoted_list(value)}"]
    if key.lstrip("+") == "only" and value != "null":
        # An id such as 001 is a text.
        return [f"{key}={_quoted_list(value) if _LIST.match(value) else _quote(value)}"]
    return [f"{key}={_quoted(value, sweep, key)}"]


def _quoted(value: str, sweep: bool, key: str) -> str:
    """The value unchanged if Hydra reads it as typed, otherwise in quotes."""
    if value == "":
        return value
    parsed = _parsed(key, value)
    is_sweep = parsed is not None and parsed.is_sweep_override()
    if is_sweep and sweep:
        return value
    if parsed is not None and not is_sweep:
        is_text = isinstance(parsed.value(), int | float) and key.rpartition(".")[2] in _TEXTS
        return _quote(value) if is_text or value != value.strip() else value
    if _LIST.match(value):
        return _quoted_list(value)
    return ",".join(map(_quote, value.split(","))) if sweep else _quote(value)


def _parsed(key: str, value: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(f"{key.lstrip('+')}={value}")
    except (HydraException, ValueError):  # Python reads no number of more than 4300 digits.
        return None


def _quoted_list(value: str) -> str:
    """The list with each item in Hydra's quotes; commas within typed quotes separate nothing."""
    items = (match[1] or match[2] or match[3] or "" for match in _PART.finditer(value[1:-1]))
    return f"[{','.join(_quote(_not_missing(item)) for item in items if item.strip())}]"


def _not_missing(text: str) -> str:
    """The text, with a blank after OmegaConf's sign of a missing value; blanks around questions do not count."""
    return f"{text} " if text == "???" else text


def _quote(value: str) -> str:
    """Hydra's double-quoted form, in which a backslash has a meaning only before a quote."""
    escaped = re.sub(r'(\\*)(")', lambda match: match[1] * 2 + '\\"', value)
    escaped = re.sub(r"(\\+)\Z", lambda match: match[1] * 2, escaped)
    # OmegaConf would interpolate ${...} within a text.
    escaped = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + "\\${", escaped)
    return f'"{escaped}"'

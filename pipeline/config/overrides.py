"""What a user types, turned into what Hydra reads.

Hydra's override grammar gives commas, quotes, question marks and Chinese letters a meaning or refuses
them. Paths and questions are quoted here, so that they can be typed as they are.
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

from pipeline.config.options import options_of
from pipeline.records.errors import ConfigError

logger = logging.getLogger(__name__)

_OVERRIDE = re.compile(r"(?s)^(?P<key>(?:\+\+|\+)?[\w./@-]+)=(?P<value>.*)$")
# One part of a list: in quotes that end it, or up to the next comma.
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(?!\s)([^,]*?))\s*(?:,|$)""")
# Paths and names: texts even where they look like a number.
_TEXTS = frozenset({"path", "depth", "claims", "output_dir", "cache_dir", "model", "revision"})
# Flags of Hydra, and those of them that take a value.
_FLAGS = frozenset({"-h", "--help", "--hydra-help", "-m", "--multirun", "-r", "--run", "--resolve", "--version"})
# Options that an error names.
_MOST_NAMED = 5
_VALUE_FLAGS = frozenset({"-c", "--cfg", "-i", "--info", "-p", "--package", "--config-dir", "-cd"})


def translate(overrides: Iterable[str], *, sweep: bool = False) -> list[str]:
    """Quote what needs quoting, and let ``input=PATH`` mean ``input=auto input.path=PATH``.

    Args:
        overrides: ``key=value`` as typed, and flags of Hydra.
        sweep: Whether commas separate the values of a sweep.

    Returns:
        Flags, then overrides in Hydra's grammar, each in the order given.

    Raises:
        ConfigError: If an argument is neither a flag of Hydra nor ``key=value``, or takes away what is needed.
    """
    flags: list[str] = []
    translated: list[str] = []
    arguments = iter(overrides)
    for argument in arguments:
        match = _OVERRIDE.match(argument)
        if argument.startswith("-"):
            flags += _flag(argument, arguments)
        elif argument.startswith("~"):
            if options_of(argument[1:].partition("=")[0]):
                raise ConfigError(f"{argument} leaves out a group that is needed; choose one of its options.")
            translated.append(argument)
        elif match is None:
            raise ConfigError(f"{argument!r} is not KEY=VALUE; a path is given as input={argument}.")
        else:
            translated += _override(match["key"], match["value"], sweep)
    return [*flags, *(_with_options(translated) if sweep else translated)]


def with_quickstart(overrides: Sequence[str]) -> list[str]:
    """The overrides of ``run``, with the choices of the quickstart before them where no input is named.

    Args:
        overrides: ``key=value`` as typed, and flags of Hydra.

    Raises:
        ConfigError: If something is asked or claimed about no image.
    """
    given = {argument.lstrip("+~").partition("=")[0].partition("@")[0] for argument in overrides}
    if given & {"input", "experiment"}:
        return list(overrides)
    for key in ("question", "questions", "claims"):
        if key in given:
            raise ConfigError(f"{key}= is given without an image; add input=PATH.")
    chosen = ["experiment=quickstart"]
    if "ocr" not in given and find_spec("rapidocr") is None:
        logger.warning("No text is read in the images, because rapidocr is not installed: bash scripts/setup.sh ocr.")
        chosen.append("ocr=none")
    return [*chosen, *overrides]


def _with_options(overrides: list[str]) -> list[str]:
    """Let keys of a group whose options are swept wait for the option, which alone may have them.

    Hydra sets what is not swept before it chooses an option; a choice of one value is swept too.
    """
    pairs = [override.partition("=") for override in overrides]
    groups = {key for key, _, value in pairs if "." not in key and _is_sweep(key, value)}
    return [
        f"{key}=choice({value})"
        if "." in key and key.partition(".")[0] in groups and not _is_sweep(key, value)
        else f"{key}{equals}{value}"
        for key, equals, value in pairs
    ]


def _is_sweep(key: str, value: str) -> bool:
    parsed = _parsed(key, value)
    return parsed is not None and parsed.is_sweep_override()


def _flag(argument: str, following: Iterator[str]) -> list[str]:
    """The flag with its value."""
    name, equals, _ = argument.partition("=")
    if name in _VALUE_FLAGS:
        return [argument] if equals else [argument, *islice(following, 1)]
    if argument not in _FLAGS:
        raise ConfigError(f"There is no option {argument}; --help shows what there is.")
    return [argument]


def _override(key: str, value: str, sweep: bool) -> list[str]:
    values = value.split(",") if sweep else [value]
    if key == "input" and not all(name in options_of("input") for name in values):
        return ["input=auto", f"input.path={_quoted(value, sweep, 'input.path')}"]
    if value == "null" and (options := options_of(key)):
        raise ConfigError(f"{key}=null is no option; choose {' or '.join(options[:_MOST_NAMED])}, or leave {key}= out.")
    if key == "output_dir" and not value.strip("'\" "):
        raise ConfigError("output_dir= is empty; name a folder, or leave it out.")
    if key.lstrip("+") == "question" and value != "null":
        return [f"{key}={_quote(value)}"]
    if key.lstrip("+") == "questions" and value != "null":
        if not (value.startswith("[") and value.endswith("]")):
            raise ConfigError(f"questions={value} is no list; type questions=[...], or question=... for a single one.")
        return [f"{key}=[{','.join(map(_quote, _parts(value[1:-1])))}]"]
    return [f"{key}={_quoted(value, sweep, key)}"]


def _quoted(value: str, sweep: bool, key: str) -> str:
    """The value as it is where Hydra reads what was typed, otherwise in quotes."""
    if value == "":
        return value
    parsed = _parsed(key, value)
    if parsed is not None and parsed.is_sweep_override():
        if sweep:
            return value
        parsed = None
    if parsed is not None:
        is_text = isinstance(parsed.value(), int | float) and key.rpartition(".")[2] in _TEXTS
        return _quote(value) if is_text or value != value.strip() else value
    if value.startswith("[") and value.endswith("]"):
        return "[" + ",".join(map(_quote, _parts(value[1:-1]))) + "]"
    if sweep:
        return ",".join(_quote(part) for part in value.split(","))
    return _quote(value)


def _parsed(key: str, value: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(f"{key.lstrip('+')}={value}")
    except HydraException:
        return None


def _parts(text: str) -> list[str]:
    """The parts of a list, without the quotes around them; commas within quotes separate nothing."""
    parts = (match[1] or match[2] or match[3] or "" for match in _PART.finditer(text))
    return [part for part in parts if part.strip()]


def _quote(value: str) -> str:
    """Hydra's double-quoted form: backslashes count only before a quote."""
    escaped = re.sub(r'(\\*)(")', lambda match: match[1] * 2 + '\\"', value)
    escaped = re.sub(r"(\\+)$", lambda match: match[1] * 2, escaped)
    # OmegaConf would resolve ${...} within a text.
    escaped = re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + "\\${", escaped)
    return f'"{escaped}"'

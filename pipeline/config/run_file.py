"""``run.json``: by which configuration the results in a folder were made, and how it differs from another one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from pipeline.export.files import write_json
from pipeline.records.errors import ConfigError
from pipeline.records.settings import shown

RUN_NAME = "run.json"
SECTIONS: dict[str, tuple[str, ...]] = {
    "input": ("input", "question", "questions", "claims"),
    "depth": ("depth",),
    "ocr": ("ocr",),
    "query": ("vlm", "query", "segment"),
    "verify": ("verify", "noise", "weights", "calibration"),
    "export": ("export",),
}
"""Keys of the configuration by the stage whose output they change; all further keys are in ``other``."""
# Where, when and how fast: none of it can change a result.
_RUNNING = (
    "output_dir", "resume", "limit", "shard", "only", "verbose", "log_format",
    "cache_dir", "cache_gb", "workers", "engine",
)  # fmt: skip
# The groups that these places refer to hold the same keys.
_REFERENCES = ("verify.verifier.budget.noise", "verify.verifier.weights", "verify.verifier.calibration")
SECRET_NAME = re.compile(r"(?i)(^|[_-])(api[_-]?keys?|authori[sz]ation|passwords?|secrets?|tokens?|bearer|cookies?)$")
"""Names of keys and variables that hold secrets."""
_FROM_ENVIRONMENT = re.compile(r"\$\{oc\.env:")
HIDDEN = "<hidden>"
_MOST_SHOWN = 4
_LONGEST = 60

Work = Literal["judge", "draw"]


@dataclass(frozen=True)
class RunRecord:
    """What ``run.json`` holds.

    Args:
        version: Version of the program.
        configuration: The resolved keys that can change results, without secrets.
        settings: The others: where, which items and how fast.
        overrides: What was set, in Hydra's grammar, without secrets.
        working_folder: The folder that relative paths start from.
        unfinished: What is still to be done with the results of an earlier configuration, which wait in
            ``results.earlier.jsonl``: ``judge`` or ``draw``; None if nothing.
    """

    version: str
    configuration: Mapping[str, Any]
    settings: Mapping[str, Any]
    overrides: tuple[str, ...] = ()
    working_folder: str = "."
    unfinished: Work | None = None

    @property
    def digest(self) -> str:
        """Digest of the configuration: equal exactly where all keys are that can change results."""
        return _digest(self.configuration)

    def sections(self) -> dict[str, dict[str, Any]]:
        """The configuration by stage."""
        rest = dict(self.configuration)
        parts = {name: {key: rest.pop(key) for key in keys if key in rest} for name, keys in SECTIONS.items()}
        return parts | ({"other": rest} if rest else {})

    def config(self, **settings: Any) -> DictConfig:
        """The configuration as Hydra composed it, with some settings replaced."""
        return OmegaConf.create(escaped({**self.configuration, **self.settings, **settings}))

    @property
    def hides_secrets(self) -> bool:
        """Whether keys were left out because they are secrets."""
        return HIDDEN in json.dumps(self.configuration)


def run_record(config: DictConfig, overrides: Iterable[str] = ()) -> RunRecord:
    """The record of a composed configuration.

    Raises:
        ConfigError: If it cannot be resolved.
    """
    from pipeline import __version__

    plain: dict[str, Any] = json.loads(json.dumps(_resolved(config)))
    plain.pop("hydra", None)
    settings = {key: plain.pop(key) for key in _RUNNING if key in plain}
    settings |= {"resume": False, "only": None}  # These are of one call, and not of the run.
    hidden = tuple(_without_secret(override) for override in overrides)
    return RunRecord(__version__, plain, settings, hidden, str(Path.cwd()))


def write_run_file(folder: Path, record: RunRecord) -> None:
    """Write ``run.json``.

    Raises:
        ExportError: If it cannot be written.
    """
    stages = {name: {"digest": _digest(part), **part} for name, part in record.sections().items()}
    value = {
        "version": record.version,
        "digest": record.digest,
        "stages": stages,
        "settings": record.settings,
        "overrides": record.overrides,
        "working_folder": record.working_folder,
        "unfinished": record.unfinished,
    }
    write_json(folder / RUN_NAME, value)


def read_run_file(folder: Path) -> RunRecord | None:
    """Read ``run.json``; None where an earlier version wrote the folder.

    Raises:
        ConfigError: If it is damaged or does not hold what its digest says.
    """
    path = folder / RUN_NAME
    try:
        value = json.loads(path.read_bytes())
        parts = [{key: part[key] for key in part if key != "digest"} for part in value["stages"].values()]
        record = RunRecord(
            str(value["version"]),
            {key: setting for part in parts for key, setting in part.items()},
            dict(value["settings"]),
            tuple(map(str, value["overrides"])),
            str(value["working_folder"]),
            value["unfinished"],
        )
        if record.digest != value["digest"] or record.unfinished not in (None, "judge", "draw"):
            raise ValueError("its digest is not that of its keys")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged ({error}); delete it if the results below it are to be kept.") from error
    return record


def changed_sections(old: RunRecord, new: RunRecord) -> set[str]:
    """Names of the stages whose keys differ."""
    before, after = old.sections(), new.sections()
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def differences(old: RunRecord, new: RunRecord, sections: Iterable[str] | None = None) -> list[str]:
    """Every key that differs, as ``key: old -> new``.

    Args:
        old: One record.
        new: The other.
        sections: The stages whose keys are compared; None compares all.
    """
    names = changed_sections(old, new) if sections is None else set(sections)
    before, after = (
        {key: value for name in names for key, value in _flat(record.sections().get(name, {}))} for record in (old, new)
    )
    keys = [key for key in sorted({*before, *after}) if before.get(key, "-") != after.get(key, "-")]
    own = [key for key in keys if not key.startswith(_REFERENCES)] or keys
    return [f"{key}: {_shown(before, key)} -> {_shown(after, key)}" for key in own]


def some_differences(lines: list[str]) -> str:
    """The first differences, and the number of the others."""
    more = len(lines) - _MOST_SHOWN
    return "; ".join(lines[:_MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _resolved(config: DictConfig) -> Any:
    """The configuration as plain values, without secrets; variables of the environment stay references."""
    raw = OmegaConf.to_container(config, resolve=False)
    return _merged(raw, OmegaConf.to_container(config, resolve=True))


def _merged(raw: Any, value: Any) -> Any:
    if isinstance(raw, str) and _FROM_ENVIRONMENT.search(raw):
        return raw
    if isinstance(value, dict):
        inner = raw if isinstance(raw, dict) else value
        return {
            str(key): HIDDEN if _is_secret(key, part) else _merged(inner.get(key, part), part)
            for key, part in value.items()
        }
    if isinstance(value, list):
        inside = raw if isinstance(raw, list) and len(raw) == len(value) else value
        return [_merged(*pair) for pair in zip(inside, value, strict=True)]
    return value


def _is_secret(key: Any, value: Any) -> bool:
    """Whether a key names a secret; a number of tokens is none."""
    return isinstance(value, str) and bool(SECRET_NAME.search(str(key)))


def _without_secret(override: str) -> str:
    key, equals, value = override.partition("=")
    names = re.split(r"[.{\[,]", key) + re.findall(r"""['"]?([\w-]+)['"]?\s*:""", value)
    return f"{key}{equals}{HIDDEN}" if any(_is_secret(name.strip("+"), "text") for name in names) else override


def escaped(value: Any) -> Any:
    """The value with ``${`` escaped where it stands in a text, and not for a variable of the environment."""
    if isinstance(value, Mapping):
        return {key: escaped(part) for key, part in value.items()}
    if isinstance(value, list):
        return [escaped(part) for part in value]
    if isinstance(value, str) and "${" in value and not _FROM_ENVIRONMENT.search(value):
        return re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + "\\${", value)
    return value


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _flat(value: Any, place: str = "") -> Iterable[tuple[str, Any]]:
    """The leaves of nested dictionaries by their dotted keys."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _flat(part, f"{place}.{key}" if place else str(key))
    elif place:
        yield place, value


def _shown(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return "(none)"
    text = shown(values[key])
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

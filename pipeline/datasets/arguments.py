"""Arguments of data sets as users write them: what is not usable is named by its key."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from pipeline.ingest.images import check_camera
from pipeline.records import DepthKind
from pipeline.records.errors import ConfigError, InputError, RecordError
from pipeline.records.relations import RELATIONS

_LARGEST = math.nextafter(math.inf, 0)


def check_text(key: str, value: Any, optional: bool = False) -> None:
    """Make sure that an argument is a text, or a path.

    Args:
        key: Its key below ``dataset``.
        value: What was given.
        optional: Whether None may stand for nothing.

    Raises:
        ConfigError: If it is not.
    """
    if value is None and optional:
        return
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ConfigError(f"dataset.{key} must be a text that is not empty{_or_null(optional)}, not {value!r}.")


def check_number(key: str, value: Any, optional: bool = False) -> None:
    """Make sure that an argument is a positive, finite number.

    Raises:
        ConfigError: If it is not.
    """
    if value is None and optional:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # A whole number may be too large for a floating-point one.
    if not is_number or not value > 0 or not value <= _LARGEST:
        raise ConfigError(f"dataset.{key} must be a positive number{_or_null(optional)}, not {value!r}.")


def check_flag(key: str, value: Any) -> None:
    """Make sure that an argument is true or false.

    Raises:
        ConfigError: If it is not.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"dataset.{key} must be true or false, not {value!r}.")


def check_choice(key: str, value: Any, known: Iterable[str], optional: bool = False) -> None:
    """Make sure that an argument is one of some words.

    Raises:
        ConfigError: If it is not.
    """
    words = list(known)
    if not (value is None and optional) and value not in words:
        raise ConfigError(f"dataset.{key} must be one of {', '.join(words)}{_or_null(optional)}, not {value!r}.")


@overload
def check_count(key: str, value: Any, least: int = 0) -> int: ...
@overload
def check_count(key: str, value: Any, least: int = 0, *, optional: bool) -> int | None: ...
def check_count(key: str, value: Any, least: int = 0, *, optional: bool = False) -> int | None:
    """The number, if it is a whole one that is large enough.

    Args:
        key: Its key below ``dataset``.
        value: What was given.
        least: Smallest number allowed.
        optional: Whether None may stand for nothing.

    Raises:
        ConfigError: If it is not.
    """
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"dataset.{key} must be a whole number from {least}{_or_null(optional)}, not {value!r}.")
    return value


def check_relations(relations: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names of relations, or None for all.

    Raises:
        ConfigError: If one is unknown.
    """
    if relations is None:
        return None
    unknown = [name for name in relations if name not in RELATIONS]
    if unknown:
        raise ConfigError(f"dataset.relations names {', '.join(map(str, unknown))}; known are {', '.join(RELATIONS)}.")
    return tuple(relations)


def check_prediction_kind(kind: str | None, is_needed: bool) -> DepthKind | None:
    """What the numbers of stored predictions mean, which no file says.

    Raises:
        ConfigError: If it is needed and not given, or unknown.
    """
    if kind is None and is_needed:
        raise ConfigError(
            f"Say what the predictions are: set dataset.prediction_kind to one of {', '.join(DepthKind)}."
        )
    check_choice("prediction_kind", kind, DepthKind, optional=not is_needed)
    return None if kind is None else DepthKind(kind)


def check_optional_camera(camera: Any) -> None:
    """Make sure that an argument ``camera`` is None, or fx, fy, cx and cy with or without a size.

    Raises:
        ConfigError: If it is something else, or holds what is no number.
        InputError: If a number is missing.
        RecordError: If a number is not usable.
    """
    if camera is None:
        return
    if not isinstance(camera, Mapping):
        raise ConfigError(f"dataset.camera must be fx, fy, cx and cy [px], or null, not {camera!r}.")
    try:
        check_camera(camera)
    except (InputError, RecordError):
        raise
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"dataset.camera must hold numbers, not {dict(camera)!r}.") from None


def existing_folder(path: str | Path, what: str, how: str) -> Path:
    """The folder of a data set.

    Args:
        path: Where it should be.
        what: What it is, as ``the KITTI object data set``.
        how: How to get it, as a sentence without its full stop.

    Raises:
        ConfigError: If the path is no text.
        InputError: If there is no such folder.
    """
    if not isinstance(path, str | Path) or not str(path):
        raise ConfigError(f"dataset.path must be the path of {what}, not {path!r}.")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder} with {what}; {how}.")
    return folder


def existing_parts(folder: Path, parts: Sequence[str], what: str, how: str) -> None:
    """Make sure that a folder holds what its format asks for.

    Raises:
        InputError: If a part is missing; all that are missing are named.
    """
    missing = [part for part in parts if not (folder / part).exists()]
    if missing:
        raise InputError(f"{folder} is not {what}, as it lacks {', '.join(missing)}; {how}.")


def _or_null(optional: bool) -> str:
    return ", or null" if optional else ""

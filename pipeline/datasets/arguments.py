"""Arguments of data sets as users write them: what is of another type is named by its key."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.ingest.images import check_camera
from pipeline.records.errors import ConfigError, InputError, RecordError


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


_LARGEST = math.nextafter(math.inf, 0)


def _or_null(optional: bool) -> str:
    return ", or null" if optional else ""

"""Checks of settings that configurations give to depth networks: whatever is given, the error says what may be."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from pipeline.records.errors import ConfigError

_MOST_SIDE_PX = 65536
_LEAST_SCALE, _LARGEST_SCALE = 0.25, 4.0
_DEVICE = re.compile(r"auto|(cpu|cuda|mps)(:[0-9]{1,3})?")
_DTYPES = ("auto", "float32", "bfloat16", "float16")
_LONGEST_SHOWN = 80


def shown(value: Any) -> str:
    """A value as a configuration writes it, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def refused(key: str, allowed: str, value: Any) -> ConfigError:
    """The error for a value that is not allowed."""
    return ConfigError(f"depth.{key} must be {allowed}, not {shown(value)}.")


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, and no truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, and no truth value."""
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def checked_whole(key: str, value: Any, most: int | None = None) -> int:
    """A whole number of at least one.

    Raises:
        ConfigError: If it is none.
    """
    if not is_whole(value) or value < 1 or (most is not None and value > most):
        raise refused(
            key, "a whole number of at least 1" if most is None else f"a whole number from 1 to {most}", value
        )
    return int(value)


def checked_multiple(key: str, value: Any, stride_px: int) -> int | None:
    """A side [px] that is a multiple of a stride, or None.

    Raises:
        ConfigError: If it is neither.
    """
    if value is not None and (not is_whole(value) or not 1 <= value <= _MOST_SIDE_PX or value % stride_px):
        raise refused(key, f"a multiple of {stride_px} up to {_MOST_SIDE_PX}, or null", value)
    return None if value is None else int(value)


def checked_side(key: str, value: Any) -> int:
    """A side [px].

    Raises:
        ConfigError: If it is none.
    """
    return checked_whole(key, value, _MOST_SIDE_PX)


def checked_name(key: str, value: Any) -> str:
    """A text that is not empty.

    Raises:
        ConfigError: If it is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise refused(key, "a name or a path", value)
    return value


def checked_text(key: str, value: Any) -> str | None:
    """A text or None.

    Raises:
        ConfigError: If it is neither.
    """
    if value is not None and (not isinstance(value, str) or not value):
        raise refused(key, "a text (in quotes if it looks like a number) or null", value)
    return value


def checked_truth(key: str, value: Any) -> bool:
    """A truth value.

    Raises:
        ConfigError: If it is none.
    """
    if not isinstance(value, bool):
        raise refused(key, "true or false", value)
    return value


def checked_choice(key: str, value: Any, allowed: Sequence[str]) -> str:
    """One of some names.

    Raises:
        ConfigError: If it is none.
    """
    if not isinstance(value, str) or value not in allowed:
        raise refused(key, f"one of {', '.join(allowed)}", value)
    return value


def checked_device(value: Any) -> str:
    """The name of a device, which need not exist on this machine.

    Raises:
        ConfigError: If it is none.
    """
    if not isinstance(value, str) or not _DEVICE.fullmatch(value):
        raise refused("device", "auto, cpu, cuda, cuda:INDEX or mps", value)
    return value


def checked_dtype(value: Any) -> str:
    """The name of a number format, or ``auto``.

    Raises:
        ConfigError: If it is neither.
    """
    return checked_choice("dtype", value, _DTYPES)


def checked_scales(value: Any) -> tuple[float, ...]:
    """Sides of a network's input as shares of its usual one.

    Raises:
        ConfigError: If they are no list of numbers from 0.25 to 4.
    """
    is_list = isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0
    if not is_list or not all(is_number(scale) and _LEAST_SCALE <= scale <= _LARGEST_SCALE for scale in value):
        raise refused("input_scales", f"a list of numbers from {_LEAST_SCALE:g} to {_LARGEST_SCALE:g}", value)
    return tuple(float(scale) for scale in value)


def checked_size_gb(value: Any) -> float | None:
    """A size [GB] or None.

    Raises:
        ConfigError: If it is neither.
    """
    if value is not None and (not is_number(value) or value < 0):
        raise refused("size_gb", "a number of GB or null", value)
    return None if value is None else float(value)

"""Checks of numbers that a user sets."""

from __future__ import annotations

import math

from pipeline.records.errors import ConfigError


def check_whole(key: str, value: object, least: int, most: float = math.inf) -> None:
    """Refuse what is no whole number, or too small or large; truth values are none.

    Args:
        key: The key of the configuration, for the error.
        value: What it was set to.
        least: The smallest that it may be.
        most: The largest.

    Raises:
        ConfigError: If it is refused.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        span = f"from {least} to {most}" if most < math.inf else f">= {least}"
        raise ConfigError(f"{key} must be a whole number {span}, not {value!r}.")


def check_number(key: str, value: object, least: float | None = 0) -> None:
    """Refuse what is no finite number, or too small; truth values are none.

    Args:
        key: The key of the configuration, for the error.
        value: What it was set to.
        least: The smallest that it may be; None for any.

    Raises:
        ConfigError: If it is refused.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
    if not is_number or (least is not None and value < least):  # type: ignore[operator]
        span = "" if least is None else f" >= {least:g}"
        raise ConfigError(f"{key} must be a number{span}, not {value!r}.")

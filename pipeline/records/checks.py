"""Small checks that records share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np

from pipeline.records.errors import RecordError

EnumType = TypeVar("EnumType", bound=StrEnum)


def require(condition: bool, message: str) -> None:
    """Raise a RecordError with the message unless the condition holds."""
    if not condition:
        raise RecordError(message)


def finite_tuple(values: Iterable[Any], length: int, what: str) -> tuple[float, ...]:
    """Return the values as a tuple of floats, or say that they are not that many finite numbers."""
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    require(
        len(numbers) == length and all(math.isfinite(number) for number in numbers),
        f"{what} must be {length} finite numbers, not {values!r}.",
    )
    return numbers


def finite(value: Any, what: str) -> float:
    """Return the value as a float, or say that it is missing or not a finite number."""
    require(value is not None, f"{what} is missing.")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    require(math.isfinite(number), f"{what} must be a finite number, not {value!r:.60}.")
    return number


def whole(value: Any, what: str) -> int:
    """Return the value as an int, or say that it is not a whole number >= 0."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 0
    require(bool(is_whole), f"{what} must be a whole number >= 0, not {value!r}.")
    return int(value)


def member(kind: type[EnumType], value: Any, what: str) -> EnumType:
    """Return the member of the enumeration, or list all members."""
    try:
        return kind(value)
    except ValueError:
        raise RecordError(f"{what} must be one of {', '.join(kind)}, not {value!r:.60}.") from None


def text(value: Any, what: str) -> str:
    """Return the stripped text, or say that it is missing or empty."""
    require(value is not None, f"{what} is missing.")
    require(isinstance(value, str) and bool(value.strip()), f"{what} must be a non-empty text, not {value!r}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RecordError(f"{what} holds characters that are not text: {value!r}.") from None
    return str(value).strip()

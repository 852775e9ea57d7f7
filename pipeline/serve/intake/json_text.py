"""JSON of clients, checked before and while it is parsed."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pipeline.serve.problems import ServeError, TooLargeError, UnfitError

# More digits than any coordinate or count has; beyond, numbers are no longer exact in other languages' JSON.
_MOST_DIGITS = 18
MOST_VALUES = 200_000
"""Values in one request; the masks of its regions are the most that makes sense."""
# Keys of one object; each that is not known is a fault to be told.
_MOST_KEYS = 1000
# Escaped characters of one request; in base64 of the largest one, every slash may be escaped.
_MOST_ESCAPES = 2_000_000
# What begins a text, nests and separates.
_MARK = re.compile(rb'["\[{\]},]')
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(data: bytes, most_depth: int, most_values: int = MOST_VALUES) -> Any:
    """Parse JSON of a client.

    Args:
        data: UTF-8.
        most_depth: How deeply lists and objects may be nested.
        most_values: How many values there may be.

    Raises:
        ServeError: If it is no JSON (RFC 8259): NaN, infinite numbers, keys that occur twice and half characters are
            none either.
        TooLargeError: If it is nested too deeply or has too many values.
    """
    count_values(data, most_depth, most_values)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_whole,
            parse_float=_finite,
        )
        if b"\\u" in data and _SURROGATE.search(data):
            # Half characters come from escapes alone, and cannot be written anywhere.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except ServeError:
        raise
    except UnicodeError:
        raise ServeError("The JSON is not text in UTF-8.") from None
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ServeError(f"The body is not valid JSON{where}; check it with a JSON parser.") from None
    return value


def parse_object(data: bytes, most_depth: int) -> dict[str, Any]:
    """Parse JSON that is an object; see ``parse_json``.

    Raises:
        UnfitError: If it is something else.
        ServeError: As there.
    """
    value = parse_json(data, most_depth)
    if not isinstance(value, dict):
        raise UnfitError("The body must be a JSON object.")
    return value


def count_values(data: bytes, most_depth: int, most_values: int = MOST_VALUES) -> int:
    """The number of values of JSON, before it is parsed; see ``parse_json``.

    Raises:
        TooLargeError: As there.
    """
    if data.count(b"\\") > _MOST_ESCAPES:
        raise TooLargeError(f"The JSON has more than {_MOST_ESCAPES} escaped characters.")
    depth, count, at = 0, 1, 0
    while count <= most_values and (mark := _MARK.search(data, at)) is not None:
        kind, at = mark[0], mark.end()
        if kind == b'"':
            at = _end_of_text(data, at)
        elif kind in b"[{":
            depth, count = depth + 1, count + 1
            if depth > most_depth:
                raise TooLargeError(f"The JSON is nested more than {most_depth} deep.")
        elif kind == b",":
            count += 1
        else:
            depth -= 1
    if count > most_values:
        raise TooLargeError(f"The request has more than {MOST_VALUES} values in JSON.")
    return count


def _end_of_text(data: bytes, at: int) -> int:
    """Where a text ends that begins there, after its mark; no character is looked at often."""
    while (end := data.find(b'"', at)) >= 0:
        between = data[at:end]
        if (len(between) - len(between.rstrip(b"\\"))) % 2 == 0:
            return end + 1
        at = end + 1
    return len(data)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MOST_KEYS:
        raise TooLargeError(f"The JSON has an object with more than {_MOST_KEYS} keys.")
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ServeError("The JSON gives a key twice; give each key once.")
    return values


def _no_constant(name: str) -> Any:
    raise ServeError(f"The JSON holds {name}, which is no number.")


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ServeError(f"The JSON holds a whole number of more than {_MOST_DIGITS} digits.")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ServeError("The JSON holds a number that is too large.")
    return number

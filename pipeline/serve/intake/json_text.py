"""JSON of clients, checked before and while it is parsed."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pipeline.serve.problems import ServeError, TooLargeError, UnfitError

# More digits than any coordinate or count has; beyond, numbers are no longer exact in other languages' JSON.
_MOST_DIGITS = 18
# Values in one text; the masks of a request's regions are the most that makes sense.
_MOST_VALUES = 1_000_000
# Texts, which may be cut off, and what nests and separates. Texts match to their end, whatever follows: no character
# is looked at twice.
_PARTS = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+(?:"|\Z)|[\[{]|[\]}]|,', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(data: bytes, most_depth: int) -> Any:
    """Parse JSON of a client.

    Args:
        data: UTF-8.
        most_depth: How deeply lists and objects may be nested.

    Raises:
        ServeError: If it is no JSON (RFC 8259): NaN, infinite numbers, keys that occur twice and half characters are
            none either.
        TooLargeError: If it is nested too deeply or has too many values.
    """
    _check_structure(data, most_depth)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_whole,
            parse_float=_finite,
        )
        if _SURROGATE.search(data):
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


def _check_structure(data: bytes, most_depth: int) -> None:
    depth, count = 0, 1
    for part in _PARTS.finditer(data):
        mark = data[part.start()]
        if mark in b"[{":
            depth, count = depth + 1, count + 1
            if depth > most_depth:
                raise TooLargeError(f"The JSON is nested more than {most_depth} deep.")
        elif mark in b"]}":
            depth -= 1
        elif mark == 0x2C:
            count += 1
        if count > _MOST_VALUES:
            raise TooLargeError(f"The JSON has more than {_MOST_VALUES} values.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
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

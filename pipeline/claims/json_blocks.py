"""Finds and reads the JSON in a model's answer, however the model wrapped or bent it.

Besides strict JSON it reads Python's repr (single quotes, tuples, True and None), typographic quotes, trailing
commas, comments, keys without quotes, and a text that breaks off. It never evaluates anything, and it
reads every character a fixed number of times at most.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.records.message import Message, message

_MAX_DEPTH = 64
_SPACE = re.compile(r"(?:\s+|//[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))*+")
_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?+")
_WORD = re.compile(r"[A-Za-z_]\w*+")
_PLAIN = re.compile(r"[^\\\n\"'“”‘’]++")
_CLOSING_QUOTES = {'"': '"', "'": "'", "“": "”“", "”": "”", "‘": "’‘", "’": "’"}
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_BRACKETS = {"{": "}", "[": "]", "(": ")"}
_LIKELY_JSON = re.compile(r"""\[\s*\{|\{\s*["'“‘]""")
_NOTHING = object()


@dataclass(frozen=True)
class JsonBlock:
    """One JSON value of an answer.

    Args:
        value: A dict, or a list.
        start: Its first character in the text.
        end: One past its last character.
        complete: False where the text broke off or broke a rule, and only the complete elements were kept.
    """

    value: Any
    start: int
    end: int
    complete: bool = True


class _Broken(Exception):
    """Reading stopped at ``at``; ``value`` is what was complete until then."""

    def __init__(self, at: int, reason: Message | str, value: Any = _NOTHING) -> None:
        self.at = at
        self.reason = message(reason) if isinstance(reason, str) else reason
        self.value = value


def find_json(text: str) -> tuple[tuple[JsonBlock, ...], tuple[Message, ...]]:
    """Find every JSON object, and every list of objects or lists, inside or outside of code fences.

    Args:
        text: An answer.

    Returns:
        The values in the order of the text, and a message for each value that is broken. A list or an object
        that breaks off keeps its complete elements; an object that breaks off within a list is not complete.

    >>> find_json("It is here: [{'bbox_2d': (1, 2, 3, 4), 'label': 'mug',}]")[0][0].value
    [{'bbox_2d': [1, 2, 3, 4], 'label': 'mug'}]
    """
    blocks: list[JsonBlock] = []
    problems: list[Message] = []
    position = 0
    for start in _openings(text):
        if start < position:
            continue
        try:
            value, position = _value(text, start, 0)
        except _Broken as broken:
            position = max(broken.at, start + 1)
            kept = broken.value if _holds_object(broken.value) else _NOTHING
            if kept is not _NOTHING:
                blocks.append(JsonBlock(kept, start, position, complete=False))
            if kept is not _NOTHING or _LIKELY_JSON.match(text, start):
                problems.append(_problem(start, broken, kept))
        else:
            if _holds_object(value):
                blocks.append(JsonBlock(value, start, position))
    return tuple(blocks), tuple(problems)


def _openings(text: str) -> Iterator[int]:
    return (match.start() for match in re.finditer(r"[\[{]", text))


def _holds_object(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value)
    return isinstance(value, list) and any(isinstance(element, dict | list) and element for element in value)


def _problem(start: int, broken: _Broken, kept: Any) -> Message:
    if kept is _NOTHING:
        rest = message("json_nothing")
    else:
        lists = [kept] if isinstance(kept, list) else [value for value in kept.values() if isinstance(value, list)]
        rest = message("json_kept", count=sum(map(len, lists)))
    return message("json_broken", start=start, reason=broken.reason, at=broken.at, kept=rest)


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """The value that starts at a character, and one past its end."""
    at = _after_space(text, at)
    if depth > _MAX_DEPTH:
        raise _Broken(at, message("json_too_deep", most=_MAX_DEPTH))
    character = text[at]
    if character == "{":
        return _object(text, at, depth)
    if character in "[(":
        return _list(text, at, depth)
    if character in _CLOSING_QUOTES:
        return _string(text, at)
    if number := _NUMBER.match(text, at):
        return _number(number), number.end()
    if word := _WORD.match(text, at):
        if word.group() in _CONSTANTS:
            return _CONSTANTS[word.group()], word.end()
        raise _Broken(at, message("json_word", word=word.group()[:20]))
    raise _Broken(at, "json_no_value")


def _object(text: str, start: int, depth: int) -> tuple[dict[str, Any], int]:
    result: dict[str, Any] = {}
    at = _past(text, start + 1, result)
    while text[at] != "}":
        try:
            key, at = _key(text, at)
            at = _after_space(text, at)
            if text[at] not in ":：":
                raise _Broken(at, "json_no_colon")
            result[key], at = _value(text, at + 1, depth + 1)
        except _Broken as broken:
            if broken.value is not _NOTHING and broken.value:
                result[key] = broken.value
            broken.value = result
            raise
        at = _separator(text, at, "}", result)
    return result, at + 1


def _list(text: str, start: int, depth: int) -> tuple[list[Any], int]:
    result: list[Any] = []
    closing = _BRACKETS[text[start]]
    at = _past(text, start + 1, result)
    while text[at] != closing:
        try:
            element, at = _value(text, at, depth + 1)
        except _Broken as broken:
            if isinstance(broken.value, list):
                result.append(broken.value)
            broken.value = result if _holds_object(result) else _NOTHING
            raise
        result.append(element)
        at = _separator(text, at, closing, result if _holds_object(result) else _NOTHING)
    return result, at + 1


def _key(text: str, at: int) -> tuple[str, int]:
    if text[at] in _CLOSING_QUOTES:
        return _string(text, at)
    if word := _WORD.match(text, at):
        return word.group(), word.end()
    raise _Broken(at, "json_no_key")


def _separator(text: str, at: int, closing: str, so_far: Any) -> int:
    """Position of the next element or of the closing bracket."""
    at = _past(text, at, so_far)
    if text[at] == closing:
        return at
    if text[at] not in ",，":
        raise _Broken(at, message("json_no_comma", closing=closing), so_far)
    return _past(text, at + 1, so_far)


def _past(text: str, at: int, so_far: Any) -> int:
    try:
        return _after_space(text, at)
    except _Broken as broken:
        broken.value = so_far
        raise


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    at = match.end() if match else at
    if at >= len(text):
        raise _Broken(len(text), "json_cut_off")
    return at


def _string(text: str, start: int) -> tuple[str, int]:
    closing = _CLOSING_QUOTES[text[start]]
    parts: list[str] = []
    at = start + 1
    while at < len(text):
        if plain := _PLAIN.match(text, at):
            parts.append(plain.group())
            at = plain.end()
        elif text[at] in closing:
            return "".join(parts), at + 1
        elif text[at] == "\n":
            raise _Broken(at, "json_open_text")
        elif text[at] == "\\":
            character, at = _escape(text, at)
            parts.append(character)
        else:
            parts.append(text[at])
            at += 1
    raise _Broken(len(text), "json_cut_off")


def _escape(text: str, at: int) -> tuple[str, int]:
    if at + 1 >= len(text):
        raise _Broken(len(text), "json_cut_off")
    letter = text[at + 1]
    if letter != "u":
        return _ESCAPES.get(letter, letter), at + 2
    match = re.compile(r"[0-9a-fA-F]{4}").match(text, at + 2)
    if not match:
        raise _Broken(at, "json_wrong_escape")
    code = int(match.group(), 16)
    low = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(text, match.end())
    if 0xD800 <= code < 0xDC00 and low:
        return chr(0x10000 + ((code - 0xD800) << 10) + int(low.group(1), 16) - 0xDC00), low.end()
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code), match.end()


def _number(match: re.Match[str]) -> int | float:
    digits = match.group()
    if len(digits) <= 18 and not re.search(r"[.eE]", digits):
        return int(digits)
    number = float(digits)
    if not math.isfinite(number):
        raise _Broken(match.start(), "json_not_finite")
    return number

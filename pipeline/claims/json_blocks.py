"""Finds and reads the JSON in a model's answer, strict or not.

Besides strict JSON it reads Python's repr (single quotes, tuples, True and None), typographic quotes, trailing
commas, comments, keys without quotes, and truncated text. It never evaluates code, and it reads each character a
bounded number of times.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from pipeline.records.message import Message, message

_MAX_DEPTH = 64
_MOST_PROBLEMS = 1000
_SPACE = re.compile(r"(?:\s+|//[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))*+")
_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?+")
_WORD = re.compile(r"[A-Za-z_]\w*+")
_PLAIN = re.compile(r"[^\\\n\"'“”‘’]++")
_CLOSING_QUOTES = {'"': '"', "'": "'", "“": "”“", "”": "”", "‘": "’‘", "’": "’"}
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_PLAIN_FORMS = str.maketrans("０１２３４５６７８９［］（）｛｝，．％｜", "0123456789[](){},.%|")
_LIST_OF_BLANKS = re.compile(r"\[\s*[-+]?[\d.]+(?:\s+[-+]?[\d.]+){1,15}\s*\]")
_BRACKETS = {"{": "}", "[": "]", "(": ")"}
_OPENING = re.compile(r"[\[{]")
_LIKELY_JSON = re.compile(r"""\[\s*\{|\{\s*["'“‘]""")


@dataclass(frozen=True)
class JsonBlock:
    """One JSON value of an answer.

    Args:
        value: A dict, or a list.
        start: Its first character in the text.
        end: One past its last character.
        complete: False if the text was truncated or malformed and only its complete elements were kept.
    """

    value: Any
    start: int
    end: int
    complete: bool = True


class _Broken(Exception):
    """Reading stopped at ``at``; ``value`` is the object or list read so far, if any."""

    def __init__(self, at: int, reason: Message | str) -> None:
        self.at = at
        self.reason = message(reason) if isinstance(reason, str) else reason
        self.value: dict[str, Any] | list[Any] | None = None


def find_json(text: str) -> tuple[tuple[JsonBlock, ...], tuple[Message, ...]]:
    """Find every JSON object, and every list of objects or lists, inside or outside of code fences.

    Args:
        text: An answer.

    Returns:
        The values in the order of the text, and a message for each broken value. A truncated list or object keeps
        its complete elements; a truncated object within a list is not complete.

    >>> find_json("It is here: [{'bbox_2d': (1, 2, 3, 4), 'label': 'mug',}]")[0][0].value
    [{'bbox_2d': [1, 2, 3, 4], 'label': 'mug'}]
    """
    blocks: list[JsonBlock] = []
    problems: list[Message] = []
    position = 0
    while opening := _OPENING.search(text, position):
        start, complete = opening.start(), True
        try:
            value, position = _value(text, start, 0)
        except _Broken as broken:
            value, position, complete = broken.value, max(broken.at, start + 1), False
            if len(problems) < _MOST_PROBLEMS and (_holds_object(value) or _LIKELY_JSON.match(text, start)):
                problems.append(_problem(start, broken))
        if _holds_object(value):
            blocks.append(JsonBlock(value, start, position, complete))
    return tuple(blocks), tuple(problems)


def readable(text: str) -> str:
    """The text with plain digits and brackets, and commas in lists that lack them; all characters keep their positions.

    >>> readable("[10 20 30 40] ［１５０，３００］")
    '[10,20,30,40] [150,300]'
    """
    text = text.translate(_PLAIN_FORMS)
    return _LIST_OF_BLANKS.sub(lambda match: re.sub(r"(?<=[\d.])\s(?=\s*[-+.\d])", ",", match.group()), text)


def unescaped(text: str) -> str:
    r"""The text with JSON that is escaped inside of a string made readable; all characters keep their positions.

    >>> unescaped('"{\\"a\\": 1}"')
    '"{ "a ": 1}"'
    """
    if not re.search(r"[{\[,]\s*\\+\"", text):
        return text
    return re.sub(r"\\+([\"n])", lambda match: " " * (len(match.group()) - 1) + match[1].replace("n", " "), text)


def is_numbers(value: Any) -> bool:
    """Whether a value holds nothing but numbers in lists."""
    if isinstance(value, list):
        return all(is_numbers(part) for part in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _holds_object(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value)
    return isinstance(value, list) and any(isinstance(element, dict | list) and element for element in value)


def _problem(start: int, broken: _Broken) -> Message:
    rest = message("json_nothing")
    if broken.value and _holds_object(broken.value):
        parts = [broken.value] if isinstance(broken.value, list) else broken.value.values()
        rest = message("json_kept", count=sum(len(part) for part in parts if isinstance(part, list)))
    return message("json_broken", start=start, reason=broken.reason, at=broken.at, kept=rest)


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """The value that starts at a character, and the position after its end."""
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
    try:
        at = _after_space(text, start + 1)
        while text[at] != "}":
            key, at = _key(text, at)
            at = _after_space(text, at)
            if text[at] not in ":：":
                raise _Broken(at, "json_no_colon")
            result[key], at = _value(text, at + 1, depth + 1)
            at = _separator(text, at, "}")
    except _Broken as broken:
        if broken.value:
            result[key] = broken.value
        broken.value = result
        raise
    return result, at + 1


def _list(text: str, start: int, depth: int) -> tuple[list[Any], int]:
    result: list[Any] = []
    closing = _BRACKETS[text[start]]
    try:
        at = _after_space(text, start + 1)
        while text[at] != closing:
            element, at = _value(text, at, depth + 1)
            result.append(element)
            at = _separator(text, at, closing)
    except _Broken as broken:
        if isinstance(broken.value, list):
            result.append(broken.value)
        broken.value = result if _holds_object(result) else None
        raise
    return result, at + 1


def _key(text: str, at: int) -> tuple[str, int]:
    if text[at] in _CLOSING_QUOTES:
        return _string(text, at)
    if word := _WORD.match(text, at):
        return word.group(), word.end()
    raise _Broken(at, "json_no_key")


def _separator(text: str, at: int, closing: str) -> int:
    """Position of the next element or of the closing bracket."""
    at = _after_space(text, at)
    if text[at] == closing:
        return at
    if text[at] not in ",，":
        raise _Broken(at, message("json_no_comma", closing=closing))
    return _after_space(text, at + 1)


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

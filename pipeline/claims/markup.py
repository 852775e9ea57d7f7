"""The words of an answer without its markup, with their offsets in the raw text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest

from pipeline.records.message import Message, message

Span = tuple[int, int]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_MARKUP = re.compile(
    r"\*+|`+|~~|__"
    r"|^[ \t]*(?:(?:\#{1,6}|>|[-+•·]|\d{1,2}[.)])[ \t]+)+"
    r"|<\|box_start\|>.{0,80}?<\|box_end\|>|<box>.{0,80}?</box>|</?(?:ref|p|obj|phrase|grounding|object|label|delim)/?>|<\|{1,2}/?[a-z_]{1,30}\|{1,2}>"
    r"|[\u2600-\u27bf\U0001f300-\U0001faff\ufe0f]",
    re.MULTILINE,
)
_TAG_OR_NUMBERS = re.compile(r"<[^<>]*>|[\[({][^\[\](){}A-Za-z]*[\])}]|[\d.,;\[\](){}]+")
_AT = re.compile(
    r"(?<=\w)\s+(?:(?:located|positioned|visible|seen)\s+)?(?:at|at\s+(?:about|around|position|point))\s*$"
)
_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "「": '"', "」": '"', "‘": "'", "’": "'", "\u00a0": " "})


@dataclass(frozen=True)
class PlainText:
    """A text without markup and with straight quotes.

    Args:
        text: The words.
        offsets: Position of each character in the raw text.
    """

    text: str
    offsets: tuple[int, ...]

    def raw_span(self, start: int, end: int) -> Span:
        """The raw characters from ``start`` to ``end``, which must not be empty."""
        return self.offsets[start], self.offsets[end - 1] + 1


def clean_text(text: str) -> str:
    """The text with U+FFFD in place of lone surrogates, which JSON may hold and UTF-8 may not."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def plain_text(raw: str) -> PlainText:
    """The text without Markdown emphasis, list marks, headings, emoji and grounding tags.

    >>> plain_text("- The **mug** is here").text
    'The mug is here'
    """
    offsets: list[int] = []
    at = 0
    for match in _MARKUP.finditer(raw):
        offsets.extend(range(at, match.start()))
        at = match.end()
    offsets.extend(range(at, len(raw)))
    text = "".join(map(raw.__getitem__, offsets)).translate(_STRAIGHT)
    return PlainText(text, tuple(offsets))


def code_fences(text: str) -> list[Span]:
    """Spans of the fenced code blocks; an unclosed one extends to the end."""
    marks = [match.start() for match in _FENCE.finditer(text)]
    ends = [_FENCE.match(text, mark).end() for mark in marks[1::2]]  # type: ignore[union-attr]
    return list(zip_longest(marks[::2], ends, fillvalue=len(text)))


def blank(text: str, spans: Iterable[Span], filler: str = "\n") -> str:
    """The text with a filler in place of the spans, so that other characters keep their positions."""
    letters = list(text)
    for start, end in dict.fromkeys(spans):
        letters[start:end] = filler * (end - start)
    return "".join(letters)


def without_coordinates(text: str, spans: Iterable[Span]) -> str:
    """The text with blanks in place of coordinates and their tags; the words between tags stay.

    >>> without_coordinates("A <ref>mug</ref><box>(1,2),(3,4)</box> here", [(2, 39)])
    'A      mug                             here'
    """
    letters = list(text)
    for start, end in dict.fromkeys(spans):
        if at := _AT.search(text, max(start - 30, 0), start):
            start = at.start()
        words = text[start:end]
        if "<" in words:
            words = _TAG_OR_NUMBERS.sub(lambda match: " " * len(match.group()), words)
            letters[start:end] = words if re.search(r"[^\W\d_]{2,}", words) else " " * len(words)
        else:
            letters[start:end] = " " * len(words)
    return "".join(letters)


def without_code(text: str) -> str:
    r"""The text of an answer on one line without fenced code; with it if there is nothing else.

    >>> without_code("It is near.\n```json\n[]\n```")
    'It is near.'
    """
    return prose(text) or " ".join(text.split())


def prose(text: str) -> str:
    r"""The text of an answer on one line without fenced code; empty if there is nothing else.

    >>> prose("It is near.\n```json\n[]"), prose("```json\n[{")
    ('It is near.', '')
    """
    return " ".join(blank(text, code_fences(text)).split())


def shorten(text: str, length: int = 100) -> str:
    """The text on one line, cut to a length."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def first_of(messages: Iterable[Message], most: int = 10) -> tuple[Message, ...]:
    """The first few distinct messages, and one with the number of the others."""
    # By their text: messages of one code have one hash, so thousands of them would be compared pairwise.
    distinct = list({repr(each): each for each in messages}.values())
    if len(distinct) <= most:
        return tuple(distinct)
    return (*distinct[:most], message("more_problems", count=len(distinct) - most))


def listed(words: str) -> list[str]:
    """The words of a list separated by ``|``."""
    return words.split("|")


def alternatives(words: Iterable[str]) -> str:
    """A pattern of any of the words; the longest that matches wins."""
    return "|".join(sorted(words, key=len, reverse=True))

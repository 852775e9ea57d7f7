"""The words of an answer without its markup, and the way back to the raw characters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.records.message import Message, message

Span = tuple[int, int]

_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_MARKUP = re.compile(
    r"\*+|`+|~~|__"
    r"|^[ \t]*(?:(?:\#{1,6}|>|[-+•·]|\d{1,2}[.)])[ \t]+)+"
    r"|<\|box_start\|>.{0,80}?<\|box_end\|>|<box>.{0,80}?</box>|</?ref>|<\|[a-z_]{1,30}\|>"
    r"|[\u2600-\u27bf\U0001f300-\U0001faff\ufe0f]",
    re.MULTILINE,
)
_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "「": '"', "」": '"', "‘": "'", "’": "'", "\u00a0": " "})


@dataclass(frozen=True)
class PlainText:
    """A text without markup and with straight quotes.

    Args:
        text: The words.
        offsets: For each of its characters, where it stands in the raw text.
    """

    text: str
    offsets: tuple[int, ...]

    def raw_span(self, start: int, end: int) -> Span:
        """The raw characters from ``start`` to ``end``, which must not be empty."""
        return self.offsets[start], self.offsets[end - 1] + 1


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
    """Spans of the fenced code blocks; one that is never closed reaches to the end."""
    marks = [match.start() for match in _FENCE.finditer(text)]
    ends = [text.find("\n", mark) for mark in marks[1::2]]
    closed = [len(text) if end < 0 else end for end in ends]
    if len(marks) % 2:
        closed.append(len(text))
    return list(zip(marks[::2], closed, strict=True))


def blank(text: str, spans: Iterable[Span]) -> str:
    """The text with newlines in place of the spans, so that all other characters stay where they are."""
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if end <= at:
            continue
        start = max(start, at)
        parts += [text[at:start], "\n" * (end - start)]
        at = end
    return "".join([*parts, text[at:]])


def without_code(text: str) -> str:
    r"""What an answer says to people: its text on one line without fenced code; all of it where nothing else is there.

    >>> without_code("It is near.\n```json\n[]\n```")
    'It is near.'
    """
    return " ".join(blank(text, code_fences(text)).split()) or " ".join(text.split())


def shorten(text: str, length: int = 100) -> str:
    """The text on one line, cut to a length."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def first_of(sentences: Iterable[Message], most: int = 10) -> tuple[Message, ...]:
    """The first few different sentences, and one that says how many more there are."""
    distinct = list(dict.fromkeys(sentences))
    if len(distinct) <= most:
        return tuple(distinct)
    return (*distinct[:most], message("more_problems", count=len(distinct) - most))


def listed(words: str) -> list[str]:
    """The words of a list that is written with ``|`` between them."""
    return words.split("|")

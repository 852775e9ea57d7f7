"""The options of a multiple-choice question."""

from __future__ import annotations

import re
import unicodedata

_BEFORE = r"(?:^|(?<=[\s(（:：,，;；?？。.\"'】]))"
_STYLES = (
    ("ABCDEFGH", re.compile(rf"{_BEFORE}[(（\[]?([A-H])\s{{0,2}}[.)）\]、:：．]\s{{0,4}}(?=\S)", re.MULTILINE)),
    ("abcdefgh", re.compile(rf"{_BEFORE}[(（]?([a-h])\s{{0,2}}[.)）、:：]\s{{0,4}}(?=\S)", re.MULTILINE)),
    ("12345678", re.compile(rf"{_BEFORE}([1-8])[)）]\s{{0,4}}(?=\S)")),
    ("12345678", re.compile(r"(?:^|\n)[ \t]*[(（]?([1-8])\s{0,2}[.)）、:：][ \t]{1,4}(?=\S)")),
)
_TAIL = re.compile(
    r"(?<=[.。;；?？)）\s])\s*(?:answer|please|reply|respond|select|choose|give|请|答案|回答)(?![a-z]).*$",
    re.IGNORECASE,
)
_EDGES = " .。;；,，()（）\"'“”‘’*"


def options_of(question: str) -> dict[str, str]:
    """The options of a multiple-choice question by letter in upper case, or by number; empty if it has none.

    >>> options_of("Which way? A. Left. B. Right.")
    {'A': 'Left', 'B': 'Right'}
    """
    question = unicodedata.normalize("NFKC", question[:20_000])
    for marks, pattern in _STYLES:
        run = _run(question, marks, pattern)
        if len(run) >= 2:
            ends = [*(match.start() for match in run[1:]), len(question)]
            texts = [question[match.end() : end] for match, end in zip(run, ends, strict=True)]
            return {match[1].upper(): _clean(text) for match, text in zip(run, texts, strict=True)}
    return {}


def _run(question: str, marks: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The longest run of successive marks, the last one of equal length."""
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for match in pattern.finditer(question):
        if run and len(run) < len(marks) and match[1] == marks[len(run)]:
            run.append(match)
        elif match[1] == marks[0] and (not run or question[run[-1].end() : match.start()].strip()):
            run = [match]
        if len(run) >= len(best):
            best = list(run)
    return best


def _clean(text: str) -> str:
    """An option without its punctuation and without instructions after it."""
    line = text.strip().split("\n")[0]
    if len(parts := re.split(r"(?<=[.;。；])\s+(?=\S)", line, maxsplit=1)) > 1 and re.search(r"[?？]\s*$", parts[1]):
        line = parts[0]
    return _TAIL.sub("", line).strip(_EDGES)

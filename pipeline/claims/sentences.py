"""Splits an answer into sentences whose quoted texts and known names are masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.claims.markup import Span

NAME = "\ue000"
"""Stands in a mask for every character of a known name."""

QUOTED = "\ue001"
"""Stands in a mask for every character of a quoted text."""

_LONGEST = 400
_SHORTEST = 4
_MOST_LABELS = 500
_ABBREVIATION = r"(?<!\bapprox)(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bcf)(?<!\betc)"
_END = re.compile(rf"{_ABBREVIATION}\.(?=[\s\"')\]]|$)|[!?。！？；;|]+|\n+", re.IGNORECASE)
_QUOTES = re.compile(r"\"[^\"\n]{1,120}\"|(?<![\w])'[^'\n]{1,120}'(?!\w)|《[^》\n]{1,80}》")
_PARENTHESES = re.compile(r"\([^()\n]{0,200}\)|（[^（）\n]{0,200}）|\[[^\[\]\n]{0,200}\]")


@dataclass(frozen=True)
class Sentence:
    """One sentence of a plain text.

    Args:
        text: Its words.
        mask: The same number of characters: known names and quoted texts are masked, parentheses are blank.
        start: Where it starts in the plain text.
        end_mark: The punctuation that ends it.
    """

    text: str
    mask: str
    start: int
    end_mark: str

    @property
    def is_too_long(self) -> bool:
        """Whether it is longer than any sentence worth reading."""
        return len(self.text) > _LONGEST

    def trimmed(self, start: int, end: int) -> Span:
        """The span without white space and loose punctuation at its ends."""
        part = self.mask[start:end]
        left = len(part) - len(part.lstrip(" \t,，.:：-–—"))
        right = len(part.rstrip(" \t,，.:：-–—"))
        return start + min(left, right), start + right

    def words(self, start: int, end: int) -> str:
        """The words of a span, without what stands in parentheses."""
        return " ".join(_PARENTHESES.sub(" ", self.text[start:end]).split())


def sentences(text: str, labels: Sequence[str] = ()) -> Iterator[Sentence]:
    """Every sentence of a plain text that is long enough to state something.

    Args:
        text: Words without markup and with straight quotes.
        labels: Known names, which are masked as a whole.
    """
    names = _names(labels)
    at = 0
    for match in _END.finditer(f"{text}\n"):
        part, start, at = text[at : match.start()], at, match.end()
        if len(part.strip()) >= _SHORTEST:
            mask = part if len(part) > _LONGEST else _masked(part, names)
            yield Sentence(part, mask, start, match.group())


def _names(labels: Sequence[str]) -> re.Pattern[str] | None:
    known = sorted({label.strip() for label in labels if label.strip()}, key=len, reverse=True)[:_MOST_LABELS]
    if not known:
        return None
    patterns = []
    for label in known:
        escaped = re.escape(label)
        if label.isascii():
            plural = "" if len(label) == 1 else "(?:es|s)?"
            escaped = rf"(?<![\w-]){escaped}{plural}(?![\w-]|'s\b)"
            patterns.append(f"(?i:{escaped})" if plural else escaped)
        else:
            patterns.append(escaped)
    return re.compile("|".join(patterns))


def _masked(text: str, names: re.Pattern[str] | None) -> str:
    mask = _QUOTES.sub(lambda match: QUOTED * len(match.group()), text)
    mask = _PARENTHESES.sub(lambda match: " " * len(match.group()), mask)
    return names.sub(lambda match: NAME * len(match.group()), mask) if names else mask

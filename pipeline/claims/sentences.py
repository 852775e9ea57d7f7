"""Splits an answer into sentences, and masks their quoted texts and known names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.claims.markup import Span

NAME = "\ue000"
"""Replaces each character of a known name in a mask."""

QUOTED = "\ue001"
"""Replaces each character of a quoted text in a mask."""

_LOOSE = " \t,，.:：-–—"
_LONGEST = 400
_SHORTEST = 4
_MOST_LABELS = 200
_ABBREVIATION = r"(?<!\bapprox)(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bcf)(?<!\betc)"
# Small models leave out the space between two sentences.
_UNSPACED = r"(?<=[a-z]{3})\.(?=[a-z]{2,}\s)(?!(?:com|csv|jpe?g|json|net|org|pdf|png|py|txt)\s)"
_END = re.compile(rf"{_ABBREVIATION}(?:\.(?=[\s\"')\]]|$)|{_UNSPACED})|[!?。！？；;|]+|\n+", re.IGNORECASE)
_QUOTES = re.compile(r"\"[^\"\n]{1,120}\"|(?<![\w])'[^'\n]{1,120}'(?!\w)|《[^》\n]{1,80}》")
_PARENTHESES = re.compile(r"\([^()\n]{0,200}\)|（[^（）\n]{0,200}）|\[[^\[\]\n]{0,200}\]")


@dataclass(frozen=True)
class Sentence:
    """One sentence of a plain text.

    Args:
        text: Its words.
        mask: The same number of characters; known names and quoted texts are masked, parentheses are blank.
        start: Its position in the plain text.
        end_mark: The punctuation that ends it.
    """

    text: str
    mask: str
    start: int
    end_mark: str

    @property
    def is_too_long(self) -> bool:
        """Whether it is too long to be read."""
        return len(self.text) > _LONGEST

    def trimmed(self, start: int, end: int) -> Span:
        """The span without white space and punctuation at its ends."""
        end = start + len(self.mask[start:end].rstrip(_LOOSE))
        return end - len(self.mask[start:end].lstrip(_LOOSE)), end

    def words(self, start: int, end: int) -> str:
        """The words of a span, without parentheses."""
        return " ".join(_PARENTHESES.sub(" ", self.text[start:end]).split())


def sentences(text: str, labels: Sequence[str] = ()) -> Iterator[Sentence]:
    """The sentences of a plain text that are long enough to state something.

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


def _names(labels: Sequence[str]) -> re.Pattern[str]:
    known = sorted({label.strip() for label in labels} - {""}, key=len, reverse=True)[:_MOST_LABELS]
    return re.compile("|".join(map(_name, known)) or "(?!)")


def _name(label: str) -> str:
    if not label.isascii():
        return re.escape(label)
    if len(label) == 1:
        return rf"(?<![\w-]){re.escape(label)}(?![\w-]|'s\b)"
    return rf"(?i:(?<![\w-]){re.escape(label)}(?:es|s)?(?![\w-]|'s\b))"


def _masked(text: str, names: re.Pattern[str]) -> str:
    mask = _QUOTES.sub(lambda match: QUOTED * len(match.group()), text)
    mask = _PARENTHESES.sub(lambda match: " " * len(match.group()), mask)
    return names.sub(lambda match: NAME * len(match.group()), mask)

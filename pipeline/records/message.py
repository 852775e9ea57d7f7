"""Sentences of claims, verdicts and notes: codes with values, worded once, in the language of the result.

The words stand in ``wording/LANGUAGE.yaml``. A message's values fill its pattern; a value may be a message itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from string import Formatter
from typing import Any, Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_CATALOGS = Path(__file__).parent / "wording"
_CHINESE = re.compile(r"[㐀-䶿一-鿿豈-﫿]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+")


def detect_language(question: str) -> Language:
    """``zh`` if the question has more Chinese characters than Latin words, else ``en``.

    >>> detect_language("椅子在桌子左边吗？"), detect_language("What does 出口 mean?")
    ('zh', 'en')
    """
    return "zh" if len(_CHINESE.findall(question)) > len(_LATIN_WORD.findall(question)) else "en"


@cache
def catalog(language: Language) -> Mapping[str, str]:
    """The patterns of a language by code."""
    import yaml

    with (_CATALOGS / f"{language}.yaml").open(encoding="utf-8") as patterns:
        found: Mapping[str, str] = yaml.load(patterns, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found


@dataclass(frozen=True)
class Message:
    """A sentence in no particular language.

    Args:
        code: Key of the catalogs.
        values: What the pattern names: numbers, labels, messages, and tuples of these.
        more: Messages that follow it.
    """

    code: str
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    more: tuple[Message, ...] = ()

    def __add__(self, other: Message) -> Message:
        """This message, and then the other one."""
        return replace(self, more=(*self.more, other, *other.more))

    def text(self, language: Language = "en") -> str:
        """The message in words.

        >>> (message("outside_frame", label="cup") + message("within_error")).text()
        "'cup' lies outside the frame. That is not certain enough for a verdict."
        """
        if language not in self._texts:
            words = _Words(language)
            self._texts[language] = words.patterns["between_sentences"].join(map(words.filled, (self, *self.more)))
        return self._texts[language]

    @cached_property
    def _texts(self) -> dict[Language, str]:
        """The message in words by language, kept because verdicts repeat the sentences of their evidence."""
        return {}


def message(code: str, /, **values: Any) -> Message:
    """The message of a code, with the values that its pattern names."""
    return Message(code, values)


def length_text(length_m: float) -> str:
    """A length as people write it.

    >>> length_text(1.234), length_text(0.0621), length_text(0.0042)
    ('1.23 m', '6.2 cm', '4.2 mm')
    """
    size = abs(length_m)
    if size >= 0.995:
        return f"{length_m:.2f} m"
    return f"{100 * length_m:.1f} cm" if size >= 0.00995 else f"{1000 * length_m:.1f} mm"


@cache
def _parts(pattern: str) -> tuple[tuple[str, str | None, str], ...]:
    """The parts of a pattern: text, and the name and format specification of the value that follows it, if any."""
    return tuple((text, name, spec or "") for text, name, spec, _ in Formatter().parse(pattern))


class _Words:
    """Fills patterns in; beside the format specifications of Python it knows these.

    ``length``: metres as people write them. ``term``: a code, in the words of the catalog. ``frames``: indices of
    frames, counted from 1. ``and``, ``or``, ``comma``, ``clauses``: how the parts of a tuple are joined. ``n NOUN``: a
    number with its English noun.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self.patterns = catalog(language)

    def filled(self, part: Message) -> str:
        """One message in words, without those that follow it."""
        # Formatter.format parses the pattern every time.
        return "".join(
            text if name is None else text + self._in_words(part.values[name], spec)
            for text, name, spec in _parts(self.patterns[part.code])
        )

    def _in_words(self, value: Any, spec: str) -> str:
        """One value in words."""
        if isinstance(value, Message):
            return value.text(self.language)
        if spec == "frames":
            numbers = self._joined([str(frame + 1) for frame in value], "frames")
            return self.patterns["one_frame" if len(value) == 1 else "several_frames"].format(numbers)
        if isinstance(value, tuple):
            return self._joined([self._in_words(part, "") for part in value], spec)
        if spec == "length":
            return length_text(value)
        if spec == "term":
            return self.patterns[value]
        if spec.startswith("n "):
            return f"{value} {spec[2:]}" if value == 1 else f"{value} {spec[2:]}s"
        return format(value, spec)

    def _joined(self, parts: Sequence[str], spec: str) -> str:
        between, last = self.patterns[f"join_{spec or 'comma'}"].split("|")
        return last.join([between.join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

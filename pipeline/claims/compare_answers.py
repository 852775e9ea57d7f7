"""Scores a model's answer against the correct one, before and after the verdicts on its claims."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from pipeline.claims.markup import plain_text, without_code
from pipeline.claims.names import normal_name
from pipeline.claims.quantities import MEASURE, NUMBER_WORDS, parse_quantity, unit_named
from pipeline.records import Answer, Status, Verdict
from pipeline.records.anchor import LENGTH_UNITS
from pipeline.records.expected import AnswerKind, Expected

# A length is correct within this share of the true one, as in SpatialRGPT-Bench (Cheng et al. 2024).
_LENGTH_TOLERANCE = 0.25
_LONGEST = 20_000
_YES = re.compile(r"\b(?:yes|true|correct|yeah)\b|(?<!不)(?:是的|对的|正确)|^\s*[是对]", re.IGNORECASE)
_NO = re.compile(r"\b(?:no|false|incorrect|nope)\b|不是|不对|不正确|^\s*[否不]", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!。！\n]")
_MEASURE = re.compile(MEASURE, re.IGNORECASE)
_NUMBER = re.compile(
    rf"(?<![\w.])(?:-?\d+(?:\.\d+)?|{'|'.join(word for word in NUMBER_WORDS if len(word) > 2)})(?![\w%])",
    re.IGNORECASE,
)

Value = str | float


@dataclass(frozen=True)
class Scored:
    """One answer, compared with the correct one.

    Args:
        value: Its value: a letter, ``yes`` or ``no``, a number in the expected unit, or words; None if it was not
            understood.
        score: 1 if it is correct, else 0.
        status: ``refuted`` if a verdict refutes one of its claims, ``supported`` if one is supported and none is
            refuted, else ``undecided``.
        score_after: Score after the verdicts, in [0, 1]: a refuted yes becomes no and vice versa; a refuted choice
            is replaced by a guess among the others; everything else stays.
        reason: Reason of the verdict that gives the status.
    """

    value: Value | None
    score: float
    status: Status
    score_after: float
    reason: str = ""


def scored(expected: Expected, answer: Answer, verdicts: Sequence[Verdict]) -> Scored:
    """Score an answer, alone and with the verdicts on its claims.

    Args:
        expected: The question and its correct answer.
        answer: The model's answer.
        verdicts: Verdicts on the answer's claims.
    """
    value = value_of(expected, answer)
    score = float(value is not None and is_correct(expected, value))
    statuses = {verdict.status for verdict in verdicts}
    status = next((known for known in (Status.REFUTED, Status.SUPPORTED) if known in statuses), Status.UNDECIDED)
    reason = next((verdict.reason for verdict in verdicts if verdict.status is status), "")
    after = score
    if status is Status.REFUTED and value is not None:
        if expected.kind is AnswerKind.YES_NO:
            after = 1 - score
        elif expected.kind is AnswerKind.CHOICE and len(expected.choices) > 1:
            after = (1 - score) / (len(expected.choices) - 1)
    return Scored(value, score, status, after, reason)


def value_of(expected: Expected, answer: Answer) -> Value | None:
    """The value of an answer in the form that ``is_correct`` compares; None if it is not understood."""
    if expected.kind is AnswerKind.CHOICE:
        return answer.choice if answer.choice in [*ascii_uppercase[: len(expected.choices)]] else None
    words = _words(answer)
    if expected.kind is AnswerKind.YES_NO:
        return _yes_or_no(words)
    if expected.kind is AnswerKind.NUMBER:
        return _number(words, expected.unit)
    return words or None


def is_correct(expected: Expected, value: Value) -> bool:
    """Whether a value of ``value_of`` is correct.

    Letters, yes and no, and whole numbers without a unit must be equal; words must contain the expected ones; other
    numbers may differ by a quarter.
    """
    if isinstance(value, str):
        wanted, said = expected.answer.casefold().strip(), value.casefold().strip()
        if expected.kind is not AnswerKind.TEXT:
            return wanted == said
        wanted, said = normal_name(wanted) or wanted, normal_name(said) or said
        return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", said) is not None
    correct = float(expected.answer)
    if expected.unit in (None, "count") and correct.is_integer():
        return value == correct
    return abs(value - correct) <= _LENGTH_TOLERANCE * abs(correct)


def _words(answer: Answer) -> str:
    return plain_text(without_code(answer.text[:_LONGEST])).text.strip()


def _yes_or_no(words: str) -> str | None:
    """Yes or no, by the first sentence that says either; None if it says both."""
    for sentence in _SENTENCE_END.split(words):
        if said := [word for word, pattern in (("yes", _YES), ("no", _NO)) if pattern.search(sentence)]:
            return said[0] if len(said) == 1 else None
    return None


def _number(words: str, unit: str | None) -> float | None:
    """The first number in the wanted unit; a number without a unit is taken to be in it."""
    if unit and (wanted := unit_named(unit)):
        for match in _MEASURE.finditer(words):
            quantity = parse_quantity(match[0])
            if quantity and quantity.unit in LENGTH_UNITS:
                return quantity.value * quantity.unit.metres / (wanted[0].metres * wanted[1])
    bare = _NUMBER.search(words)
    quantity = parse_quantity(bare[0]) if bare else None
    return quantity.value if quantity else None

"""Reads a model's answer to a question whose right answer is known, and takes verdicts into account."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.claims.markup import plain_text, without_code
from pipeline.claims.names import normal_name
from pipeline.claims.prose import parse_prose
from pipeline.claims.quantities import MEASURE, NUMBER_WORDS, parse_count, parse_quantity, unit_named
from pipeline.records import Answer, Claim, Origin, Status, Verdict
from pipeline.records.expected import AnswerKind, Expected

# A length is right within this share of the true one, as SpatialRGPT-Bench counts it (Cheng et al. 2024).
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
_ASKED = re.compile(r"^\W*(?P<verb>is|are|does|do)\s+(?P<rest>[^?？]+)[?？]", re.IGNORECASE)

Value = str | float


@dataclass(frozen=True)
class Scored:
    """One answer, held against the right one.

    Args:
        value: What it says: a letter, ``yes`` or ``no``, a number in the expected unit, or words; None where that
            was not understood.
        score: 1 where it is right, else 0.
        status: ``refuted`` where a verdict refutes one of its claims, ``supported`` where one is supported and none
            refuted, else ``undecided``.
        score_after: Score once the verdict is taken into account, in [0, 1]: a refuted yes becomes no and the other
            way round; a refuted choice is dropped, and one of the others guessed; everything else stays.
        reason: The verdict that settles the status, in words.
    """

    value: Value | None
    score: float
    status: Status
    score_after: float
    reason: str = ""


def scored(expected: Expected, answer: Answer, verdicts: Sequence[Verdict]) -> Scored:
    """Hold an answer against the right one, alone and with the verdicts on its claims.

    Args:
        expected: The question and its right answer.
        answer: What the model said.
        verdicts: Verdicts on the claims that the answer makes.
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
    """What an answer says, in the form in which it is compared; None where that is not understood."""
    if expected.kind is AnswerKind.CHOICE:
        letters = [chr(ord("A") + position) for position in range(len(expected.choices))]
        return answer.choice if answer.choice in letters else None
    words = plain_text(without_code(answer.text[:_LONGEST])).text.strip()
    if expected.kind is AnswerKind.YES_NO:
        return _yes_or_no(words)
    if expected.kind is AnswerKind.NUMBER:
        return _number(words, expected.unit)
    return words or None


def is_correct(expected: Expected, value: Value) -> bool:
    """Whether a value of ``value_of`` is the right one.

    Letters, yes and no must be equal; words must be, or hold, the right ones; whole numbers without a unit must be
    equal; other numbers may differ by a quarter.
    """
    if isinstance(value, str):
        wanted, said = expected.answer.casefold().strip(), value.casefold().strip()
        if expected.kind is not AnswerKind.TEXT:
            return wanted == said
        wanted, said = normal_name(wanted) or wanted, normal_name(said) or said
        return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", said) is not None
    right = float(expected.answer)
    if expected.unit in (None, "count") and right.is_integer():
        return value == right
    return abs(value - right) <= _LENGTH_TOLERANCE * abs(right)


def with_asked_claim(expected: Expected, answer: Answer, names: Sequence[str]) -> Answer:
    """The answer with the claim that it makes by a mere yes or no, where it spells out none.

    Args:
        expected: The question, as "Is the cup in front of the book?".
        answer: The answer.
        names: Names of the things that the question may speak of.

    Returns:
        The answer; with the claim that the question asks about, negated where the answer is no, if the answer has no
        claim of its own.
    """
    if answer.claims:
        return answer
    said = _chosen_words(expected, answer)
    verdict = None if said is None else _yes_or_no(said)
    if verdict is None:
        return answer
    claims = asked_claims(expected.question, names)
    return replace(
        answer,
        claims=tuple(replace(claim, negated=claim.negated is (verdict == "yes")) for claim in claims),
    )


def asked_claims(question: str, names: Sequence[str]) -> tuple[Claim, ...]:
    """The claim that a question of yes or no asks about; none where it is not understood.

    >>> [claim.in_words() for claim in asked_claims("Is the cup in front of the book?", ["cup", "book"])]
    ['cup is in front of book']
    """
    match = _ASKED.match(question.strip())
    if match is None:
        return ()
    rest = match["rest"].strip()
    for name in sorted(names, key=len, reverse=True):
        named = re.match(rf"(?:the\s+|a\s+|an\s+)?{re.escape(name)}(?!\w)", rest, re.IGNORECASE)
        if named is None or not rest[named.end() :].strip():
            continue
        verb = match["verb"].lower()
        predicate = rest[named.end() :].strip()
        if verb in ("do", "does"):
            # "Does the cup occlude the book" states that it occludes it.
            first, _, others = predicate.partition(" ")
            predicate = f"{first}s {others}"
        else:
            predicate = f"{verb} {predicate}"
        claims, _ = parse_prose(f"{rest[: named.end()]} {predicate}.", list(names))
        return tuple(replace(claim, text_span=None, origin=Origin.PROSE) for claim in claims[:1])
    return ()


def _chosen_words(expected: Expected, answer: Answer) -> str | None:
    """The words that say yes or no: the answer's own, or those of the option that it chose."""
    if expected.kind is AnswerKind.YES_NO:
        return plain_text(without_code(answer.text[:_LONGEST])).text.strip()
    if expected.kind is AnswerKind.CHOICE and answer.choice is not None:
        position = ord(answer.choice) - ord("A")
        words = expected.choices[position] if position < len(expected.choices) else ""
        return words if words.strip().casefold() in ("yes", "no") else None
    return None


def _yes_or_no(words: str) -> str | None:
    """Yes or no, by the first sentence that says either; None where it says both."""
    for sentence in _SENTENCE_END.split(words):
        found = {"yes": bool(_YES.search(sentence)), "no": bool(_NO.search(sentence))}
        if any(found.values()):
            return None if all(found.values()) else next(word for word, is_said in found.items() if is_said)
    return None


def _number(words: str, unit: str | None) -> float | None:
    """The first number, in the wanted unit; one without a unit is taken to be in it."""
    wanted = unit_named(unit) if unit else None
    if wanted is not None:
        for match in _MEASURE.finditer(words):
            quantity = parse_quantity(match[0])
            if quantity is not None and quantity.unit is not None and not math.isnan(quantity.unit.metres):
                return quantity.value * quantity.unit.metres / (wanted[0].metres * wanted[1])
    bare = _NUMBER.search(words)
    if bare is None:
        return None
    counted = parse_count(bare[0])
    if counted is not None:
        return float(counted)
    return float(NUMBER_WORDS[bare[0].casefold()]) if bare[0].casefold() in NUMBER_WORDS else float(bare[0])

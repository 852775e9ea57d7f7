"""Answers are read, and scored with and without their verdicts."""

from __future__ import annotations

import pytest
from claims.in_brief import in_brief

from pipeline.claims.answer import parse_answer
from pipeline.claims.compare_answers import is_correct, scored, value_of
from pipeline.claims.regions import Images
from pipeline.records import Answer, Claim, Status, Verdict
from pipeline.records.expected import AnswerKind, Expected

YES_NO = Expected("Is the cup in front of the book?", "yes", AnswerKind.YES_NO)
CHOICE = Expected(
    "Which is nearest?\nA. cup\nB. book\nC. lamp\nD. chair", "B", AnswerKind.CHOICE, ("cup", "book", "lamp", "chair")
)
POLAR = Expected("Is the cat under the car?\n(A) yes\n(B) no", "B", AnswerKind.CHOICE, ("yes", "no"))
LENGTH = Expected("How far is the cup from the book?", "0.5", AnswerKind.NUMBER, unit="m")
COUNT = Expected("How many cups are there?", "3", AnswerKind.NUMBER)
TEXT = Expected("What is on the table?", "red cup", AnswerKind.TEXT)


def answer(text: str, expected: Expected) -> Answer:
    parsed = parse_answer(text, Images([]), expected.question)
    return Answer(parsed.text, claims=parsed.claims, choice=parsed.choice)


def verdict(status: Status) -> Verdict:
    needs = "more" if status is Status.UNDECIDED else None
    return Verdict(Claim("closer", "cup", "book"), status, f"It is {status}.", probability=0.5, needs=needs)


@pytest.mark.parametrize(
    "expected, text, value",
    [
        (YES_NO, "Yes, it is.", "yes"),
        (YES_NO, "No.", "no"),
        (YES_NO, "**Yes**", "yes"),
        (YES_NO, "The cup is small. No, the book is nearer. Yes!", "no"),
        (YES_NO, "Yes and no.", None),
        (YES_NO, "I cannot tell.", None),
        (YES_NO, "是的，杯子在前面。", "yes"),
        (YES_NO, "不是。", "no"),
        (YES_NO, 'Yes.\n```json\n{"objects": [], "claims": [{"note": "no"}]}\n```', "yes"),
        (CHOICE, "B. book", "B"),
        (CHOICE, "The answer is C.", "C"),
        (CHOICE, "It is hard to say.", None),
        (CHOICE, "E", None),
        (LENGTH, "About 45 cm.", 0.45),
        (LENGTH, "They are 1.5 feet apart.", pytest.approx(0.4572)),
        (LENGTH, "0.6", 0.6),
        (LENGTH, "I cannot tell.", None),
        (COUNT, "There are three cups.", 3),
        (COUNT, "3", 3),
        (COUNT, "many", None),
        (TEXT, "A red cup.", "A red cup."),
        (TEXT, "  ", None),
    ],
)
def test_the_value_of_an_answer(expected: Expected, text: str, value: object) -> None:
    assert value_of(expected, answer(text, expected)) == value


@pytest.mark.parametrize(
    "expected, value, correct",
    [
        (YES_NO, "yes", True),
        (YES_NO, "no", False),
        (CHOICE, "B", True),
        (CHOICE, "A", False),
        (LENGTH, 0.6, True),
        (LENGTH, 0.64, False),
        (LENGTH, 0.37, False),
        (COUNT, 3.0, True),
        (COUNT, 4.0, False),
        (TEXT, "It is a red cup.", True),
        (TEXT, "Red cups", True),
        (TEXT, "scarred cup", False),
    ],
)
def test_whether_it_is_correct(expected: Expected, value: str | float, correct: bool) -> None:
    assert is_correct(expected, value) is correct


@pytest.mark.parametrize(
    "expected, text, statuses, score, after, status",
    [
        (YES_NO, "Yes.", [Status.SUPPORTED], 1, 1, Status.SUPPORTED),
        (YES_NO, "No.", [Status.REFUTED], 0, 1, Status.REFUTED),
        (YES_NO, "Yes.", [Status.SUPPORTED, Status.REFUTED], 1, 0, Status.REFUTED),
        (YES_NO, "Yes.", [Status.UNDECIDED], 1, 1, Status.UNDECIDED),
        (YES_NO, "Perhaps.", [Status.REFUTED], 0, 0, Status.REFUTED),
        (YES_NO, "Yes.", [], 1, 1, Status.UNDECIDED),
        (CHOICE, "A", [Status.REFUTED], 0, 1 / 3, Status.REFUTED),
        (CHOICE, "B", [Status.REFUTED], 1, 0, Status.REFUTED),
        (POLAR, "A", [Status.REFUTED], 0, 1, Status.REFUTED),
        (LENGTH, "2 m", [Status.REFUTED], 0, 0, Status.REFUTED),
    ],
)
def test_a_refuted_answer_is_reversed_or_dropped(
    expected: Expected, text: str, statuses: list[Status], score: float, after: float, status: Status
) -> None:
    found = scored(expected, answer(text, expected), [verdict(item) for item in statuses])
    assert (found.score, found.status) == (score, status)
    assert found.score_after == pytest.approx(after)
    assert found.reason == (f"It is {status}." if statuses else "")


@pytest.mark.parametrize(
    "expected, text, stated",
    [
        (YES_NO, "Yes.", ["cup in front of book"]),
        (YES_NO, "No.", ["cup not in front of book"]),
        (POLAR, "A", ["cat below car"]),
        (POLAR, "(B) no", ["cat not below car"]),
        (YES_NO, "No, the book is in front of the cup.", ["book in front of cup"]),
        (YES_NO, "Perhaps.", []),
        (COUNT, "3", ["cups count 3"]),
    ],
)
def test_a_bare_answer_makes_the_claim_that_is_asked_about(expected: Expected, text: str, stated: list[str]) -> None:
    assert [in_brief(claim) for claim in answer(text, expected).claims] == stated

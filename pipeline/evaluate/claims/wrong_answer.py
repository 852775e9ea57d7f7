"""One wrong answer of a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WrongAnswer:
    """One wrong answer, as the report lists it.

    Args:
        case: Id of the scene.
        asked: Way in which the question was asked.
        question: The question.
        expected: The correct answer.
        said: The model's answer on one line.
        status: What the geometry says about its claims: ``refuted``, ``supported`` or ``undecided``.
    """

    case: str
    asked: str
    question: str
    expected: str
    said: str
    status: str

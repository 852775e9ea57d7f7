"""A question with a known answer, as data sets and sources of items give it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.records.checks import member, require, text


class AnswerKind(StrEnum):
    """How an answer is compared with the correct one.

    ``choice``: a letter. ``yes_no``: yes or no. ``number``: a number, in a unit where it is a length. ``text``: words.
    """

    CHOICE = "choice"
    YES_NO = "yes_no"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True)
class Expected:
    """A question with its correct answer.

    Args:
        question: The question as it is asked, options included.
        answer: The correct answer: a letter, ``yes`` or ``no``, a number in ``unit``, or words.
        kind: How an answer is compared with it.
        choices: Texts of the options in the order of their letters, for ``choice``.
        unit: Unit of the number, where it has one.
        category: The data set's own name for this kind of question.

    Raises:
        RecordError: If the question or the answer is empty, or the kind is unknown.
    """

    question: str
    answer: str
    kind: AnswerKind
    choices: tuple[str, ...] = ()
    unit: str | None = None
    category: str = ""

    def __post_init__(self) -> None:
        """Check the texts."""
        object.__setattr__(self, "kind", member(AnswerKind, self.kind, "The kind of an expected answer"))
        object.__setattr__(self, "question", text(self.question, "An evaluated question"))
        object.__setattr__(self, "answer", text(self.answer, "The correct answer"))
        letters = {chr(ord("A") + position) for position in range(len(self.choices))}
        require(
            self.kind is not AnswerKind.CHOICE or self.answer in letters,
            f"The correct answer {self.answer!r} is not a letter of the {len(self.choices)} options.",
        )

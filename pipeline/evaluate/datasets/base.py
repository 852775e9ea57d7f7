"""What every data set gives: scenes, with claims whose truth is known and questions whose answer is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from pipeline.records import Scene
from pipeline.records.checks import member, require, text


class AnswerKind(StrEnum):
    """How an answer is compared with the right one.

    ``choice``: a letter. ``yes_no``: yes or no. ``number``: a number, in a unit where it is a length. ``text``: words.
    """

    CHOICE = "choice"
    YES_NO = "yes_no"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True)
class Expected:
    """A question with its right answer.

    Args:
        question: The question as it is asked, options included.
        answer: The right answer: a letter, ``yes`` or ``no``, a number in ``unit``, or words.
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
        object.__setattr__(self, "answer", text(self.answer, "The right answer"))
        letters = {chr(ord("A") + position) for position in range(len(self.choices))}
        require(
            self.kind is not AnswerKind.CHOICE or self.answer in letters,
            f"The right answer {self.answer!r} is no letter of the {len(self.choices)} options.",
        )


@dataclass(frozen=True, eq=False)
class Case:
    """One scene of a data set.

    Args:
        scene: Its frames, with given depth where the set has any; its regions; its claims, each with its ``truth``;
            and the questions of ``expected``.
        expected: The right answers, one per question of the scene.
        group: What is resampled as a whole for intervals: cases of one place, or the scene's own id.
        tags: Further facts to report by, as ``{"objects": "4"}``.

    Raises:
        RecordError: If a claim has no truth, or the questions are not those of ``expected``.
    """

    scene: Scene
    expected: tuple[Expected, ...] = ()
    group: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that everything can be scored."""
        object.__setattr__(self, "group", self.group or self.scene.id)
        require(
            all(claim.truth is not None for claim in self.scene.claims),
            f"A claim of case {self.scene.id} has no truth.",
        )
        require(
            self.scene.questions == tuple(item.question for item in self.expected),
            f"The questions of case {self.scene.id} are not those whose answers are given.",
        )


class ClaimDataset(Protocol):
    """A data set, read case by case."""

    name: str

    def __iter__(self) -> Iterator[Case]:
        """The cases in a fixed order; files are read when they are needed."""
        ...

    def __len__(self) -> int:
        """How many cases there are, without reading their pictures."""
        ...

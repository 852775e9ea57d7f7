"""Ground truth of a source's scenes, added to finished results."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

from pipeline.records import Answer, Claim, Result
from pipeline.records.expected import Expected


@runtime_checkable
class KnowsTruth(Protocol):
    """A source that knows the ground truth of its scenes."""

    def expected(self, item_id: str, question: str) -> Expected | None:
        """The correct answer to a question about an item; None if unknown."""
        ...

    def holds(self, item_id: str, claim: Claim) -> bool | None:
        """Whether a claim about an item is true; None if unknown."""
        ...


def with_truth(result: Result, source: KnowsTruth) -> Result:
    """The result with the ground truth of its claims and the correct answer, where the source knows them.

    Both are added to the finished result, so no answer and no verdict can depend on them.

    Args:
        result: A finished result.
        source: The source of its item.
    """

    def known(claim: Claim) -> Claim:
        truth = claim.truth if claim.truth is not None else source.holds(result.item_id, claim)
        return replace(claim, truth=truth)

    answer = result.answer
    expected = None if answer is None or result.question is None else source.expected(result.item_id, result.question)
    return replace(
        result,
        answer=None if answer is None else replace(answer, claims=tuple(map(known, answer.claims))),
        verdicts=tuple(replace(verdict, claim=known(verdict.claim)) for verdict in result.verdicts),
        correct_answer=None if expected is None else expected.answer,
        is_correct=None if expected is None or answer is None else _says(expected, answer),
    )


def _says(expected: Expected, answer: Answer) -> bool:
    from pipeline.claims.compare_answers import is_correct, value_of

    value = value_of(expected, answer)
    return value is not None and is_correct(expected, value)

"""Counts of a run, added up result by result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.records import Answer, Claim, Result, Status, Verdict

MOST_SHOWN = 3
"""Most results whose answers and verdicts are printed; if a run has more, none are."""


@dataclass
class Summary:
    """Counts of a run.

    Args:
        folder: Where it wrote.
        results: Number of results written.
        skipped: Number of results that an earlier run had written.
        failures: (item id, stage, reason) of each item or question that failed.
        verdicts: Number of verdicts by status.
        known: Number of ``answers`` and of decided ``claims`` that have ground truth.
        correct: Number of these that are correct.
        models: Number of answers by model, revision, device and precision.
        tokens: Tokens of all answers: ``prompt``, ``cached`` of them, and ``completion``.
        rechecks: ``questions`` that were asked again, and those for which that ``failed``; ``refuted`` claims of the
            first answers, how many of them are ``gone`` from the second, and how many claims are refuted ``now``.
        shown: The first results with an answer or a verdict, printed if there are few.
        seconds: Time by stage [s].
        is_stopped: Whether it was asked to stop before its last item.
    """

    folder: Path
    results: int = 0
    skipped: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    correct: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    rechecks: Counter[str] = field(default_factory=Counter)
    shown: list[Result] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)
    is_stopped: bool = False

    def add(self, result: Result) -> None:
        """Count one result."""
        self.results += 1
        self.verdicts.update(verdict.status for verdict in result.verdicts)
        outcomes = [("claims", verdict.is_correct) for verdict in result.verdicts]
        for name, is_correct in (*outcomes, ("answers", result.is_correct)):
            if is_correct is not None:
                self.known[name] += 1
                self.correct[name] += is_correct
        self.seconds.update(result.seconds)
        if (result.answer is not None or result.verdicts) and len(self.shown) <= MOST_SHOWN:
            self.shown.append(result)
        if result.answer is not None:
            self.models[_model(result.answer)] += 1
            for answer in (result.answer, *(attempt.answer for attempt in result.attempts)):
                self._add_tokens(answer)
        self._add_recheck(result)

    def _add_tokens(self, answer: Answer) -> None:
        for name in ("prompt", "cached", "completion"):
            if (count := getattr(answer, f"{name}_tokens")) is not None:
                self.tokens[name] += count

    def _add_recheck(self, result: Result) -> None:
        if not result.attempts or result.answer is None:
            return
        first, answer = result.attempts[0], result.answer
        refuted = _refuted(first.verdicts, first.answer)
        made = {_content(claim) for claim in answer.claims}
        self.rechecks["questions"] += 1
        self.rechecks["refuted"] += len(refuted)
        self.rechecks["gone"] += sum(_content(claim) not in made for claim in refuted)
        self.rechecks["now"] += len(_refuted(result.verdicts, answer))


def _model(answer: Answer) -> str:
    settings = (str(answer.generation[key]) for key in ("device", "dtype") if answer.generation.get(key))
    name = f"{answer.model}@{answer.revision}" if answer.revision else answer.model
    return ", ".join([name, *settings])


def _refuted(verdicts: tuple[Verdict, ...], answer: Answer) -> list[Claim]:
    """Refuted claims of the answer, whose verdicts come before those of given claims."""
    return [verdict.claim for verdict in verdicts[: len(answer.claims)] if verdict.status is Status.REFUTED]


def _content(claim: Claim) -> Hashable:
    """The content of a claim, regardless of its place in the text."""
    names = (claim.subject, claim.object, claim.other_object, claim.perspective)
    return (
        claim.relation,
        *(name and name.casefold() for name in names),
        (claim.value, claim.unit, claim.comparison, claim.measure),
        (claim.frames, claim.negated),
    )

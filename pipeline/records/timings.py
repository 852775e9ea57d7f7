"""How long a result took: the part of it that differs between two equal runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.records.json_form import to_json
from pipeline.records.result import Answer, Result

_OF_ANSWER = ("seconds", "timings", "cached_tokens")
_LEFT_OUT: dict[str, Any] = {
    "seconds": True,
    "answer": set(_OF_ANSWER),
    "attempts": {"__all__": {"answer": set(_OF_ANSWER)}},
}


@dataclass(frozen=True)
class AnswerTimings:
    """Times of an answer.

    Args:
        seconds: Time of the model [s].
        timings: Where its time and memory went, by name; a name ends in its unit.
        cached_tokens: Tokens of the prompts whose computation earlier answers had left in the model's cache.
    """

    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    cached_tokens: int | None = None


@dataclass(frozen=True)
class ResultTimings:
    """Times of a result.

    Args:
        item_id: Id of the item.
        question: The question, or None where only given claims were judged.
        seconds: Time per stage [s].
        answer: Times of the last answer; None where no model was asked.
        attempts: Times of the earlier answers.
    """

    item_id: str
    question: str | None
    seconds: dict[str, float] = field(default_factory=dict)
    answer: AnswerTimings | None = None
    attempts: tuple[AnswerTimings, ...] = ()


def timings_of(result: Result) -> ResultTimings:
    """The times of a result."""
    return ResultTimings(
        result.item_id,
        result.question,
        result.seconds,
        None if result.answer is None else _of(result.answer),
        tuple(_of(attempt.answer) for attempt in result.attempts),
    )


def with_timings(result: Result, timings: ResultTimings | None) -> Result:
    """The result with its times; those that it holds already stay, and None leaves it as it is."""
    if timings is None or result.seconds:
        return result
    answer, attempts = result.answer, result.attempts
    if answer is not None and timings.answer is not None:
        answer = _with(answer, timings.answer)
    if len(attempts) == len(timings.attempts):
        pairs = zip(attempts, timings.attempts, strict=True)
        attempts = tuple(replace(attempt, answer=_with(attempt.answer, times)) for attempt, times in pairs)
    return replace(result, seconds=timings.seconds, answer=answer, attempts=attempts)


def json_without_timings(result: Result) -> str:
    """One line of JSON without times, which two equal runs write alike."""
    return to_json(result, leave_out=_LEFT_OUT)


def _of(answer: Answer) -> AnswerTimings:
    return AnswerTimings(*(getattr(answer, name) for name in _OF_ANSWER))


def _with(answer: Answer, times: AnswerTimings) -> Answer:
    return replace(answer, **{name: getattr(times, name) for name in _OF_ANSWER})

"""Results and problems of questions."""

from __future__ import annotations

import logging

import pytest
import scenes
from stages.runs import make_stages

from pipeline.records import Answer, Attempt, Result
from pipeline.records.errors import GenerationError, InputError, UnaskableError
from pipeline.serve.engine.outcomes import problem_of_job, result_of_plan
from pipeline.serve.engine.plans import Plan
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import SceneInput
from pipeline.stages.group import Asked
from pipeline.stages.timing import StageError

ANSWER = Answer("It is.")
EARLIER = Result("item", "Where?", (), ANSWER, attempts=(Attempt(ANSWER, (), (), "before"),))
GIVEN = SceneInput(("photo",))


def asked(*attempts: Attempt) -> Asked:
    return Asked("item", scenes.scene(), "Where?", {"depth": 1.5}, answer=ANSWER, attempts=attempts)


def test_a_result_holds_the_time_of_all_stages() -> None:
    found = result_of_plan(Plan(GIVEN, ("Where?",), asks=True), asked(), make_stages())
    assert (found.question, found.answer, found.seconds) == ("Where?", ANSWER, {"depth": 1.5})


def test_the_attempts_of_a_question_asked_again_follow_the_earlier_ones() -> None:
    plan = Plan(GIVEN, ("Where?",), asks=True, earlier=EARLIER)
    found = result_of_plan(plan, asked(Attempt(ANSWER, (), (), "now")), make_stages())
    assert [attempt.reason for attempt in found.attempts] == ["before", "now"]
    judged = result_of_plan(Plan(GIVEN, ("Where?",), earlier=EARLIER), asked(*EARLIER.attempts), make_stages())
    assert judged.attempts == EARLIER.attempts


def test_a_question_that_was_not_asked_again_has_no_result() -> None:
    plan = Plan(GIVEN, ("Where?",), asks=True, earlier=EARLIER)
    with pytest.raises(UnfitError, match="no claim of that answer is refuted"):
        result_of_plan(plan, asked(), make_stages())
    failed = asked()
    failed.recheck_error = GenerationError("silent")
    with pytest.raises(GenerationError, match="silent"):
        result_of_plan(plan, failed, make_stages())


def test_the_cause_of_the_servers_own_failures_is_logged_without_words_of_clients(
    caplog: pytest.LogCaptureFixture,
) -> None:
    private = "words of a client"
    with caplog.at_level(logging.INFO):
        assert problem_of_job("abcdefghij", StageError("ingest", InputError("odd")))["status"] == 422
        unaskable = problem_of_job("abcdefghij", StageError("query", UnaskableError("The prompt is too long.")))
        assert (unaskable["status"], unaskable["detail"]) == (422, "The prompt is too long.")
        assert caplog.text == ""
        assert problem_of_job("abcdefghij", StageError("query", GenerationError("Out of quota.")))["status"] == 502
        assert problem_of_job("abcdefghij", ValueError(private))["status"] == 500
        chained = GenerationError(f"Unexpected: {private}")
        chained.__cause__ = ValueError(private)
        assert problem_of_job("abcdefghij", chained)["status"] == 502
    assert "Out of quota." in caplog.text and "ValueError" in caplog.text and "abcdef" in caplog.text
    assert private not in caplog.text and "ghij" not in caplog.text

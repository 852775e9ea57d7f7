"""How far a job is, and what follows its questions."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from serve.engine.fakes import MemoryStore, kinds

from pipeline.serve.engine.ticket import QuestionFollower, Ticket
from pipeline.serve.records import Ask, Job, JobState

PROBLEM = {"status": 500, "detail": "It failed."}


def made(questions: int = 1, store: MemoryStore | None = None) -> tuple[Ticket, MemoryStore, list[Ticket]]:
    store, ended = store or MemoryStore(), []
    work = Ask("scene", tuple(f"{n}?" for n in range(questions)))
    ticket = Ticket(Job("id", work, "anna", JobState.WAITING, 1.0, results=(None,) * questions), store, ended.append)
    return ticket, store, ended


def test_a_job_is_done_with_its_last_result_and_says_so_once() -> None:
    ticket, store, ended = made(2)
    ticket.place(2)
    ticket.place(2)
    ticket.start()
    ticket.on_stage("query")
    ticket.on_stage("query")
    ticket.add_result(1, "b")
    assert (ticket.job.state, ticket.job.results, ended) == (JobState.RUNNING, (None, "b"), [])
    ticket.add_result(0, "a")
    ticket.add_result(0, "again")
    assert (ticket.job.state, ticket.job.results, ended) == (JobState.DONE, ("a", "b"), [ticket])
    assert ticket.job.finished_s is not None and ticket.job.stage is None
    assert kinds(ticket) == ["position 2", "state running", "stage query", "result b", "result a", "state done"]
    assert store.jobs["id"] == ticket.job


@pytest.mark.parametrize(
    "outcomes, state, problem",
    [
        (["a", PROBLEM], JobState.DONE, PROBLEM),
        ([PROBLEM, "b"], JobState.DONE, PROBLEM),
        ([PROBLEM, {"status": 422}], JobState.FAILED, PROBLEM),
        (["a", "b"], JobState.DONE, None),
    ],
)
def test_a_job_failed_only_if_nothing_came_of_it(outcomes: list[Any], state: JobState, problem: Any) -> None:
    ticket, _, _ = made(2)
    ticket.start()
    for number, outcome in enumerate(outcomes):
        if isinstance(outcome, str):
            ticket.add_result(number, outcome)
        else:
            ticket.fail(number, outcome)
    assert (ticket.job.state, ticket.job.problem) == (state, problem)
    assert [event.data for event in ticket.events.so_far()[0]][-1].get("problem") == problem


def test_nothing_changes_after_the_end() -> None:
    ticket, _, ended = made()
    assert ticket.end(JobState.CANCELLED)
    assert not ticket.end(JobState.DONE)
    before = ticket.job
    ticket.start()
    ticket.place(1)
    ticket.on_stage("depth")
    ticket.add_result(0, "late")
    ticket.fail(0, PROBLEM)
    assert ticket.job is before and ended == [ticket] and ticket.is_stopped
    assert kinds(ticket) == ["state cancelled"]


def test_of_many_who_end_a_job_one_does() -> None:
    ticket, _, ended = made()
    threads = [threading.Thread(target=ticket.end, args=(JobState.CANCELLED,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [ticket] and kinds(ticket) == ["state cancelled"]


def test_a_store_that_fails_keeps_nobody_waiting() -> None:
    ticket, store, ended = made()
    store.fails = {"update_job"}
    ticket.start()
    ticket.add_result(0, "a")
    assert ticket.job.state is JobState.DONE and ended == [ticket]


def test_the_log_tells_no_whole_id_because_it_opens_the_result(caplog: pytest.LogCaptureFixture) -> None:
    store, job_id = MemoryStore(), "0123456789abcdefghijkl"
    store.fails = {"update_job"}
    Ticket(Job(job_id, Ask("scene", ()), "anna", JobState.WAITING, 1.0), store, lambda _: None).end(JobState.CANCELLED)
    assert "Job 012345 could not" in caplog.text and job_id[:7] not in caplog.text


def test_texts_that_follow_each_other_quickly_are_told_together() -> None:
    ticket, _, _ = made()
    now_s = 100.0
    follower = QuestionFollower(ticket, 0, lambda: now_s)
    told = []
    for step in range(1, 101):
        follower.on_text("x" * step)
        told.append(ticket.events.so_far()[0][-1].number)
        now_s += 0.01
    assert 15 <= max(told) <= 21, "about 20 a second"
    follower.on_stage("verify")
    assert [event.data["text"] for event in ticket.events.so_far()[0] if event.kind == "text"] == ["x" * 100]


def test_the_text_of_another_attempt_is_told_apart() -> None:
    ticket, _, _ = made()
    follower = QuestionFollower(ticket, 0)
    follower.on_text("first")
    follower.on_stage("recheck")
    follower.on_text("second")
    follower.flush()
    texts = [event.data for event in ticket.events.so_far()[0] if event.kind == "text"]
    assert [(text["attempt"], text["text"]) for text in texts] == [(0, "first"), (1, "second")]


def test_a_follower_stops_with_its_job() -> None:
    ticket, _, _ = made()
    follower = QuestionFollower(ticket, 0)
    assert not follower.is_stopped
    ticket.end(JobState.CANCELLED)
    assert follower.is_stopped
    follower.on_text("late")
    follower.flush()
    assert kinds(ticket) == ["state cancelled"]

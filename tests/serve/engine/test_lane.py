"""Jobs that wait for places."""

from __future__ import annotations

import pytest
from serve.engine.fakes import MemoryStore

from pipeline.serve.engine.lane import Lane
from pipeline.serve.engine.ticket import Ticket
from pipeline.serve.records import Ask, Job, JobState


def ticket(name: str, questions: int = 1) -> Ticket:
    work = Ask("scene", ("?",) * questions)
    job = Job(name, work, name[0], JobState.WAITING, 1.0, results=(None,) * questions)
    return Ticket(job, MemoryStore(), lambda ticket: None)


def names(tickets: list[Ticket]) -> str:
    return " ".join(each.job.id for each in tickets)


def test_as_many_start_as_there_are_places_and_the_others_know_theirs() -> None:
    lane = Lane(3)
    tickets = [ticket(name) for name in ("a1", "a2", "a3", "a4", "b1", "b2")]
    for each in tickets:
        lane.push(each)
    started = lane.start()
    assert names(started) == "a1 b1 a2"
    assert {each.job.id: each.job.position for each in tickets if each not in started} == {"b2": 1, "a3": 2, "a4": 3}
    lane.leave(started[0])
    assert names(lane.start()) == "b2"
    assert [each.job.position for each in tickets[2:4]] == [1, 2]


def test_a_job_takes_a_place_for_each_question_but_one_alone_always_starts() -> None:
    lane = Lane(4)
    big, small, other = ticket("a1", 6), ticket("b1"), ticket("c1", 3)
    for each in (big, small, other):
        lane.push(each)
    assert names(lane.start()) == "a1"
    lane.leave(big)
    assert names(lane.start()) == "b1 c1"
    assert len(tuple(lane.running)) == 2


def test_who_leaves_waits_no_more() -> None:
    lane = Lane(1)
    first, second, third = ticket("a1"), ticket("b1"), ticket("c1")
    for each in (first, second, third):
        lane.push(each)
    lane.start()
    lane.leave(second)
    lane.start()
    assert (lane.waiting, third.job.position) == (1, 1)
    assert names(lane.drain()) == "c1" and lane.waiting == 0
    assert names(list(lane.running)) == "a1"


@pytest.mark.parametrize("seconds, least, most", [(0.0, 1, 1), (2.0, 2, 4), (60.0, 60, 120), (1e6, 600, 600)])
def test_the_time_to_retry_follows_what_jobs_took(seconds: float, least: int, most: int) -> None:
    lane = Lane(1)
    for number in range(40):
        each = ticket(f"a{number}")
        lane.push(each)
        lane.start()
        each.started_at, each.ended_at = 0.0, seconds
        lane.leave(each)
    lane.push(ticket("b1"))
    lane.push(ticket("b2"))
    lane.start()
    assert least <= lane.retry_s() <= most


def test_jobs_that_run_together_share_their_time() -> None:
    alone, together = Lane(8), Lane(8)
    for lane, count in ((alone, 1), (together, 8)):
        for _ in range(30):
            group = [ticket(f"a{number}") for number in range(count)]
            for each in group:
                lane.push(each)
            lane.start()
            for each in group:
                each.started_at, each.ended_at = 0.0, 40.0
                lane.leave(each)
    assert together.retry_s() < alone.retry_s()

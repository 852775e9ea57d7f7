"""Events of a job, for those who follow them."""

from __future__ import annotations

import asyncio
import threading
import time

from pipeline.serve.engine.event_log import EventLog
from pipeline.serve.records import Event


def followed(log: EventLog, after: int = 0) -> list[Event]:
    async def collect() -> list[Event]:
        return [event async for event in log.follow(after)]

    return asyncio.run(asyncio.wait_for(collect(), 10))


def test_events_are_counted_and_replayed_after_the_one_that_is_known() -> None:
    log = EventLog()
    for stage in ("ingest", "depth", "query"):
        log.add("stage", {"stage": stage})
    log.close()
    log.add("stage", {"stage": "too late"})
    assert [(event.number, event.data["stage"]) for event in followed(log)] == [
        (1, "ingest"), (2, "depth"), (3, "query"),
    ]  # fmt: skip
    assert [event.number for event in followed(log, 2)] == [3]
    assert followed(log, 3) == []


def test_of_texts_of_one_attempt_and_of_positions_only_the_latest_is_kept() -> None:
    log = EventLog()
    for position in (3, 2, 1):
        log.add("position", {"position": position})
    for text in ("a", "ab", "abc"):
        log.add("text", {"question": 0, "attempt": 0, "text": text})
    log.add("text", {"question": 1, "attempt": 0, "text": "x"})
    log.add("text", {"question": 0, "attempt": 1, "text": "y"})
    log.close()
    assert [(event.number, *event.data.values()) for event in followed(log)] == [
        (3, 1), (6, 0, 0, "abc"), (7, 1, 0, "x"), (8, 0, 1, "y"),
    ]  # fmt: skip


def test_several_followers_see_what_another_thread_adds_at_once() -> None:
    log = EventLog()

    def write() -> None:
        for number in range(200):
            log.add("stage", {"stage": str(number)})
            if number % 20 == 0:
                time.sleep(0.001)
        log.close()

    async def both() -> list[list[str]]:
        threading.Thread(target=write).start()

        async def collect() -> list[str]:
            return [event.data["stage"] async for event in log.follow()]

        return await asyncio.wait_for(asyncio.gather(collect(), collect()), 10)

    assert asyncio.run(both()) == [[str(number) for number in range(200)]] * 2


def test_waiting_does_not_block_the_loop_and_a_follower_may_leave() -> None:
    log = EventLog()

    async def main() -> int:
        task = asyncio.ensure_future(anext(log.follow()))
        turns = 0
        for _ in range(50):
            await asyncio.sleep(0.001)
            turns += 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return turns

    assert asyncio.run(main()) == 50
    assert log._waiting == set()
    log.add("stage", {"stage": "later"})

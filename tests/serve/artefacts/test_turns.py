"""Waiting for artefacts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from pipeline.serve.artefacts.turns import Turns
from pipeline.serve.problems import BusyError


def waits(turns: Turns, client: str, name: str, make: Callable[[], object]) -> asyncio.Task[None]:
    return asyncio.ensure_future(turns.wait(client, ("result", name), make))


def test_requests_for_one_part_wait_together_and_a_client_only_for_so_many() -> None:
    opened, calls = threading.Event(), []

    def make() -> None:
        calls.append(1)
        opened.wait(20)

    async def run() -> None:
        turns = Turns(threads=1, most_of_client=2)
        waiting = [waits(turns, "one", name, make) for name in "aaaabbbb"]
        await asyncio.sleep(0)
        with pytest.raises(BusyError) as refused:
            await turns.wait("one", ("result", "c"), make)
        assert "Retry-After" in refused.value.headers
        waiting.append(waits(turns, "other", "c", make))
        waiting[0].cancel()
        opened.set()
        await asyncio.gather(*waiting[1:])
        await turns.wait("one", ("result", "c"), make)

    asyncio.run(run())
    assert len(calls) == 4


def test_a_failure_reaches_all_who_wait_and_is_tried_again() -> None:
    async def run() -> None:
        turns = Turns()
        found = await asyncio.gather(
            *(turns.wait("one", ("result", "a"), lambda: 1 / 0) for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in found] == [ZeroDivisionError] * 3
        await turns.wait("one", ("result", "a"), lambda: None)

    asyncio.run(run())

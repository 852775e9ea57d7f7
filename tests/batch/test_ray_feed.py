"""The feed gives rows by number, and counts the processes that ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipeline.batch.ray_feed import MOST_DEATHS, Feed


def asked(*calls: Any) -> Any:
    """The last outcome of calls of a new feed, one after another."""

    async def work() -> Any:
        feed, outcome = Feed(), None
        for name, *arguments in calls:
            outcome = await getattr(feed, name)(*arguments)
        return outcome

    return asyncio.run(asyncio.wait_for(work(), 5))


@pytest.mark.parametrize(
    "calls, expected",
    [
        ([("add", {0: b"a", 1: b"b"}), ("row", 1)], b"b"),
        ([("add", {0: b"a"}), ("row", 0), ("row", 0)], b"a"),
        ([("add", {0: b"a"}, 1), ("row", 1)], None),
        ([("add", {0: b"a", 1: b"b"}), ("drop", 1), ("row", 0)], b""),
        ([("add", {0: b"a", 1: b"b"}, 2), ("drop", 2), ("row", 1)], b""),
        ([("add", {0: b"a"}, 1), ("drop", 1), ("row", 1)], None),
        ([("add", {}, 0), ("row", 0)], None),
    ],
)
def test_a_reader_that_starts_again_reads_the_same_rows(calls: list[Any], expected: bytes | None) -> None:
    assert asked(*calls) == expected


def test_a_row_is_waited_for() -> None:
    async def work() -> bytes | None:
        feed = Feed()
        row = asyncio.create_task(feed.row(2))
        await feed.add({0: b"a"})
        assert not row.done()
        await feed.add({2: b"c"})
        return await row

    assert asyncio.run(asyncio.wait_for(work(), 5)) == b"c"


@pytest.mark.parametrize(
    "calls, expected",
    [
        ([], [(0, ""), (0, "")]),
        ([("begin", "read", [4, 5])], [(1, ""), (1, "")]),
        ([("begin", "read", [4, 5]), ("end", "read", [4, 5])], [(0, ""), (0, "")]),
        ([("begin", "read", [4]), ("begin", "read", [4])], [(2, ""), (0, "")]),
        ([("begin", "read", [4]), ("begin", "read", [4]), ("end", "read", [4])], [(1, ""), (0, "")]),
        ([("begin", "draw", [4])], [(0, ""), (0, "")]),
        ([("give_up", "read", 5, "late")], [(0, ""), (MOST_DEATHS, "late")]),
    ],
)
def test_a_process_that_does_not_end_its_item_counts_as_ended(calls: list[Any], expected: list[Any]) -> None:
    assert asked(*calls, ("deaths", "read", [4, 5])) == expected
    assert asked(*calls, ("end", "read", []), ("known_deaths",)).keys() <= {
        ("read", 4),
        ("read", 5),
        ("draw", 4),
    }

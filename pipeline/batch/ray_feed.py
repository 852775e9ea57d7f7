"""The work that Ray's processes take, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

MOST_DEATHS = 2
"""How many processes may end while they work on one item."""


class Feed:
    """Rows of work by number, and the processes that ended during each item; an actor of Ray.

    Rows are asked for by number, so that a reader that Ray starts again reads what the first one read.

    Args:
        first: Number of the first row.
        deaths: What an earlier feed knew, see ``known_deaths``.
    """

    def __init__(self, first: int = 0, deaths: Mapping[tuple[str, int], int] | None = None) -> None:
        self._rows: dict[int, bytes] = {}
        self._total: int | None = None
        self._first = first
        self._deaths = dict(deaths or {})
        self._late: dict[tuple[str, int], str] = {}
        self._changed = asyncio.Condition()

    async def add(self, rows: Mapping[int, bytes], total: int | None = None) -> None:
        """Add rows, with the number of all rows once that is known."""
        async with self._changed:
            self._rows.update(rows)
            self._total = total if total is not None else self._total
            self._changed.notify_all()

    async def drop(self, first: int) -> None:
        """Forget the rows below a number, whose work is done."""
        for number in range(self._first, first):
            self._rows.pop(number, None)
        self._first = max(first, self._first)

    async def row(self, number: int) -> bytes | None:
        """A row, once it is there; empty if its work is done, and None behind the last one."""
        async with self._changed:
            await self._changed.wait_for(lambda: number in self._rows or number < self._first or number == self._total)
        return self._rows.get(number, None if number == self._total else b"")

    async def deaths(self, phase: str, items: Sequence[int]) -> list[tuple[int, str]]:
        """For each item, how many processes ended during its work, and why; an empty text if nobody knows."""
        keys = [(phase, item) for item in items]
        return [(self._deaths.get(key, 0), self._late.get(key, "")) for key in keys]

    async def known_deaths(self) -> dict[tuple[str, int], int]:
        """How many processes ended, by phase and item."""
        return self._deaths

    async def begin(self, phase: str, items: Sequence[int]) -> None:
        """Learn that a process begins with items; until ``end``, it counts as one that ended."""
        for item in items:
            self._deaths[phase, item] = self._deaths.get((phase, item), 0) + 1

    async def end(self, phase: str, items: Sequence[int]) -> None:
        """Learn that the process lives on."""
        for item in items:
            if (left := self._deaths.get((phase, item), 0) - 1) > 0:
                self._deaths[phase, item] = left
            else:
                self._deaths.pop((phase, item), None)

    async def give_up(self, phase: str, item: int, reason: str) -> None:
        """Learn that an item must not be tried again."""
        self._deaths[phase, item] = MOST_DEATHS
        self._late[phase, item] = reason

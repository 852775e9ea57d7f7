"""What happened to a job, for those who follow it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from pipeline.serve.records import Event, EventKind


class EventLog:
    """The events of one job; any thread adds them, and event loops follow them.

    Of positions, and of texts of one attempt at one question, only the latest is kept, as it holds the earlier ones.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[int, Event] = {}
        self._latest: dict[tuple[Any, ...], int] = {}
        self._count = 0
        self._is_closed = False
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def add(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        """Add an event, unless the log is closed."""
        with self._lock:
            if self._is_closed:
                return
            self._count += 1
            if kind in ("position", "text"):
                key = (kind, data.get("question"), data.get("attempt"))
                self._events.pop(self._latest.get(key, 0), None)
                self._latest[key] = self._count
            self._events[self._count] = Event(self._count, kind, data)
            self._wake()

    def close(self) -> None:
        """Nothing follows."""
        with self._lock:
            self._is_closed = True
            self._wake()

    def so_far(self, after: int = 0) -> tuple[list[Event], bool]:
        """The kept events with a larger number, and whether nothing follows."""
        with self._lock:
            return [event for number, event in self._events.items() if number > after], self._is_closed

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """The events with a larger number as they come, until nothing follows."""
        waiting = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.add(waiting)
        try:
            while True:
                waiting[1].clear()
                events, is_closed = self.so_far(after)
                for event in events:
                    after = event.number
                    yield event
                if is_closed:
                    return
                if not events:
                    await waiting[1].wait()
        finally:
            with self._lock:
                self._waiting.discard(waiting)

    def _wake(self) -> None:
        for loop, event in self._waiting:
            # A loop that ended waits for nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

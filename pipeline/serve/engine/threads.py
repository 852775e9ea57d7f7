"""Threads that never keep the process from ending."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Value = TypeVar("Value")


class Threads:
    """Runs calls in their order in a fixed number of threads.

    Unlike those of ``concurrent.futures``, they do not keep the process from ending while a call hangs.

    Args:
        count: Number of threads; with one, calls never run at the same time.
        name: Name of the threads.
    """

    def __init__(self, count: int, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name} {index}", daemon=True) for index in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[..., Value], *arguments: object) -> Future[Value]:
        """Run a call when a thread is free."""
        future: Future[Value] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                value = function(*arguments)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(value)

        self._calls.put(call)
        return future

    def close(self, seconds: float = 0.0) -> None:
        """End the threads after the calls that wait; wait for so long [s]."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join(seconds / len(self._threads))

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            # What a call was about is not kept until the next one comes.
            del call

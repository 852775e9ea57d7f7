"""Lets requests wait for artefacts that must be made, without a thread each and without keeping others from theirs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from pipeline.serve.problems import BusyError

_THREADS = 4
_MOST_OF_CLIENT = 8
_RETRY_S = 2

Part = tuple[str, str]
"""Id of a result, and what of it is made at once."""


class Turns:
    """Threads for the making of artefacts, apart from those of all other work; used from one event loop.

    Args:
        threads: How many.
        most_of_client: Parts that one client may have made or wait for.
    """

    def __init__(self, threads: int = _THREADS, most_of_client: int = _MOST_OF_CLIENT) -> None:
        self._limiter = CapacityLimiter(threads)
        self._most_of_client = most_of_client
        self._making: dict[Part, asyncio.Task[object]] = {}
        self._of_client: Counter[str] = Counter()

    async def wait(self, client: str, part: Part, make: Callable[[], object]) -> None:
        """Wait until a part is made; requests for the same one wait together and count once.

        Args:
            client: Whose request it is.
            part: What is made.
            make: Makes it, in a thread.

        Raises:
            BusyError: If the client waits for too many already.
            Exception: What ``make`` raises.
        """
        task = self._making.get(part)
        if task is None:
            if self._of_client[client] >= self._most_of_client:
                raise BusyError("This client waits for too many artefacts; ask again when some of them came.", _RETRY_S)
            task = self._making[part] = asyncio.ensure_future(run_sync(make, limiter=self._limiter))
            self._of_client[client] += 1
            task.add_done_callback(partial(self._end, client, part))
        # It goes on for others, and for the next request, where one who waits leaves.
        await asyncio.shield(task)

    def _end(self, client: str, part: Part, task: asyncio.Task[object]) -> None:
        del self._making[part]
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]
        if not task.cancelled():
            # Nobody may be left to take it.
            task.exception()

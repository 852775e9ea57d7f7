"""Concurrent requests to a server, in an order that lets it reuse the prefixes that they share."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, PriorityQueue, SimpleQueue

from pipeline.models.vlm.base import Generation, ImagePart, Outcome, Request
from pipeline.records.errors import FATAL

# An interrupt that comes just before a wait is seen only after it.
_LONGEST_WAIT_S = 0.2


def answer_concurrently(
    requests: Sequence[Request],
    answer: Callable[[Request, Callable[[], None], threading.Event], Generation],
    max_concurrency: int,
) -> list[Outcome]:
    """Answer requests with several threads.

    Among requests with the same prefix, up to and including their first image, the first goes alone until the server
    has read it: a server caches prefixes, but would read the frames of requests that arrive together several times.

    Args:
        requests: The requests.
        answer: Answers one. It calls its second argument when it learns that the server has read the request, and
            should give up soon after its third is set.
        max_concurrency: Most requests at a time.

    Returns:
        The outcomes, in the order of the requests.

    Raises:
        TheodoliteError: An error that affects all requests; those that wait are dropped.
        KeyboardInterrupt: At once; those that wait are dropped, and those under way give up.
    """
    followers = _followers(requests)
    # By index, so that the questions about one scene stay together while the server remembers it.
    ready: PriorityQueue[int] = PriorityQueue()
    for index in set(range(len(requests))).difference(*followers.values()):
        ready.put(index)
    reports: SimpleQueue[tuple[int, Generation | BaseException]] = SimpleQueue()
    stopped = threading.Event()

    def release(index: int) -> None:
        for follower in followers.pop(index, ()):
            ready.put(follower)

    def work() -> None:
        while (index := ready.get()) < len(requests) and not stopped.is_set():
            report: Generation | BaseException
            try:
                report = answer(requests[index], partial(release, index), stopped)
            except BaseException as error:
                report = error
            release(index)
            reports.put((index, report))

    # Daemons, because an interrupted program must not wait for answers.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(max_concurrency, len(requests)))]
    outcomes: dict[int, Outcome] = {}
    try:
        for thread in threads:
            thread.start()
        while len(outcomes) < len(requests):
            try:
                index, report = reports.get(timeout=_LONGEST_WAIT_S)
            except Empty:
                continue
            if isinstance(report, FATAL) or not isinstance(report, Outcome):
                raise report
            outcomes[index] = report
    finally:
        stopped.set()
        for _ in threads:
            ready.put(len(requests))
    return [outcomes[index] for index in range(len(requests))]


def _followers(requests: Sequence[Request]) -> dict[int, list[int]]:
    """The first request of each prefix, and the others that share it; requests without images share none."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, request in enumerate(requests):
        if (prefix := _prefix(request)) is not None:
            groups[prefix].append(index)
    return {first: others for first, *others in groups.values() if others}


def _prefix(request: Request) -> tuple[object, ...] | None:
    texts: list[str] = []
    for part in request.parts:
        if isinstance(part, ImagePart):
            return (*texts, part.digest, part.max_pixels)
        texts.append(part.text)
    return None

"""Jobs that wait for a place and run: those that need the model have a lane of their own."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.serve.engine.fair_queue import FairQueue
from pipeline.serve.engine.ticket import Ticket

# Without any measurement.
_GUESSED_S = 1.0
# Weight of the last job in the mean.
_NEWEST = 0.2
_LONGEST_RETRY_S = 600


class Lane:
    """Jobs that take turns by client, and run as many at a time as places allow. Not safe for several threads at once.

    Args:
        places: Number of places; a job takes as many as it has questions, but one that runs alone any number.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: FairQueue[Ticket] = FairQueue()
        self._running: dict[Ticket, int] = {}
        self._share_s = _GUESSED_S

    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return len(self._waiting)

    def waiting_of(self, client: str) -> int:
        """Number of jobs of a client that wait."""
        return self._waiting.count(client)

    @property
    def running(self) -> Iterable[Ticket]:
        """The jobs that run."""
        return tuple(self._running)

    def push(self, ticket: Ticket) -> None:
        """Let a job wait."""
        self._waiting.push(ticket.job.client, ticket)

    def start(self) -> list[Ticket]:
        """The jobs for which there are places now; they run from here on."""
        started = []
        while (ticket := next(iter(self._waiting), None)) is not None:
            weight = max(1, len(ticket.job.results))
            if self._running and sum(self._running.values()) + weight > self._places:
                break
            self._waiting.pop()
            self._running[ticket] = weight
            started.append(ticket)
        for position, waiting in enumerate(self._waiting, start=1):
            waiting.place(position)
        return started

    def leave(self, ticket: Ticket) -> None:
        """A job ended, or waits no more."""
        together = len(self._running)
        if self._running.pop(ticket, None) is None:
            self._waiting.remove(ticket.job.client, ticket)
        elif ticket.started_at is not None and ticket.ended_at is not None:
            share_s = (ticket.ended_at - ticket.started_at) / together
            self._share_s += _NEWEST * (share_s - self._share_s)

    def drain(self) -> list[Ticket]:
        """The jobs that wait, which wait no more."""
        waiting = list(self._waiting)
        self._waiting = FairQueue()
        return waiting

    def retry_s(self) -> int:
        """When a place in the queue should be free, by the measured time of a job [s]."""
        return min(max(1, round(self._share_s * (1 + self.waiting / 2))), _LONGEST_RETRY_S)

"""A job while it is in this process: how far it is, and who follows it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from pipeline.serve.engine.event_log import EventLog
from pipeline.serve.records import Ask, Job, JobState, Judge

logger = logging.getLogger(__name__)

# A person reads no faster, and every text is sent whole.
_TEXT_INTERVAL_S = 0.05


class Jobs(Protocol):
    """Where jobs are written down."""

    def update_job(self, job: Job) -> None:
        """Write down how far a job is."""
        ...


class Ticket:
    """A job of this process. Any thread may change it; nothing changes once its state is final.

    Args:
        job: The job as it waits.
        jobs: Where its results and its end are written down.
        on_end: Called once when its state is final.
    """

    def __init__(self, job: Job, jobs: Jobs, on_end: Callable[[Ticket], None]) -> None:
        self.events = EventLog()
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self._job = job
        self._jobs = jobs
        self._on_end = on_end
        self._lock = threading.Lock()
        self._open = set(range(len(job.results)))
        self._problem: Mapping[str, Any] | None = None

    @property
    def job(self) -> Job:
        """The job as it is now."""
        return self._job

    @property
    def is_stopped(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._job.state.is_final

    def place(self, position: int) -> None:
        """Set its place in the queue, counted from one."""
        with self._lock:
            if self._job.state is JobState.WAITING and self._job.position != position:
                self._job = replace(self._job, position=position)
                self.events.add("position", {"position": position})

    def start(self) -> None:
        """It runs from now on."""
        with self._lock:
            if self._job.state is JobState.WAITING:
                self.started_at = time.monotonic()
                self._job = replace(self._job, state=JobState.RUNNING, position=None)
                self.events.add("state", {"state": str(JobState.RUNNING)})

    def on_stage(self, name: str) -> None:
        """A stage began."""
        with self._lock:
            if not self.is_stopped and self._job.stage != name:
                self._job = replace(self._job, stage=name)
                self.events.add("stage", {"stage": name})

    def add_result(self, question: int, result: str) -> None:
        """One of its questions has a result, which is stored; the last one ends it."""
        with self._lock:
            if self.is_stopped or question not in self._open:
                return
            results = list(self._job.results)
            results[question] = result
            self._job = replace(self._job, results=tuple(results))
            self.events.add("result", {"question": question, "result": result})
            is_last = self._close(question)
        if is_last:
            self._conclude()

    def fail(self, question: int, problem: Mapping[str, Any]) -> None:
        """One of its questions failed."""
        with self._lock:
            if self.is_stopped or question not in self._open:
                return
            self._problem = self._problem or problem
            self.events.add("result", {"question": question, "result": None, "problem": dict(problem)})
            is_last = self._close(question)
        if is_last:
            self._conclude()

    def end(self, state: JobState, problem: Mapping[str, Any] | None = None) -> bool:
        """Set its final state; whether it had none before."""
        with self._lock:
            if self.is_stopped:
                return False
            self.ended_at = time.monotonic()
            self._job = replace(
                self._job, state=state, finished_s=time.time(), problem=problem, position=None, stage=None
            )
            self._write()
            # It is followed for a while yet; masks take far more memory than what is told of it.
            if isinstance(self._job.work, Ask | Judge):
                self._job = replace(self._job, work=replace(self._job.work, regions=()))
            ended = {"state": str(state)}
            self.events.add("state", ended if problem is None else {**ended, "problem": dict(problem)})
            self.events.close()
        self._on_end(self)
        return True

    def _close(self, question: int) -> bool:
        """Note that a question has its outcome; whether it was the last one."""
        self._open.discard(question)
        if self._open:
            self._write()
        return not self._open

    def _conclude(self) -> None:
        # A job with some results is done; the problem says why others are missing.
        is_done = any(result is not None for result in self._job.results)
        self.end(JobState.DONE if is_done else JobState.FAILED, self._problem)

    def _write(self) -> None:
        try:
            self._jobs.update_job(self._job)
        except Exception as error:
            # Who waits for it still learns of it.
            logger.error("Job %s could not be written down: %s.", self._job.id[:6], type(error).__name__)


class QuestionFollower:
    """Follows one question of a job through the stages.

    Args:
        ticket: The job.
        question: Index of the question.
        clock: Tells the time [s].
    """

    def __init__(self, ticket: Ticket, question: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._ticket, self._question, self._clock = ticket, question, clock
        self._attempt = 0
        self._told_at = -_TEXT_INTERVAL_S
        self._untold: str | None = None

    @property
    def is_stopped(self) -> bool:
        """See ``Listener``."""
        return self._ticket.is_stopped

    def on_stage(self, name: str) -> None:
        """See ``Follower``."""
        self.flush()
        if name == "recheck":
            self._attempt += 1
        self._ticket.on_stage(name)

    def on_text(self, text: str) -> None:
        """See ``Listener``; texts that follow each other quickly are told together."""
        self._untold = text
        if self._clock() - self._told_at >= _TEXT_INTERVAL_S:
            self.flush()

    def flush(self) -> None:
        """Tell the text that was held back."""
        if self._untold is not None and not self.is_stopped:
            data = {"question": self._question, "attempt": self._attempt, "text": self._untold}
            self._ticket.events.add("text", data)
            self._told_at = self._clock()
        self._untold = None

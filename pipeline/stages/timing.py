"""Timing and failures of stages, and what logs and traces learn of them.

Where the package ``opentelemetry-api`` is in use, each run of a stage is a span. Nothing is traced unless the program
that runs this one has set up a provider, for example ``opentelemetry-instrument``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from pipeline.records.errors import FATAL, TheodoliteError


class StageError(TheodoliteError):
    """A stage failed on one item or question.

    Args:
        stage: Name of the stage.
        cause: What it raised.
        is_fatal: Whether it concerns every item and stops the run; by default that depends on the cause.
    """

    def __init__(self, stage: str, cause: Exception, *, is_fatal: bool | None = None) -> None:
        known = isinstance(cause, TheodoliteError)
        super().__init__(str(cause) if known else f"Unexpected {type(cause).__name__}: {cause}")
        self.stage = stage
        self.cause = cause
        self.is_fatal = isinstance(cause, FATAL) if is_fatal is None else is_fatal

    def __reduce__(self) -> tuple[object, ...]:
        """What another process makes it from."""
        return partial(StageError, is_fatal=self.is_fatal), (self.stage, self.cause)


@dataclass(frozen=True)
class StageWork:
    """What a thread works on.

    Args:
        stage: Name of the stage.
        items: Ids of the items.
    """

    stage: str
    items: tuple[str, ...] = ()


_work: ContextVar[StageWork | None] = ContextVar("work", default=None)


def work_of_thread() -> StageWork | None:
    """What this thread works on; None between stages."""
    return _work.get()


@contextmanager
def timed(stage: str, seconds: dict[str, float], items: Sequence[str] = ()) -> Iterator[None]:
    """Add the time of the block to a stage's seconds.

    Args:
        stage: Name of the stage.
        seconds: Receives the time [s].
        items: Ids of the items that the stage works on, for logs and traces.

    Raises:
        StageError: If the block raises; it names the stage.
    """
    work = StageWork(stage, tuple(items))
    before = _work.set(work)
    start = time.perf_counter()
    try:
        with _span(work):
            yield
    except StageError:
        raise
    except Exception as error:
        raise StageError(stage, error) from error
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
        _work.reset(before)


def send_spans() -> None:
    """Send the spans that wait, before a process ends without its exit handlers."""
    trace = sys.modules.get("opentelemetry.trace")
    provider = None if trace is None else trace.get_tracer_provider()
    # The provider of the API alone keeps no spans.
    if (shutdown := getattr(provider, "shutdown", None)) is not None:
        shutdown()


@contextmanager
def _span(work: StageWork) -> Iterator[None]:
    """A span of a trace, where something has loaded what traces."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        yield
        return
    attributes = {"theodolite.stage": work.stage, "theodolite.items": work.items}
    # The messages of errors stay out; failures.jsonl has them.
    with trace.get_tracer("theodolite").start_as_current_span(
        work.stage, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise

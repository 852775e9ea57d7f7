"""Timing and failures of stages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    """Add the time of the block to a stage's seconds.

    Raises:
        StageError: If the block raises; it names the stage.
    """
    start = time.perf_counter()
    try:
        yield
    except StageError:
        raise
    except Exception as error:
        raise StageError(stage, error) from error
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start

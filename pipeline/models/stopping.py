"""Work of a model that ends early once nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pipeline.records.errors import StoppedError

_goes_on: ContextVar[Callable[[], bool] | None] = ContextVar("goes_on", default=None)


@contextmanager
def stoppable(goes_on: Callable[[], bool]) -> Iterator[None]:
    """Within the block and in this thread, models ask between their steps whether to go on.

    Args:
        goes_on: Whether somebody still waits; asked often, so it returns at once.
    """
    token = _goes_on.set(goes_on)
    try:
        yield
    finally:
        _goes_on.reset(token)


def check_goes_on() -> None:
    """Called between batches, tiles and frames; does nothing outside of ``stoppable``.

    Raises:
        StoppedError: If nobody waits.
    """
    goes_on = _goes_on.get()
    if goes_on is not None and not goes_on():
        raise StoppedError("Nobody waits for this any more.")

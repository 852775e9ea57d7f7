"""Ctrl-C during a run: once finishes what is in progress, twice stops at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130
"""Exit code of an interrupted command, as shells give it for Ctrl-C."""


@contextmanager
def finishing_first(tell: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """While the block runs, a first Ctrl-C or SIGTERM only asks to stop; a second one ends the process at once.

    Results are written line by line, so that nothing is lost then.

    Args:
        tell: Receives a sentence for the user.

    Yields:
        Whether to stop, to be asked before each item.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = threading.Event()

    def on_signal(number: int, frame: Any) -> None:
        if asked.is_set():
            tell("Stopped.")
            os._exit(INTERRUPTED)
        asked.set()
        tell("Finishing what is in progress; press Ctrl-C again to stop at once.")

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""How far a command is: a bar on a terminal, and elsewhere a line a minute."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape

from pipeline.config.logs import writes_json

logger = logging.getLogger(__name__)
_LINE_S = 60.0
# Reading the memory of all processes takes a millisecond each.
_MEMORY_S = 2.0


class ItemProgress:
    """Counts finished items, with rate, time left, failures and memory.

    Args:
        console: Where it is shown.
        total: Number of items; None if it is not known.
        line_s: Time between two lines where the console is no terminal [s].
        now_s: Clock [s].
    """

    def __init__(
        self,
        console: Console,
        total: int | None,
        line_s: float = _LINE_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._total, self._line_s, self._now_s = console, total, line_s, now_s
        self._started_s = self._told_s = now_s()
        self._memory_s, self._memory = -float("inf"), ""
        self._done = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> ItemProgress:
        if self._console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
            )
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task("Items", total=self._total, rate="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, item_id: str, failures: int = 0) -> None:
        """Count a finished item.

        Args:
            item_id: Its id.
            failures: Number of failures so far.
        """
        self._done += 1
        now = self._now_s()
        if self._bar is not None:
            rate = escape(self._state(now, failures))
            self._bar.update(self._task, advance=1, description=escape(item_id[:40]), rate=rate)
        elif now - self._told_s >= self._line_s:
            self._told_s = now
            of = "" if self._total is None else f" of {self._total}"
            line = f"{self._done}{of} items, {self._state(now, failures)}"
            if writes_json():
                numbers = {"done": self._done, "total": self._total, "failures": failures}
                logger.info(line, extra=numbers)
            else:
                self._console.print(line, markup=False)

    def _state(self, now: float, failures: int) -> str:
        elapsed = now - self._started_s
        rate = self._done / elapsed if elapsed > 0 else 0.0
        parts = [f"{rate:.1f}/s" if rate >= 1 or rate == 0 else f"{1 / rate:.1f} s each"]
        if self._total is not None and rate > 0:
            parts.append(f"{timedelta(seconds=round((self._total - self._done) / rate))} left")
        if failures:
            parts.append(f"{failures} failed")
        if now - self._memory_s >= _MEMORY_S:
            self._memory_s, self._memory = now, memory_text()
        return ", ".join([*parts, self._memory])


def memory_text() -> str:
    """Memory of this process and its workers, and of the GPU where it is used."""
    import psutil

    process = psutil.Process()
    used = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            used += child.memory_info().rss
        except psutil.Error:  # It ended meanwhile.
            continue
    text = f"{used / 1e9:.1f} GB"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        text += f", GPU {torch.cuda.memory_reserved() / 1e9:.1f} GB"
    return text

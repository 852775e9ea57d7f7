"""What the commands write: to the console, to standard error, and how far they are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape

from pipeline.config.logs import writes_json
from pipeline.records.errors import TheodoliteError

logger = logging.getLogger(__name__)


class _Console(Console):
    """A console that leaves a broken pipe to the caller."""

    def on_broken_pipe(self) -> None:
        """Raise the error again, instead of ending the process as rich does."""
        raise BrokenPipeError


console = _Console(soft_wrap=True, highlight=False)
errors = _Console(stderr=True, soft_wrap=True, highlight=False)


def refuse(error: Exception, verbose: bool) -> int:
    """Print an error in one line, with its traceback where wanted; the exit code."""
    if verbose and not writes_json():
        errors.print_exception()
    known = isinstance(error, TheodoliteError)
    text = str(error) if known else f"Unexpected {type(error).__name__}: {error}; try -v."
    return print_error(text, error if verbose else None)


def print_error(text: str, cause: Exception | None = None) -> int:
    """Print what is wrong in one line; the exit code."""
    from pipeline.export.text import one_line

    if writes_json():
        logger.error("%s", one_line(text), exc_info=cause)
    else:
        errors.print("[red]Error:[/red] " + escape(one_line(text)))
    return 2


def printable(text: str) -> str:
    """The text without control characters, except line breaks."""
    return "".join(part if part.isprintable() or part == "\n" else " " for part in text)


def progress_of(total: int | None, limit: Any) -> tuple[Any, Callable[..., None]]:
    """A progress bar on a terminal, and elsewhere a line a minute; a limit that is not a number is refused later."""
    from pipeline.console.progress import ItemProgress

    counts = [count for count in (total, limit) if isinstance(count, int)]
    progress = ItemProgress(errors, min(counts, default=None))
    return progress, progress.advance

"""Parts that the reports on claims and on depth share on the console."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.export.text import one_line

_MOST_SHOWN = 5


def table(*columns: str) -> Table:
    """A table without lines."""
    return Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 2))


def print_problems(console: Console, problems: Sequence[tuple[str, str]], count: int) -> None:
    """Print a title and a line for the first problems, and the number of the others."""
    for title, line in problems[:_MOST_SHOWN]:
        console.print(f"[bold]{title:<8}[/bold] {escape(one_line(line))}")
    if count > _MOST_SHOWN:
        console.print(f"         and {count - _MOST_SHOWN} more in report.json")


def print_written(console: Console, folder: Path, names: Iterable[str]) -> None:
    """Print the paths of the files that were written."""
    for number, name in enumerate(names):
        console.print(f"[bold]{'' if number else 'Written':<8}[/bold] {escape(str(folder / name))}")

"""What a run prints at its end."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.records import Status
from pipeline.stages.compose import Summary

_MOST_FAILURES = 5


def print_summary(console: Console, summary: Summary) -> None:
    """Print items, verdicts, seconds per stage, failures and the paths of what was written."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Results", str(summary.results) + (f" (and {summary.skipped} kept)" if summary.skipped else ""))
    if summary.failures:
        table.add_row("Failed", str(len(summary.failures)))
    total = sum(summary.verdicts.values())
    counts = ", ".join(f"{summary.verdicts[status]} {status}" for status in Status)
    table.add_row("Claims", f"{total}: {counts}" if total else "0")
    if summary.rightly["decided"]:
        right, decided = summary.rightly["right"], summary.rightly["decided"]
        table.add_row("Right", f"{right} of {decided} decided claims, by their known truth")
    if summary.seconds:
        table.add_row("Seconds", ", ".join(f"{name} {value:.2f}" for name, value in summary.seconds.items()))
    for item, stage, reason in summary.failures[:_MOST_FAILURES]:
        table.add_row("[red]Failed[/red]", escape(f"{item} in {stage}: {reason}"))
    if len(summary.failures) > _MOST_FAILURES:
        table.add_row("", f"and {len(summary.failures) - _MOST_FAILURES} more in failures.jsonl")
    table.add_row("Written", escape(str(summary.folder / "results.jsonl")))
    for name, description in (("overlays", "pictures"), ("clouds", "point clouds")):
        if (summary.folder / name).is_dir():
            table.add_row("", escape(f"{summary.folder / name} ({description})"))
    console.print(table)

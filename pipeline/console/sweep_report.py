"""The comparison at the end of a sweep, on the console and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from pipeline.console.evaluation_report import print_written, table
from pipeline.evaluate.sweep import (
    COMPARISON_NAME,
    Combination,
    Figures,
    SweepRow,
    claim_figures,
    run_figures,
    sweep_rows,
    write_comparison,
)
from pipeline.export.files import write_text
from pipeline.export.html import between, number, percent
from pipeline.export.text import one_line

_LONGEST = 40


def compare(runs: Sequence[Combination], folder: Path, console: Console, unit: str) -> None:
    """Print one row per combination, and write ``comparison.csv`` and ``comparison.md``.

    Args:
        runs: The runs of the sweep.
        folder: The folder of the sweep.
        console: Where the table is printed.
        unit: ``results`` of runs, or ``cases`` of evaluations.

    Raises:
        ExportError: If the files cannot be written.
    """
    rows = sweep_rows(runs, run_figures if unit == "results" else claim_figures)
    head, lines = cells_of(rows, unit)
    # Long keys would leave no room for numbers.
    shown = table(*(escape(name.rpartition(".")[2] or name) for name in head))
    for line in lines:
        shown.add_row(*(escape(cell).replace(" (", "\n(") for cell in line))
    console.print(f"\n[bold]{len(rows)} combinations[/bold]")
    console.print(shown)
    for row in rows:
        if row.error is not None:
            console.print(f"[bold]{'Failed':<8}[/bold] {escape(one_line(f'{row.name}: {row.error}'))}")
    write_comparison(folder, rows)
    write_text(folder / f"{COMPARISON_NAME}.md", markdown(head, lines, rows))
    print_written(console, folder, (f"{COMPARISON_NAME}.md", f"{COMPARISON_NAME}.csv"))


def cells_of(rows: Sequence[SweepRow], unit: str) -> tuple[list[str], list[list[str]]]:
    """The headings and the cells of the table; columns of ground truth are left out where none is known."""
    settings = list(dict.fromkeys(key for row in rows for key in row.settings))
    has = {key: any(row.figures.get(key) for row in rows) for key in ("answers", "claims", "decided_known")}
    head = ["run", *settings, unit, "failed"]
    head += ["answers correct"] if has["answers"] else []
    head += ["decided"] if has["claims"] else []
    head += ["correct"] if has["decided_known"] else []
    head += ["s per item"]
    lines = []
    for row in rows:
        figures = row.figures
        line = [row.name, *(_short(row.settings[key]) for key in settings)]
        if row.error is not None:
            lines.append([*line, "–", "failed", *[""] * (len(head) - len(line) - 2)])
            continue
        line += [str(figures["results"]), str(figures["failures"])]
        line += [_share(figures, "answers_correct", "answers")] if has["answers"] else []
        line += [f"{figures['decided']} of {figures['claims']}"] if has["claims"] else []
        line += [_share(figures, "claims_correct", "decided_known")] if has["decided_known"] else []
        lines.append([*line, number(figures["item_s"])])
    return head, lines


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]], rows: Sequence[SweepRow]) -> str:
    """The table as Markdown, with the reasons of combinations that could not run."""
    parts = [_markdown_row(head), _markdown_row(["---"] * len(head)), *map(_markdown_row, lines), ""]
    parts += [f"- {one_line(row.name)}: {_plain(row.error)}" for row in rows if row.error is not None]
    if any("correct" in name for name in head):
        known = "Correct counts answers, and decided claims, whose ground truth is known"
        parts += [f"{known}; the brackets hold 95 % intervals over items.", ""]
    return "\n".join(parts)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(cell: str) -> str:
    return one_line(cell).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _share(figures: Figures, key: str, count: str) -> str:
    interval = between(figures[key])
    return f"{percent(figures[key]['value'])} of {figures[count]}" + (f" ({interval})" if interval else "")


def _short(value: str | None) -> str:
    text = "" if value is None else one_line(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

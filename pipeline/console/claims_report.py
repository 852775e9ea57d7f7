"""A report on the console: one table of the judges, one of the answers, and where the page lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.evaluate.claims.page import area_gain
from pipeline.evaluate.claims.report import VERIFIER
from pipeline.export.html import between, percent, words

_CLAIM_COLUMNS = {
    "decided, right": ("accuracy", 1),
    "coverage": ("coverage", 1),
    "risk-coverage area": ("risk_coverage_area", 2),
    "calibration error": ("calibration_error", 2),
}
_ANSWER_COLUMNS = {
    "right": "accuracy",
    "asked again": "asked_again",
    "right before": "accuracy_before",
    "refuted": "refuted",
    "refuted, wrong": "refuted_wrong",
    "not refuted, right": "accuracy_not_refuted",
    "right after verdicts": "accuracy_after_verdicts",
}
_MOST_FAILURES = 5


def print_report(console: Console, report: dict[str, Any], folder: Path) -> None:
    """Print the figures of a report, what failed, and the paths of what was written."""
    counts = report["dataset"]
    console.print(
        f"[bold]{escape(counts['name'])}[/bold]: {counts['cases']} cases, {counts['claims']} claims"
        + (f", {counts['questions']} questions" if counts["questions"] else "")
    )
    if counts["claims"]:
        console.print(_judges(report))
        gain = area_gain(report)
        if gain is not None:
            console.print(
                f"The verifier's area is {percent(gain[1], 0)} of that of {words(gain[0])}, the best baseline."
            )
        hides = report["occlusion"][VERIFIER]
        if hides["claims"]:
            console.print(
                f"Occlusion: balanced accuracy {percent(hides['balanced_accuracy'])} of {hides['claims']} claims, "
                f"{percent(hides['balanced_accuracy_decided'])} of the decided ones."
            )
    if report["answers"]:
        console.print(_answers(report))
    for failure in report["failures"]["first"][:_MOST_FAILURES]:
        line = f"{failure['case']} in {failure['part']}: {failure['reason']}"
        console.print("[bold]Failed[/bold]   " + escape(" ".join(line.split())))
    more = report["failures"]["count"] - _MOST_FAILURES
    if more > 0:
        console.print(f"         and {more} more in report.json")
    for name in ("report.html", "report.json", "claims.jsonl"):
        console.print(f"[bold]{'Written' if name == 'report.html' else '':<8}[/bold] {escape(str(folder / name))}")


def _judges(report: dict[str, Any]) -> Table:
    table = Table("judge", *_CLAIM_COLUMNS, box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    for name, figures in report["judges"].items():
        row = [_cell(figures[key], digits) for key, digits in _CLAIM_COLUMNS.values()]
        if name != VERIFIER:
            # Ranks are no probabilities.
            row[-1] = "–"
        table.add_row(words(name), *row)
    return table


def _answers(report: dict[str, Any]) -> Table:
    table = Table("asked", *_ANSWER_COLUMNS, box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    for row in report["answers"]:
        if row["category"] is None:
            table.add_row(words(row["asked"]), *(_cell(row[key], 1) for key in _ANSWER_COLUMNS.values()))
    return table


def _cell(figure: dict[str, float | None], digits: int) -> str:
    interval = between(figure, digits)
    return percent(figure["value"], digits) + (f"\n[dim]{interval}[/dim]" if interval else "")

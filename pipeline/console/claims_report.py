"""A report on claims on the console: a table of the verifier and the baselines, one of the answers, and paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.console.evaluation_report import print_problems, print_written, table
from pipeline.evaluate.claims.page import NEED_TITLES, against_best, few_scenes, guarantee, promise
from pipeline.evaluate.claims.report import VERIFIER
from pipeline.export.html import between, counted, percent, words

_CLAIM_COLUMNS = {
    "decided, correct": ("accuracy", 1),
    "coverage": ("coverage", 1),
    "risk-coverage area": ("risk_coverage_area", 2),
    "calibration error": ("calibration_error", 2),
}
_ANSWER_COLUMNS = {
    "correct": "accuracy",
    "asked again": "asked_again",
    "correct before": "accuracy_before",
    "refuted": "refuted",
    "refuted, wrong": "refuted_wrong",
    "not refuted, correct": "accuracy_not_refuted",
    "correct after verdicts": "accuracy_after_verdicts",
}


def print_report(console: Console, report: dict[str, Any], folder: Path) -> None:
    """Print the figures of a report, its failures, and the paths of its files."""
    counts = report["dataset"]
    console.print(
        f"[bold]{escape(counts['name'])}[/bold]: {counts['cases']} cases, {counts['claims']} claims"
        + (f", {counts['questions']} questions" if counts["questions"] else "")
    )
    if counts["claims"]:
        for need, part in report["needs"].items():
            console.print(f"[bold]{NEED_TITLES[need]}[/bold]: {part['judges'][VERIFIER]['claims']}")
            console.print(_methods(part["judges"]))
            for line in (*map(_tail, part["tails"]), against_best(part["judges"])):
                console.print(line, highlight=False)
        if few_scenes(report):
            console.print(f"No bootstrap intervals: {few_scenes(report)}")
        _print_calibration(console, report["calibration"])
        hides = report["occlusion"][VERIFIER]
        if hides["claims"]:
            console.print(
                f"Occlusion: balanced accuracy {percent(hides['balanced_accuracy'])} on {hides['claims']} claims, "
                f"{percent(hides['balanced_accuracy_decided'])} on the decided ones."
            )
    if report["answers"]:
        console.print(_answers(report))
    failed = report["failures"]
    lines = [("Failed", f"{one['case']} in {one['part']}: {one['reason']}") for one in failed["first"]]
    print_problems(console, lines, failed["count"])
    print_written(console, folder, ("report.html", "report.json", "claims.jsonl"))


def _methods(judges: dict[str, Any]) -> Table:
    methods = table("method", *_CLAIM_COLUMNS)
    for name, figures in judges.items():
        row = [_cell(figures[key], digits) for key, digits in _CLAIM_COLUMNS.values()]
        if name != VERIFIER:
            # Ranks are not probabilities.
            row[-1] = "–"
        methods.add_row(words(name), *row)
    return methods


def _tail(tail: dict[str, Any]) -> str:
    """One line about the verdicts that state a small error."""
    line = f"State an error below {percent(tail['below'])}: {counted(tail['verdicts'], 'verdict')}"
    if not tail["verdicts"]:
        return f"{line}."
    interval = between(tail["wrong_share"], 2)
    share = percent(tail["wrong_share"]["value"], 2) + (f" [dim]({interval})[/dim]" if interval else "")
    return f"{line} of {counted(tail['scenes'], 'scene')}, {tail['wrong']} wrong: {share}."


def _print_calibration(console: Console, calibration: dict[str, Any]) -> None:
    """Print which curve applied to the verdicts of each family of relations and class of depth."""
    if not calibration["kinds"]:
        return
    rows = table("calibration curve", "decided", "wrong", "guarantee")
    for row in calibration["kinds"]:
        note = row["calibration"]
        # Without a curve, the family of relations and the class of depth that it would be for.
        curve = escape(row["kind"] if note is None else note["curve"])
        rows.add_row(curve, f"{row['decided']} of {row['claims']}", str(row["wrong"]), guarantee(row, calibration))
    console.print(rows)
    if promise(calibration):
        console.print(escape(promise(calibration)), highlight=False)


def _answers(report: dict[str, Any]) -> Table:
    answers = table("asked", *_ANSWER_COLUMNS)
    for row in report["answers"]:
        if row["category"] is None:
            answers.add_row(words(row["asked"]), *(_cell(row[key], 1) for key in _ANSWER_COLUMNS.values()))
    return answers


def _cell(figure: dict[str, float | None], digits: int) -> str:
    interval = between(figure, digits)
    return percent(figure["value"], digits) + (f"\n[dim]{interval}[/dim]" if interval else "")

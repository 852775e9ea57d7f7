"""A report on depth, and a comparison of several, on the console."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.console.evaluation_report import print_problems, print_written, table
from pipeline.evaluate.bootstrap import FEWEST_GROUPS
from pipeline.evaluate.depth.compare import COMPARISON_NAME
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.figures import figure_texts
from pipeline.export.html import counted, number, words
from pipeline.export.text import file_stem, one_line

_LONGEST_NAME, _MOST_NAMED = 16, 4
_LEAST_DIFFERENCE = 1e-9
_LEFT_OUT = {"smooth": "Smooth error", "scale": "Scale"}


def print_report(console: Console, report: Mapping[str, Any], folder: Path) -> None:
    """Print the figures of a report, images that could not be scored, and the paths of its files."""
    counts, protocol = report["dataset"], report["protocol"]
    console.print(
        f"[bold]{escape(counts['name'])}[/bold]: {counts['scored']} of {counted(counts['images'], 'image')}, "
        f"{counted(counts['groups'], 'place')}; alignment {protocol['alignment']}, {words(protocol['aggregate'])}; "
        + escape(one_line("; ".join(report["sources"])))
    )
    for note, count in report["notes"].items():
        console.print(f"[bold]Note[/bold]     {counted(count, 'image')}: {escape(note)}")
    figures = _figures("Figure", "Value", "95%", "Unit", "Images")
    for name, figure in report["metrics"].items():
        row = (_label(name), *figure_texts(figure), METRICS[name].unit, str(figure["images"]))
        figures.add_row(*map(escape, row))
    console.print(figures)
    if counts["groups"] < FEWEST_GROUPS:
        console.print(f"No intervals: they need at least {FEWEST_GROUPS} places.")
    if report["scale"]:
        console.print(
            f"Scale: true / predicted depth, median {number(report['scale']['median'])}, "
            f"spread {number(report['scale']['spread'])}"
        )
    problems = report["problems"]
    lines = [(one["outcome"].capitalize(), f"{one['name']}: {one['reason']}") for one in problems["first"]]
    print_problems(console, lines, problems["count"])
    for name, found in report["noise"].items():
        use = (
            f"noise={file_stem(name)} 'hydra.searchpath=[{folder.absolute()}]' makes the verifier use this noise model"
        )
        if found["reversed"]:
            use += f"; predictions are reversed in {found['reversed']} of {counted(found['images'], 'image')}"
        console.print("[bold]Noise[/bold]    " + escape(use))
        for kind, test in found["left_out"].items():
            console.print(
                f"         {_LEFT_OUT[kind]} of {escape(name)} at {found['places']} places, each by the fit to the "
                f"others: spread {number(test['spread'])} (1 is expected), {test['within']:.0%} within 1.96 deviations "
                "(95%)"
            )
    print_written(console, folder, ("report.html", "report.json", "summary.csv", "images.csv"))


def print_comparison(console: Console, comparison: Mapping[str, Any], folder: Path) -> None:
    """Print a table of all runs, their paired differences from the first, and the paths of the files."""
    runs, baseline = comparison["runs"], comparison["baseline"]
    console.print(f"\n[bold]{len(runs)} runs[/bold] on the {comparison['images']} images that all of them scored")
    # Long names would leave no room for numbers.
    keys = {name: name for name in runs}
    if max(map(len, runs)) > _LONGEST_NAME or len(runs) > _MOST_NAMED:
        keys = {name: f"[{index}]" for index, name in enumerate(runs, start=1)}
        for name, key in keys.items():
            console.print(escape(f"{key} {name}"))
    figures = _figures("Figure", *map(escape, keys.values()))
    for name in METRICS:
        if any(name in run["figures"] for run in runs.values()):
            values = (run["figures"].get(name, {}).get("value") for run in runs.values())
            figures.add_row(escape(_label(name)), *map(number, values))
    console.print(figures)
    for title, run in runs.items():
        if title == baseline:
            continue
        console.print(f"\n[bold]{escape(keys[title])}[/bold] less {escape(keys[baseline])}, image by image")
        differences = _figures("Figure", "Difference", "95%", "")
        for name, difference in run["differences"].items():
            differences.add_row(escape(_label(name)), *_difference(name, difference))
        console.print(differences)
    print_written(console, folder, (f"{COMPARISON_NAME}.json", f"{COMPARISON_NAME}.csv"))


def _difference(name: str, difference: Mapping[str, float | None]) -> tuple[str, str, str]:
    """A difference, its interval, and "better" or "worse" if the interval excludes zero."""
    # Rounding errors of equal figures count as zero.
    value, low, high = (
        0.0 if bound is not None and abs(bound) < _LEAST_DIFFERENCE else bound
        for bound in (difference["value"], difference["low"], difference["high"])
    )
    if value is None:
        return "–", "", ""
    if low is None or high is None:
        return f"{value:+.4g}", "", ""
    verdict = ""
    if not low <= 0 <= high:
        verdict = "better" if (value > 0) == METRICS[name].higher_is_better else "worse"
    return f"{value:+.4g}", f"{low:+.4g} to {high:+.4g}", verdict


def _label(name: str) -> str:
    """The figure's heading, with an arrow in the direction of better values."""
    return f"{METRICS[name].label} {'↑' if METRICS[name].higher_is_better else '↓'}"


def _figures(*columns: str) -> Table:
    figures = table(*columns)
    for index, column in enumerate(figures.columns):
        column.no_wrap = True
        column.justify = "right" if index else "left"
    return figures

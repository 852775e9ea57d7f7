"""A report on depth, and a comparison of several, on the console."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.evaluate.bootstrap import FEWEST_GROUPS
from pipeline.evaluate.depth.compare import COMPARISON_NAME
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.export.html import counted, number, words
from pipeline.export.text import file_stem, one_line

_MOST_PROBLEMS = 5
_LONGEST_NAME, _MOST_NAMED = 16, 4
_LEAST_DIFFERENCE = 1e-9


def print_report(console: Console, report: Mapping[str, Any], folder: Path) -> None:
    """Print the figures of a report, what could not be used, and the paths of what was written."""
    counts, protocol = report["dataset"], report["protocol"]
    console.print(
        f"[bold]{escape(counts['name'])}[/bold]: {counts['scored']} of {counted(counts['images'], 'image')}, "
        f"{counted(counts['groups'], 'place')}; alignment {protocol['alignment']}, {words(protocol['aggregate'])}; "
        + escape(one_line("; ".join(report["sources"])))
    )
    for note, count in report["notes"].items():
        console.print(f"[bold]Note[/bold]     {counted(count, 'image')}: {escape(note)}")
    table = _table("Figure", "Value", "95 %", "Unit", "Images")
    for name, figure in report["metrics"].items():
        row = (_label(name), number(figure["value"]), _between(figure), METRICS[name].unit, str(figure["images"]))
        table.add_row(*map(escape, row))
    console.print(table)
    if counts["groups"] < FEWEST_GROUPS:
        console.print(f"No intervals: they need {FEWEST_GROUPS} places at least.")
    if report["scale"]:
        console.print(
            f"Scale: truth / prediction {number(report['scale']['median'])} in the median, "
            f"spread {number(report['scale']['spread'])}"
        )
    for problem in report["problems"]["first"][:_MOST_PROBLEMS]:
        line = f"{problem['name']}: {problem['reason']}"
        console.print(f"[bold]{problem['outcome'].capitalize()}[/bold] " + escape(one_line(line)))
    more = report["problems"]["count"] - _MOST_PROBLEMS
    if more > 0:
        console.print(f"         and {more} more in report.json")
    for name, found in report["noise"].items():
        use = (
            f"noise={file_stem(name)} 'hydra.searchpath=[{folder.absolute()}]' lets the verifier use what was measured"
        )
        if found["reversed"]:
            use += f"; in {found['reversed']} of {counted(found['images'], 'image')} nothing can be believed"
        console.print("[bold]Noise[/bold]    " + escape(use))
    for name in ("report.html", "report.json", "summary.csv", "images.csv"):
        console.print(f"[bold]{'Written' if name == 'report.html' else '':<8}[/bold] {escape(str(folder / name))}")


def print_comparison(console: Console, comparison: Mapping[str, Any], folder: Path) -> None:
    """Print one table of all runs, their paired differences to the first, and where they are written."""
    runs, baseline = comparison["runs"], comparison["baseline"]
    console.print(f"\n[bold]{len(runs)} runs[/bold] on the {comparison['images']} images that all of them scored")
    # Long names would leave no room for numbers.
    keys = {name: name for name in runs}
    if max(map(len, runs)) > _LONGEST_NAME or len(runs) > _MOST_NAMED:
        keys = {name: f"[{number_of}]" for number_of, name in enumerate(runs, start=1)}
        for name, key in keys.items():
            console.print(escape(f"{key} {name}"))
    table = _table("Figure", *(escape(key) for key in keys.values()))
    names = [name for name in METRICS if any(name in run["figures"] for run in runs.values())]
    for name in names:
        values = (run["figures"].get(name, {}).get("value") for run in runs.values())
        table.add_row(escape(_label(name)), *map(number, values))
    console.print(table)
    for title, run in runs.items():
        if title == baseline:
            continue
        console.print(f"\n[bold]{escape(keys[title])}[/bold] less {escape(keys[baseline])}, image by image")
        table = _table("Figure", "Difference", "95 %", "")
        for name, difference in run["differences"].items():
            table.add_row(escape(_label(name)), *_difference(name, difference))
        console.print(table)
    for name in (f"{COMPARISON_NAME}.json", f"{COMPARISON_NAME}.csv"):
        console.print(f"[bold]{'Written' if name.endswith('json') else '':<8}[/bold] {escape(str(folder / name))}")


def _difference(name: str, difference: Mapping[str, float | None]) -> tuple[str, str, str]:
    """A difference, its interval, and whether it is better or worse where the interval leaves out zero."""
    if difference["value"] is None:
        return "–", "", ""
    # What rounding leaves of equal figures is no difference.
    value, low, high = (
        0.0 if number_of is not None and abs(number_of) < _LEAST_DIFFERENCE else number_of
        for number_of in (difference["value"], difference["low"], difference["high"])
    )
    assert value is not None
    if low is None or high is None:
        return f"{value:+.4g}", "", ""
    verdict = ""
    if not low <= 0 <= high:
        verdict = "better" if (value > 0) == METRICS[name].higher_is_better else "worse"
    return f"{value:+.4g}", f"{low:+.4g} to {high:+.4g}", verdict


def _label(name: str) -> str:
    """The figure's heading, with an arrow to where better ones are."""
    return f"{METRICS[name].label} {'↑' if METRICS[name].higher_is_better else '↓'}"


def _between(figure: Mapping[str, float | None]) -> str:
    low, high = figure["low"], figure["high"]
    return "" if low is None else f"{number(low)} – {number(high)}"


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 2))
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    return table

"""One row for each combination of a sweep: what it sets, what came of it, and how often it was correct."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.evaluate.bootstrap import bound_of, drawn_weights, interval_of, ratio, with_interval
from pipeline.evaluate.claims.report import VERIFIER
from pipeline.export.files import write_csv
from pipeline.export.jsonl import FAILURES_NAME, RESULTS_NAME, failed_id
from pipeline.export.line_file import numbered_lines
from pipeline.export.text import csv_text
from pipeline.export.timed_results import read_results
from pipeline.records import Status
from pipeline.records.errors import ExportError

COMPARISON_NAME = "comparison"
DRAWS = 300
SHARES = ("answers_correct", "claims_correct")
"""The figures that have an interval."""
Figures = dict[str, Any]


@dataclass(frozen=True)
class Combination:
    """One run of a sweep.

    Args:
        overrides: What it sets, in Hydra's grammar.
        folder: Where it wrote.
        error: Why it could not run; None if it did.
    """

    overrides: tuple[str, ...]
    folder: Path
    error: str | None = None


@dataclass(frozen=True)
class SweepRow:
    """One row of the comparison.

    Args:
        name: Name of the combination's folder.
        settings: The overrides that differ between combinations: key and value, None where it does not set the key.
        figures: What came of it, see ``run_figures``; empty if it could not run.
        error: Why it could not run.
    """

    name: str
    settings: Mapping[str, str | None]
    figures: Figures = field(default_factory=dict)
    error: str | None = None


def sweep_rows(combinations: Sequence[Combination], figures_of: Callable[[Path], Figures]) -> list[SweepRow]:
    """The rows of a sweep, in its order; a combination that left nothing to read keeps its row with the reason.

    Args:
        combinations: The runs.
        figures_of: Reads what a run wrote: ``run_figures`` or ``claim_figures``.
    """
    rows = []
    for combination, settings in zip(combinations, differing([one.overrides for one in combinations]), strict=True):
        figures, error = Figures(), combination.error
        if error is None:
            try:
                figures = figures_of(combination.folder)
            except (OSError, ValueError, KeyError, ExportError) as problem:
                error = f"its results cannot be read ({type(problem).__name__})"
        rows.append(SweepRow(combination.folder.name, settings, figures, error))
    return rows


def differing(overrides: Sequence[Sequence[str]]) -> list[dict[str, str | None]]:
    """The overrides that are not the same in all runs, as key and value.

    >>> differing([["depth=a", "seed=1"], ["depth=b", "seed=1"]])
    [{'depth': 'a'}, {'depth': 'b'}]
    """
    given = [dict(override.lstrip("+").partition("=")[::2] for override in each) for each in overrides]
    keys = dict.fromkeys(key for each in given for key in each)
    kept = [key for key in keys if len({each.get(key) for each in given}) > 1]
    return [{key: each.get(key) for key in kept} for each in given]


def run_figures(folder: Path, draws: int = DRAWS, seed: int = 0) -> Figures:
    """Figures of a folder of ``results.jsonl``; intervals draw whole items, whose questions share a scene.

    Args:
        folder: The folder.
        draws: Bootstrap draws per interval.
        seed: Seed of the draws.

    Returns:
        ``results``, ``failures``; of answers and of decided verdicts with ground truth their number (``answers``,
        ``decided_known``) and the share of correct ones with its interval (``answers_correct``, ``claims_correct``);
        ``claims``, ``decided``; and ``item_s``, the mean time of an item [s].

    Raises:
        ExportError: If the results cannot be read.
    """
    items: dict[str, np.ndarray] = {}
    results = claims = decided = 0
    seconds = 0.0
    for result in read_results(folder / RESULTS_NAME):
        results += 1
        claims += len(result.verdicts)
        decided += len(result.verdicts) - result.count(Status.UNDECIDED)
        seconds += sum(result.seconds.values())
        outcomes = [verdict.is_correct for verdict in result.verdicts if verdict.is_correct is not None]
        answered = result.is_correct is not None
        row = np.array([answered, bool(result.is_correct), len(outcomes), sum(outcomes)], dtype=float)
        items[result.item_id] = items.get(result.item_id, 0) + row
    table = np.array(list(items.values())) if items else np.zeros((0, 4))
    failures = folder / FAILURES_NAME
    return {
        "results": results,
        "failures": sum(failed_id(line) is not None for _, line in numbered_lines(failures))
        if failures.exists()
        else 0,
        "answers": int(table[:, 0].sum()),
        "answers_correct": _share(table[:, 1], table[:, 0], draws, seed),
        "claims": claims,
        "decided": decided,
        "decided_known": int(table[:, 2].sum()),
        "claims_correct": _share(table[:, 3], table[:, 2], draws, seed),
        "item_s": _known(ratio(seconds, len(items))),
    }


def claim_figures(folder: Path) -> Figures:
    """The same of a folder of ``eval-claims``, whose intervals draw whole scenes.

    Answers are those to the last way of asking, as ``query`` is configured.
    """
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    judged = report["judges"][VERIFIER]
    answers = [row for row in report["answers"] if row["category"] is None]
    nothing = with_interval(math.nan)
    return {
        "results": report["dataset"]["cases"],
        "failures": report["failures"]["count"],
        "answers": answers[-1]["questions"] if answers else 0,
        "answers_correct": answers[-1]["accuracy"] if answers else nothing,
        "claims": judged["claims"],
        "decided": judged["decided"],
        "decided_known": judged["decided"],
        "claims_correct": judged["accuracy"],
        "item_s": _known(ratio(sum(report["seconds"].values()), report["dataset"]["cases"])),
    }


def _share(correct: np.ndarray, known: np.ndarray, draws: int, seed: int) -> dict[str, float | None]:
    """The share of all correct ones among all known ones, with its interval over items."""
    correct, known = correct[known > 0], known[known > 0]
    share = ratio(float(correct.sum()), float(known.sum()))
    if share in (0, 1):
        return with_interval(share, bound_of(share, len(known)))
    weights = drawn_weights([str(index) for index in range(len(known))], draws, seed)
    drawn = [ratio(float(each @ correct), float(each @ known)) for each in weights]
    return with_interval(share, interval_of(drawn, len(known)))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def write_comparison(folder: Path, rows: Sequence[SweepRow]) -> None:
    """Write ``comparison.csv`` into the folder of a sweep.

    Raises:
        ExportError: If it cannot be written.
    """
    write_csv(folder / f"{COMPARISON_NAME}.csv", _lines(rows))


def _lines(rows: Sequence[SweepRow]) -> Iterator[list[object]]:
    settings = list(dict.fromkeys(key for row in rows for key in row.settings))
    figures = list(dict.fromkeys(key for row in rows for key in row.figures))
    ends = ("", "_low", "_high")
    named = [f"{key}{end}" for key in figures for end in (ends if key in SHARES else ends[:1])]
    yield ["run", *settings, *named, "error"]
    for row in rows:
        cells: list[object] = [row.name, *(csv_text(row.settings[key] or "") for key in settings)]
        for key in figures:
            value = row.figures.get(key)
            parts = (value or {}) if key in SHARES else {"value": value}
            cells += [parts.get(part) for part in (("value", "low", "high") if key in SHARES else ("value",))]
        yield [*cells, csv_text(row.error or "")]

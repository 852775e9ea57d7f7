"""Comparison of several runs on the same images: figures, and paired differences with intervals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.evaluate.bootstrap import Interval, interval_of, with_interval
from pipeline.evaluate.depth.image_lines import IMAGES_NAME, one_per_image, read_lines
from pipeline.evaluate.depth.protocol import Aggregate
from pipeline.evaluate.depth.report import REPORT_NAME
from pipeline.evaluate.depth.table import ScoreTable
from pipeline.export.files import write_csv, write_json
from pipeline.records.errors import InputError

COMPARISON_NAME = "comparison"


def compare_runs(runs: Mapping[str, Path], *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Compare runs on the images that all of them scored, with the first run as the baseline.

    All runs share the same draws of groups, so images that are hard for all runs do not widen the intervals of the
    differences.

    Args:
        runs: Folders of ``eval-depth`` by the name of the run.
        draws: Bootstrap draws per interval; 0 gives no intervals.
        seed: Seed of the draws.

    Returns:
        ``runs``, ``images``, ``baseline``, and per run ``figures`` and, except for the baseline, ``differences`` (the
        run's figure minus the baseline's), each with ``value``, ``low`` and ``high``, or null.

    Raises:
        InputError: If there are fewer than two runs, their protocols aggregate differently, or no image was scored by
            all.
    """
    if len(runs) < 2:
        raise InputError("A comparison needs at least two runs; sweep over two values, as in depth=a,b.")
    aggregates = {_aggregate(folder) for folder in runs.values()}
    if len(aggregates) > 1:
        raise InputError("Runs with different protocol.aggregate cannot be compared; set it to one value.")
    aggregate = aggregates.pop()
    tables = {
        name: ScoreTable.of(one_per_image(read_lines(folder / IMAGES_NAME)), aggregate) for name, folder in runs.items()
    }
    first = next(iter(tables.values()))
    images = [set(zip(table.names, table.truths, strict=True)) for table in tables.values()]
    shared = set.intersection(*images)
    common = [name for name, truth in zip(first.names, first.truths, strict=True) if (name, truth) in shared]
    if not common:
        raise InputError("No image was scored by all runs against the same truth; compare runs on one data set.")
    tables = {name: table.selected(common) for name, table in tables.items()}
    baseline = next(iter(tables))
    figures = {name: table.figures() for name, table in tables.items()}
    drawn = {name: table.drawn(draws, seed) for name, table in tables.items()}
    groups = len(set(tables[baseline].groups))
    compared: dict[str, Any] = {
        name: {
            "figures": {
                key: with_interval(value, interval_of(drawn[name].get(key, []), groups)) for key, value in own.items()
            }
        }
        for name, own in figures.items()
    }
    for name in tables:
        if name != baseline:
            compared[name]["differences"] = {
                key: with_interval(value - figures[baseline][key], _interval(drawn[name], drawn[baseline], key, groups))
                for key, value in figures[name].items()
                if key in figures[baseline]
            }
    return {
        "baseline": baseline,
        "images": len(common),
        "groups": groups,
        "aggregate": str(aggregate),
        "runs": compared,
    }


def write_comparison(folder: Path, comparison: Mapping[str, Any]) -> None:
    """Write ``comparison.json``, and ``comparison.csv`` with one line per run and figure.

    Raises:
        ExportError: If they cannot be written.
    """
    write_json(folder / f"{COMPARISON_NAME}.json", comparison)
    write_csv(folder / f"{COMPARISON_NAME}.csv", _rows(comparison))


def _rows(comparison: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    head = ("value", "low", "high")
    yield ("run", "figure", *head, *(f"difference_{name}" for name in head))
    for run, compared in comparison["runs"].items():
        for key, found in compared["figures"].items():
            difference = compared.get("differences", {}).get(key, {})
            yield (run, key, *(figure.get(name) for figure in (found, difference) for name in head))


def run_names(overrides: Sequence[Sequence[str]]) -> list[str]:
    """Short unique names of the runs of a sweep, from the overrides that differ.

    >>> run_names([["depth=a", "seed=1"], ["depth=b", "seed=1"]])
    ['a', 'b']
    >>> run_names([["depth=a", "protocol=b"], ["depth=c", "protocol=d"]])
    ['depth=a protocol=b', 'depth=c protocol=d']
    """
    shared = set(overrides[0]).intersection(*map(set, overrides[1:])) if overrides else set()
    differing = [[item for item in given if item not in shared] for given in overrides]
    keys = {item.partition("=")[0] for given in differing for item in given}
    if len(keys) == 1:
        differing = [[item.partition("=")[2] for item in given] for given in differing]
    names = [" ".join(given) or "run" for given in differing]
    return [name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names)]


def _aggregate(folder: Path) -> Aggregate:
    report = json.loads((folder / REPORT_NAME).read_text(encoding="utf-8"))
    return Aggregate(report["protocol"]["aggregate"])


def _interval(drawn: Mapping[str, np.ndarray], baseline: Mapping[str, np.ndarray], key: str, groups: int) -> Interval:
    """Interval of the difference of a figure."""
    return interval_of(drawn[key] - baseline[key] if key in drawn and key in baseline else [], groups)

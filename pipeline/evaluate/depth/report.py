"""The figures of a run as one dictionary: the content of ``report.json``, of the page and of the console output."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.evaluate.bootstrap import interval_of, with_interval
from pipeline.evaluate.depth.image_lines import ImageLine, Outcome
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.depth.moments import BIN_EDGES_M, DepthBins
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.score import ImageScore
from pipeline.evaluate.depth.table import ScoreTable
from pipeline.evaluate.noise_fit import NoiseSummary, left_out, noise_of
from pipeline.records import ScaleSource
from pipeline.records.errors import InputError
from pipeline.records.versions import versions

SCHEMA_VERSION = "1.0"
"""Version of ``report.json``; a key is never renamed or removed within a major version."""
REPORT_NAME = "report.json"
_MOST_PROBLEMS = 100
# More images do not improve a noise model.
_MOST_NOISE = 500


def report_of(
    lines: Iterable[ImageLine],
    *,
    dataset: str,
    unreadable: Mapping[str, str],
    protocol: EvaluationProtocol,
    configuration: Mapping[str, Any],
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of a run as JSON values; figures that do not exist are null.

    Args:
        lines: The lines of the images in their order; they are read once.
        dataset: Name of the data set.
        unreadable: Other unusable parts of the data set, with the reason.
        protocol: The protocol of the run.
        configuration: The whole configuration of the run.
        draws: Bootstrap draws per interval; 0 gives no intervals.
        seed: Seed of the draws.

    Raises:
        InputError: If no image was scored; gives the reason for the first.
    """
    gathered = _Gathered(unreadable)
    table = ScoreTable.of(gathered.passing(lines), protocol.aggregate)
    if not table.names:
        first = next(iter(gathered.problems), None)
        reason = f"the first: {first['name']}: {first['reason']}" if first else "it is empty"
        raise InputError(f"No image of {dataset} could be scored; {reason.rstrip('.')}.")
    outcomes = gathered.outcomes
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": {
            "name": dataset,
            "images": outcomes.total() + len(unreadable),
            "scored": outcomes[Outcome.SCORED],
            "unreadable": outcomes[Outcome.UNREADABLE] + len(unreadable),
            "failed": outcomes[Outcome.FAILED],
            "groups": len(set(table.groups)),
        },
        "sources": dict(gathered.sources),
        "protocol": protocol.to_dict(),
        "metrics": _metrics(table, draws, seed),
        "by_depth": _by_depth(gathered.bins),
        "scale": _scale(gathered.scale_ratios),
        "notes": dict(gathered.notes),
        "noise": {name: _noise(found) for name, found in gathered.noise.items()},
        "seconds": {"depth_per_image": float(np.median(gathered.seconds))},
        "problems": {"count": gathered.problem_count, "first": gathered.problems},
        "worst": [],
        "configuration": dict(configuration),
        "versions": versions(),
    }


def _noise(found: Sequence[tuple[NoiseSummary, str]]) -> dict[str, Any]:
    """A backend's noise model, its numbers of images, places and reversed maps, and its test on places left out."""
    summaries, places = [summary for summary, _ in found], [place for _, place in found]
    return {
        "model": vars(noise_of(summaries, places)),
        "images": len(summaries),
        "places": len(set(places)),
        "reversed": sum(item.is_reversed for item in summaries),
        "left_out": {name: vars(test) for name, test in left_out(summaries, places).items()},
    }


class _Gathered:
    """Everything in a report but its figures, gathered from a stream of lines without keeping them."""

    def __init__(self, unreadable: Mapping[str, str]) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.sources: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.noise: dict[str, list[tuple[NoiseSummary, str]]] = {}
        self.scale_ratios: list[float] = []
        self.seconds: list[float] = []
        self.bins = DepthBins()
        self.problems: list[dict[str, str]] = []
        self.problem_count = 0
        for name, reason in unreadable.items():
            self._problem(name, Outcome.UNREADABLE, reason)

    def passing(self, lines: Iterable[ImageLine]) -> Iterator[ImageLine]:
        """The same lines, recorded as they pass."""
        for line in lines:
            self.outcomes[line.outcome] += 1
            if line.outcome is not Outcome.SCORED:
                self._problem(line.name, line.outcome, line.reason)
            if line.source is not None and line.score is not None:
                self._scored(line, line.source, line.score)
            yield line

    def _scored(self, line: ImageLine, source: tuple[str, str, str], score: ImageScore) -> None:
        kind, scale_source, backend = source
        scale = "" if scale_source == ScaleSource.NONE else f", scale of the {scale_source}"
        self.sources[f"{backend}: {kind}{scale}"] += 1
        self.seconds.append(line.seconds)
        self.bins = self.bins + score.bins
        if score.note:
            self.notes[score.note] += 1
        if line.scale_ratio is not None:
            self.scale_ratios.append(line.scale_ratio)
        if line.noise is not None and len(self.noise.setdefault(backend, [])) < _MOST_NOISE:
            self.noise[backend].append((line.noise, line.group))

    def _problem(self, name: str, outcome: Outcome, reason: str) -> None:
        self.problem_count += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append({"name": name, "outcome": str(outcome), "reason": reason})


def worst_images(lines: Iterable[ImageLine], metric: str, count: int) -> list[tuple[ImageLine, float]]:
    """The images with the worst figure, the worst first; only these are kept in memory."""
    sign = 1 if METRICS[metric].higher_is_better else -1
    found = (
        (line, line.score.metrics[metric]) for line in lines if line.score is not None and metric in line.score.metrics
    )
    return heapq.nsmallest(count, found, key=lambda item: sign * item[1])


def _metrics(table: ScoreTable, draws: int, seed: int) -> dict[str, dict[str, Any]]:
    counts, drawn, groups = table.counts(), table.drawn(draws, seed), len(set(table.groups))
    return {
        name: {**with_interval(value, interval_of(drawn.get(name, []), groups)), "images": counts[name]}
        for name, value in table.figures().items()
    }


def _by_depth(total: DepthBins) -> list[dict[str, float]]:
    """Mean errors of all pixels by true depth, without empty bins."""
    bins = zip(BIN_EDGES_M, BIN_EDGES_M[1:], total.pixels, total.abs_rel, total.abs_m, strict=False)
    return [
        {"from_m": start, "to_m": end, "pixels": pixels, "abs_rel": abs_rel / pixels, "abs_m": abs_m / pixels}
        for start, end, pixels, abs_rel, abs_m in bins
        if pixels
    ]


def _scale(ratios: Sequence[float]) -> dict[str, float] | None:
    """Error of the scale of metric depth: median of truth / prediction, and spread of its logarithm."""
    if not ratios:
        return None
    logs = np.log(ratios)
    low, high = np.percentile(logs, (16, 84))
    return {"median": float(np.exp(np.median(logs))), "spread": float(high - low) / 2, "images": len(ratios)}

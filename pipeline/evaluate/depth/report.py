"""The figures of a run as one plain dictionary: what ``report.json`` holds, and what page and console show."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.errors import InputError
from pipeline.evaluate.depth.image_lines import ImageLine, Outcome
from pipeline.evaluate.depth.metrics import METRICS
from pipeline.evaluate.depth.moments import BIN_EDGES_M, DepthBins
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.table import ScoreTable, interval
from pipeline.evaluate.noise_fit import NoiseSummary, noise_of
from pipeline.versions import versions

SCHEMA_VERSION = "1.0"
"""Version of ``report.json``; a key is never renamed or removed within a major version."""
REPORT_NAME = "report.json"
_MOST_PROBLEMS = 100


def report_of(
    lines: Sequence[ImageLine],
    *,
    dataset: str,
    unreadable: Mapping[str, str],
    protocol: EvaluationProtocol,
    configuration: Mapping[str, Any],
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of a run, in plain JSON; what does not exist is null.

    Args:
        lines: What became of every image, in their order.
        dataset: Name of the data set.
        unreadable: Further parts of the data set that could not be used, with the reason.
        protocol: How it was measured.
        configuration: The whole configuration of the run.
        draws: Bootstrap draws of every interval; 0 gives none.
        seed: Seed of the draws.

    Raises:
        InputError: If no image was scored; says why the first was not.
    """
    outcomes = Counter(line.outcome for line in lines)
    problems = [
        {"name": name, "outcome": str(Outcome.UNREADABLE), "reason": reason} for name, reason in unreadable.items()
    ]
    problems += [
        {"name": line.name, "outcome": str(line.outcome), "reason": line.reason}
        for line in lines
        if line.outcome is not Outcome.SCORED
    ]
    if not outcomes[Outcome.SCORED]:
        reason = f"the first: {problems[0]['name']}: {problems[0]['reason']}" if problems else "there is none"
        raise InputError(f"No image of {dataset} could be scored; {reason.rstrip('.')}.")
    scored = [line for line in lines if line.outcome is Outcome.SCORED]
    table = ScoreTable.of(scored, protocol.aggregate)
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": {
            "name": dataset,
            "images": len(lines),
            "scored": len(scored),
            "unreadable": outcomes[Outcome.UNREADABLE] + len(unreadable),
            "failed": outcomes[Outcome.FAILED],
            "groups": len(set(table.groups)),
        },
        "sources": dict(Counter(", ".join(line.source) for line in scored if line.source is not None)),
        "protocol": protocol.to_dict(),
        "metrics": _metrics(table, draws, seed),
        "by_depth": _by_depth(line.score.bins for line in scored if line.score is not None),
        "scale": _scale(scored),
        "notes": dict(Counter(line.score.note for line in scored if line.score is not None and line.score.note)),
        "noise": _noise(scored),
        "seconds": {"depth_per_image": float(np.median([line.seconds for line in scored]))},
        "problems": {"count": len(problems), "first": problems[:_MOST_PROBLEMS]},
        "worst": [],
        "configuration": dict(configuration),
        "versions": versions(),
    }


def worst_images(lines: Iterable[ImageLine], metric: str, count: int) -> list[tuple[ImageLine, float]]:
    """The images with the worst figure, the worst first."""
    better_high = METRICS[metric].higher_is_better
    found = [
        (line, line.score.metrics[metric])
        for line in lines
        if line.score is not None and math.isfinite(line.score.metrics.get(metric, math.nan))
    ]
    return sorted(found, key=lambda item: item[1] if better_high else -item[1])[:count]


def finite(value: float | None) -> float | None:
    """The number, or None where it is none."""
    return None if value is None or not math.isfinite(value) else float(value)


def _metrics(table: ScoreTable, draws: int, seed: int) -> dict[str, dict[str, Any]]:
    counts, drawn = table.counts(), table.drawn(draws, seed)
    found = {}
    for name, value in table.figures().items():
        low, high = interval(drawn[name]) if name in drawn else (math.nan, math.nan)
        found[name] = {"value": finite(value), "low": finite(low), "high": finite(high), "images": counts[name]}
    return found


def _by_depth(bins: Iterable[DepthBins]) -> list[dict[str, float]]:
    """Mean errors by true depth, of all pixels together; bins without pixels are left out."""
    total = DepthBins()
    for item in bins:
        total = total + item
    return [
        {
            "from_m": BIN_EDGES_M[index],
            "to_m": BIN_EDGES_M[index + 1],
            "pixels": pixels,
            "abs_rel": total.abs_rel[index] / pixels,
            "abs_m": total.abs_m[index] / pixels,
        }
        for index, pixels in enumerate(total.pixels)
        if pixels
    ]


def _scale(scored: Sequence[ImageLine]) -> dict[str, float] | None:
    """How far the scale of metric depth is off: median of truth / prediction, and spread of its logarithm."""
    ratios = [line.scale_ratio for line in scored if line.scale_ratio is not None]
    if not ratios:
        return None
    logs = np.log(ratios)
    low, high = np.percentile(logs, (16, 84))
    return {"median": float(np.exp(np.median(logs))), "spread": float(high - low) / 2, "images": len(ratios)}


def _noise(scored: Sequence[ImageLine]) -> dict[str, dict[str, float]]:
    """The noise model of every backend, by its name; only where some image says something."""
    found: dict[str, list[NoiseSummary]] = {}
    for line in scored:
        if line.noise is not None and line.source is not None:
            found.setdefault(line.source[2], []).append(line.noise)
    return {name: dict(vars(noise_of(summaries))) for name, summaries in found.items()}

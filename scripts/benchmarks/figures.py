"""What a benchmark reports, and how it measures."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure, with what it is compared to and what it, or the ratio of times, should reach."""

    figure: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    reach: float | None = None
    ok: bool = True


def against(name: str, value_ms: float, baseline_ms: float, most: float) -> Figure:
    """A time, judged by its ratio to that of a baseline in the same run: a busy machine slows down both."""
    ratio = value_ms / baseline_ms
    return Figure(name, value_ms, "ms", baseline_ms, ratio, most, ratio <= most)


def bounded(
    name: str,
    value: float,
    unit: str,
    baseline: float | None = None,
    *,
    least: float | None = None,
    most: float | None = None,
) -> Figure:
    """A figure that should be at least, or at most, so large, with its ratio to a baseline."""
    ok = (least is None or value >= least) and (most is None or value <= most)
    return Figure(
        name, value, unit, baseline, value / baseline if baseline else None, least if most is None else most, ok
    )


def growth(name: str, value_mb: float, baseline_mb: float, most_percent: float) -> Figure:
    """Memory, judged by its change from a baseline in per cent."""
    percent = 100 * (value_mb / baseline_mb - 1)
    return Figure(name, value_mb, "MiB", baseline_mb, percent, most_percent, percent <= most_percent)


def in_turn(runs: int, *tasks: Callable[[], object], repeats: int = 1) -> list[float]:
    """Median time of each task [ms]; the tasks take turns, after one round that does not count.

    Args:
        runs: Number of turns.
        tasks: What to time.
        repeats: How often a task is done in one turn; more than once for those far below a millisecond.
    """
    times: list[list[float]] = [[] for _ in tasks]
    for run in range(runs + 1):
        for task, found in zip(tasks, times, strict=True):
            start = time.perf_counter()
            for _ in range(repeats):
                task()
            if run:
                found.append((time.perf_counter() - start) * 1e3 / repeats)
    return [statistics.median(found) for found in times]


def resident_mb() -> float:
    """Memory that this process holds now [MiB]."""
    with open("/proc/self/statm") as fields:
        return int(fields.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def json_line(figure: Figure, **more: str) -> str:
    """A figure as one line of JSON, with further fields before it."""
    rounded = {key: _rounded(value) if isinstance(value, float) else value for key, value in asdict(figure).items()}
    return json.dumps({**more, **rounded})


def _rounded(value: float) -> float:
    """Four decimal places, or three significant digits below 0.01."""
    return round(value, 4) if abs(value) >= 0.01 else float(f"{value:.3g}")

"""Throughput of engine=ray on this machine against engine=local, both with a process per core.

Items of two frames of 640 x 480 px with 6 regions, 15 claims and pictures, which take more than 0.1 s of a core; no
stage holds a model.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.batch import make_large, measured
from benchmarks.figures import Figure, bounded

# Share of the items after which processes have started.
_STARTED = 0.2


def add_arguments(parser: Any) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--items", type=int, default=150, help="items of each run")
    parser.add_argument("--turns", type=int, default=3, help="runs of each engine")


def figures(items: int = 150, turns: int = 3) -> Iterator[Figure]:
    """Both engines in turn; the first fifth of each run does not count."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overrides = [*make_large(folder, items, frames=2), "cache_dir=null", "export.report=false"]
        found: dict[str, list[float]] = {f"engine.workers={cores}": [], "engine=ray": []}
        totals: dict[str, list[float]] = {engine: [] for engine in found}
        for turn in range(turns):
            for engine in found:
                rate, seconds = run(folder / f"{engine}-{turn}", [*overrides, engine])
                found[engine].append(rate)
                totals[engine].append(seconds)
    local, ray = (statistics.median(rates) for rates in found.values())
    local_s, ray_s = (statistics.median(seconds) for seconds in totals.values())
    yield bounded(f"engine.workers={cores}, after the start", local, "items/s")
    yield bounded("engine=ray, after the start", ray, "items/s", local, least=0.75 * local)
    yield bounded(f"engine=ray, whole run of {items} items", ray_s, "s", local_s)


def run(folder: Path, overrides: list[str]) -> tuple[float, float]:
    """Items per second after the start of a run, and its seconds."""
    times = folder.with_suffix(".times")

    def work() -> int:
        from pipeline.api import load_config
        from pipeline.console.running import execute

        done: list[float] = []
        config = load_config(overrides)
        execute(config, folder, lambda *_: (nullcontext(), lambda *_: done.append(time.perf_counter())))
        begun = int(_STARTED * len(done))
        times.write_text(str((len(done) - 1 - begun) / (done[-1] - done[begun])), encoding="utf-8")
        return 0

    seconds, _ = measured(work)
    return float(times.read_text(encoding="utf-8")), seconds

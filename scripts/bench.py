"""Runs one of the benchmarks.

Usage: python scripts/bench.py NAME [--check] [options of the benchmark]

Prints one JSON object a line: figure, value, unit, baseline, ratio, reach, ok. Every time is the median of several
runs of this call, baseline and subject in turn; shares and errors of ``nano`` have 95 % intervals (low, high). With
--check the exit code is 1 where a figure misses its reach. NAME --help lists the options that a benchmark has.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import Any

from benchmarks.figures import json_line

NAMES = (
    "overhead",
    "geometry",
    "engine",
    "verify",
    "claims",
    "depth",
    "nano",
    "mutants",
    "real",
    "answers",
    "input",
    "report",
    "batch",
    "batch_bad_input",
    "batch_cache",
    "batch_kills",
    "batch_ray",
    "serve",
    "serve_fuzz",
)


def main() -> int:
    """Run one benchmark and print its figures."""
    # One core, and no thread that waits for another; the benchmarks import NumPy only after this.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a figure misses its reach")
    named = next((argument for argument in sys.argv[1:] if argument in NAMES), None)
    benchmark: Any = importlib.import_module(f"benchmarks.{named}") if named else None
    if hasattr(benchmark, "add_arguments"):
        benchmark.add_arguments(parser)
    options = vars(parser.parse_args())
    check, _ = options.pop("check"), options.pop("name")
    reached = True
    for figure in benchmark.figures(**options):
        print(json_line(figure), flush=True)
        reached = reached and figure.ok
    return int(check and not reached)


if __name__ == "__main__":
    sys.exit(main())

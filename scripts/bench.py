"""Benchmarks: one door for all of them.

Usage: python scripts/bench.py NAME [--check]

Prints one JSON object a line: figure, value, unit, baseline, ratio, reach, ok. Every number is the median of
several runs of this call, baseline and subject in turn. With --check the exit code is 1 where a figure misses
its reach.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from dataclasses import asdict

NAMES = ("overhead", "geometry", "engine", "verify", "claims", "depth")


def main() -> int:
    """Run one benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a figure misses its reach")
    arguments = parser.parse_args()
    # One core, and no thread that waits for another; the benchmarks import NumPy only after this.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    reached = True
    for figure in importlib.import_module(f"benchmarks.{arguments.name}").figures():
        rounded = {key: _rounded(value) if isinstance(value, float) else value for key, value in asdict(figure).items()}
        print(json.dumps(rounded), flush=True)
        reached = reached and figure.ok
    return int(arguments.check and not reached)


def _rounded(value: float) -> float:
    """Four places, or three digits of what is smaller than that."""
    return round(value, 4) if abs(value) >= 0.01 else float(f"{value:.3g}")


if __name__ == "__main__":
    sys.exit(main())

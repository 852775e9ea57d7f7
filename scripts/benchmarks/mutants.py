"""Which small faults in rules and geometry the tests notice.

Plants faults, drawn by seeds, in ``pipeline/verify`` and ``pipeline/geometry``, one at a time, and runs the tests of
these packages that reach the changed line. Faults that no test notices are listed on standard error, with the line
before and after. Those that change nothing that can be observed are named, with the reason, in
``equivalent_mutants.yaml`` and do not count.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.mutant_runs import Bench, Choice, warm_up
from benchmarks.mutant_sample import Mutant, sample, sites

_ROOT = Path(__file__).parents[2]
_SOURCES, _TESTS = ("pipeline/verify", "pipeline/geometry"), ("tests/verify", "tests/geometry")
_REACH = 0.8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--seeds", default="1,2,3", help="seeds of the samples, with commas between them")
    parser.add_argument("--count", type=int, default=120, help="faults of each sample")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="faults that are tried at a time")


def figures(seeds: str, count: int, processes: int) -> Iterator[Figure]:
    """The share of faults that tests notice, of each sample and of all."""
    warm_up()
    equivalent = _equivalent()
    killed = counted = 0
    with tempfile.TemporaryDirectory() as folder:
        benches = [Bench(_ROOT, Path(folder) / str(number), _TESTS) for number in range(processes)]
        # From here on the copies alone are read: the checkout may change meanwhile.
        root = benches[0].folder
        places = sites(root, _SOURCES)
        choice = Choice(root, *benches[0].reached(_SOURCES))
        for seed in map(int, seeds.split(",")):
            drawn = sample(root, places, seed, count)
            planted = [mutant for mutant in drawn if _key(mutant) not in equivalent]
            survived = _survivors(planted, benches, choice)
            share = 1 - len(survived) / len(planted)
            yield Figure(f"mutants killed, seed {seed}, {len(drawn) - len(planted)} equivalent", share, "share")
            killed, counted = killed + len(planted) - len(survived), counted + len(planted)
    yield Figure(f"mutants killed of {counted}", killed / counted, "share", reach=_REACH, ok=killed >= _REACH * counted)


def _survivors(mutants: list[Mutant], benches: list[Bench], choice: Choice) -> list[Mutant]:
    """Those that no test notices; each is shown when it is found."""
    free, lock = list(benches), threading.Lock()

    def survives(mutant: Mutant) -> bool:
        with lock:
            bench = free.pop()
        try:
            tests = choice.tests(mutant.file, mutant.line)
            killed = bench.kills(mutant, tests, sum(choice.seconds[test] for test in tests))
        finally:
            with lock:
                free.append(bench)
        if not killed:
            print(f"{mutant.file}:{mutant.line}\n- {mutant.before}\n+ {mutant.after}", file=sys.stderr, flush=True)
        return not killed

    with ThreadPoolExecutor(len(benches)) as pool:
        return [mutant for mutant, alive in zip(mutants, pool.map(survives, mutants), strict=True) if alive]


def _key(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.file, "".join(mutant.before.split()), "".join(mutant.after.split())


def _equivalent() -> set[tuple[str, str, str]]:
    """Faults that change nothing, as (file, line before, line after) without blanks."""
    import yaml

    listed = yaml.safe_load((Path(__file__).parent / "equivalent_mutants.yaml").read_text("utf-8")) or []
    return {(entry["file"], "".join(entry["before"].split()), "".join(entry["after"].split())) for entry in listed}

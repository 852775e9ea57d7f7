"""The cache of stage outputs: what a put and a get cost, and whether two processes keep it sound and bounded."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, against, bounded, in_turn

_OPERATIONS = 100_000
_BOUND_BYTES = 40_000_000
# All outputs together take about four times the bound, so that most puts remove something.
_OUTPUTS = 4000
_LONGEST_BYTES = 80_000
_SAMPLE_S = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--operations", type=int, default=_OPERATIONS, help="gets and puts of both processes together")


@dataclass(frozen=True)
class Shared:
    """What two processes did to one cache.

    Args:
        operations: Their gets and puts.
        seconds: How long they took.
        puts: How many of the operations were puts.
        bad_reads: Gets with another content than was put, or with a warning.
        most_share: The most that lay on the disk at any time, as a share of the bound.
        last_share: What lay there in the end.
    """

    operations: int
    seconds: float
    puts: int
    bad_reads: int
    most_share: float
    last_share: float


def share_cache(folder: Path, operations: int, bound_bytes: int = _BOUND_BYTES, outputs: int = _OUTPUTS) -> Shared:
    """Let two processes get and put outputs of one cache, while this one looks at the files.

    Args:
        folder: The cache.
        operations: Gets and puts of both together.
        bound_bytes: Bound of the cache.
        outputs: Number of different outputs.
    """
    from pipeline.stages.store.layout import FORMAT, walk

    path = os.pathsep.join(entry for entry in sys.path if entry)
    arguments = [str(operations // 2), str(bound_bytes), str(outputs)]
    start = time.perf_counter()
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.batch_cache", str(folder), str(seed), *arguments],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(2)
    ]
    most_bytes = 0
    while any(worker.poll() is None for worker in workers):
        most_bytes = max(most_bytes, sum(found.size_bytes for found in walk(folder / FORMAT)))
        time.sleep(_SAMPLE_S)
    seconds = time.perf_counter() - start
    puts = bad_reads = 0
    for worker in workers:
        written = worker.communicate()[0]
        if worker.returncode:
            raise RuntimeError(f"A worker ended with code {worker.returncode}.")
        counts = json.loads(written)
        puts, bad_reads = puts + counts["puts"], bad_reads + counts["bad_reads"]
    last_bytes = sum(found.size_bytes for found in walk(folder / FORMAT))
    return Shared(2 * (operations // 2), seconds, puts, bad_reads, most_bytes / bound_bytes, last_bytes / bound_bytes)


def _work(folder: str, seed: int, operations: int, bound_bytes: int, outputs: int) -> None:
    """One of the processes: gets outputs, and puts those that are missing."""
    from pipeline.stages.store.layout import name_of
    from pipeline.stages.store.store import Store

    warnings: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("pipeline").addHandler(handler)
    store, chosen = Store(Path(folder), bound_bytes), random.Random(seed)
    done = puts = bad_reads = 0
    while done < operations:
        # Low numbers are asked for more often.
        number = int(outputs * chosen.random() ** 2)
        stage, parts = "ocr" if number % 3 else "depth", (f"model {number % 2}", str(number))
        name, expected = name_of(stage, parts), _content(number)
        found = store.get(name)
        done += 1
        if found is None:
            store.put(name, [expected])
            done, puts = done + 1, puts + 1
        elif bytes(found) != expected:
            bad_reads += 1
    store.close()
    for warning in warnings[:5]:
        print(warning, file=sys.stderr)
    print(json.dumps({"puts": puts, "bad_reads": bad_reads + len(warnings)}))


def _content(number: int) -> bytes:
    """The output with this number, of 32 bytes to 80 kB."""
    digest = hashlib.sha256(str(number).encode()).digest()
    return digest * (1 + int.from_bytes(digest[:4], "little") % (_LONGEST_BYTES // len(digest)))


def figures(operations: int = _OPERATIONS) -> Iterator[Figure]:
    """Times of puts and gets against what version 1 of the cache did, and two processes on one cache."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _times(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        shared = share_cache(Path(folder), operations)
    name = f"two processes, {shared.operations} operations, {shared.puts} of them puts"
    yield bounded(f"{name}: bad reads", shared.bad_reads, "reads", most=0)
    yield bounded(f"{name}: most on disk", shared.most_share, "of the bound", most=1.05)
    yield bounded(f"{name}: on disk in the end", shared.last_share, "of the bound", least=0.95, most=1.05)
    yield Figure(f"{name}: of each process", 2e3 * shared.seconds / shared.operations, "ms an operation")


def _times(folder: Path) -> Iterator[Figure]:
    import cv2
    import numpy as np

    from pipeline.models.vlm.base import Generation
    from pipeline.records import DepthMap, from_json, to_json
    from pipeline.stages.cache import StageCache
    from pipeline.stages.store.layout import name_of
    from pipeline.stages.store.store import Store

    cv2.setNumThreads(1)
    generator = np.random.default_rng(0)
    # As a network gives it: a quarter of the side, enlarged.
    small = cv2.GaussianBlur(generator.uniform(1, 5, (120, 160)).astype(np.float32), (0, 0), 3)
    values = cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC)
    depth = DepthMap(values, np.ones(values.shape, dtype=bool), "metric", "model", "network")  # type: ignore[arg-type]
    record = Generation("The mug is left of the box. " * 40, "model", settings={"top_k": 20})
    noise = generator.bytes(150_000)
    cache, store = StageCache(folder / "cache", 10**9), Store(folder / "bytes", 10**9)
    numbers: Iterator[int] = count()

    def plain(content: bytes, *, suffix: str = "bin") -> Path:
        path = folder / f"{next(numbers)}.{suffix}"
        temporary = folder / f".{path.name}"
        temporary.write_bytes(content)
        os.replace(temporary, path)
        return path

    def plain_depth() -> Path:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, values=depth.values, valid=depth.valid)
        return plain(buffer.getvalue(), suffix="npz")

    def plain_read() -> Any:
        with np.load(depth_file) as arrays:
            return DepthMap(arrays["values"], arrays["valid"], "metric", "model", "network")  # type: ignore[arg-type]

    depth_file, text_file, noise_file = plain_depth(), plain(to_json(record).encode()), plain(noise)
    cache.save_depth(("model", "0"), depth)
    cache.save("vlm", ("model", "0"), record)
    store.put(name_of("vlm", ("model", "0")), [noise])
    size_kb = next(path.stat().st_size for path in (folder / "cache").rglob("depth/*/*/*")) / 1000
    yield bounded("size of a depth map of 640 x 480", size_kb, "kB", depth_file.stat().st_size / 1000, most=800)
    before, now = in_turn(9, plain_depth, lambda: cache.save_depth(("model", str(next(numbers))), depth))
    yield against("put of that depth map, against a compressed npz", now, before, 0.25)
    before, now = in_turn(25, plain_read, lambda: cache.load_depth(("model", "0")))
    yield against("get of that depth map, against the npz", now, before, 0.5)
    before, now = in_turn(
        25,
        lambda: plain(to_json(record).encode()),
        lambda: cache.save("vlm", ("model", str(next(numbers))), record),
        repeats=20,
    )
    yield against("put of a record of 1 kB, against a plain file", now, before, 2)
    before, now = in_turn(
        25,
        lambda: from_json(Generation, text_file.read_bytes()),
        lambda: cache.load(Generation, "vlm", ("model", "0")),
        repeats=20,
    )
    yield against("get of that record, against a plain file", now, before, 2)
    before, now = in_turn(
        25, lambda: plain(noise), lambda: store.put(name_of("vlm", ("model", str(next(numbers)))), [noise]), repeats=10
    )
    yield against("put of 150 kB, against a plain file without checksum", now, before, 4)
    before, now = in_turn(25, noise_file.read_bytes, lambda: store.get(name_of("vlm", ("model", "0"))), repeats=10)
    yield bounded("get of 150 kB, beside a plain file without checksum", now, "ms", before, most=0.5)


if __name__ == "__main__":
    _work(sys.argv[1], *map(int, sys.argv[2:]))

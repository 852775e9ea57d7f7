"""Costs of batches: memory, time per item, resuming, judging again, and what a second worker gains."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.batch_kills import make_batch, run_batch, silence
from benchmarks.figures import Figure, bounded, growth

WIDTH, HEIGHT, REGIONS, CLAIMS = 640, 480, 6, 15
_PLAIN = ("cache_dir=null", "export.report=false", "export.overlay=false", "export.scenes=false")


def add_arguments(parser: Any) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--items", type=int, default=1000, help="items of 640 x 480 px of the larger batches")
    parser.add_argument("--only", default="", help="the one part to measure: memory, engine, resuming or workers")


def figures(items: int = 1000, only: str = "") -> Iterator[Figure]:
    """All figures; some minutes each."""
    parts: dict[str, Callable[[Path], Iterator[Figure]]] = {
        "memory": memory,
        "engine": engine,
        "resuming": lambda folder: resuming(folder, items),
        "workers": lambda folder: workers(folder, items),
    }
    with tempfile.TemporaryDirectory() as name:
        for part, measure in parts.items():
            if only in ("", part):
                yield from measure(Path(name))


def memory(folder: Path) -> Iterator[Figure]:
    """Peak memory of many items against few."""
    from pipeline.api import load_config

    place = folder / "small"
    place.mkdir()
    overrides = [*make_batch(place, 5000), *_PLAIN]
    peaks = []
    for count in (50, 5000):
        _, peak_mb = measured(
            lambda count=count: run_batch(load_config(overrides), place / f"out-{count}", limit=count)
        )
        peaks.append(peak_mb)
    yield growth("peak memory of 5 000 items against 50", peaks[1], peaks[0], 10)
    seconds, _ = measured(lambda: run_batch(load_config(overrides), place / "out-5000", resume=True))
    yield bounded("second run of a finished batch of 5 000 items", seconds, "s")


def engine(folder: Path) -> Iterator[Figure]:
    """What the engine, the cache and the log add to reading and judging an item; models and pictures aside."""
    from pipeline.api import load_config

    place, items = folder / "engine", 500
    place.mkdir()
    make_batch(place, items)
    lines = [json.loads(line) for line in (place / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in lines:
        del line["question"]
        line["claims"] = [{"relation": "closer", "subject": "box", "object": "jar"}]
    (place / "items.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    plain = [f"input={place / 'items.jsonl'}", "depth=file", "vlm=none", *_PLAIN]
    config = load_config([*plain, f"cache_dir={place / 'cache'}"])
    batches, loops = [], []
    for number in range(3):
        out = place / f"out-{number}"
        batches.append(measured(lambda out=out: run_batch(config, out))[0])
        loops.append(measured(lambda: plain_loop(plain, None))[0])
    batch, loop = sorted(batches)[1] / items * 1e3, sorted(loops)[1] / items * 1e3
    yield bounded("engine and cache, models and pictures aside", batch - loop, "ms per item", loop, most=5)


def resuming(folder: Path, items: int) -> Iterator[Figure]:
    """A finished batch once more, and judged again after a change of the verifier."""
    from pipeline.api import load_config

    place = folder / "large"
    place.mkdir()
    overrides = [*make_large(place, items), *_PLAIN]
    measured(lambda: run_batch(load_config(overrides), place / "out"))
    seconds, _ = measured(lambda: run_batch(load_config(overrides), place / "out", resume=True))
    yield bounded(f"second run of a finished batch of {items} items", seconds, "s", most=2)
    again = [*overrides, "verify.verifier.risk=0.01"]
    seconds, _ = measured(lambda: run_batch(load_config(again), place / "out", resume=True))
    yield bounded(
        f"judging {items} items of {REGIONS} regions and {CLAIMS} claims again", items / seconds, "items/s", least=20
    )


def workers(folder: Path, items: int) -> Iterator[Figure]:
    """What two workers gain over one, and over a plain loop, against two processes of plain NumPy."""
    from pipeline.api import load_config

    place = folder / "pictures"
    place.mkdir()
    overrides = [*make_large(place, items), "cache_dir=null"]

    def batch(count: int) -> float:
        config = load_config([*overrides, f"engine.workers={count}"])
        return measured(lambda: run_batch(config, place / f"out-{count}"))[0]

    plain = [plain_seconds(1), plain_seconds(2)]
    one, two = batch(1), batch(2)
    plain += [plain_seconds(1), plain_seconds(2)]
    loop = measured(lambda: plain_loop(overrides, place / "loop"))[0]
    gain = (plain[0] + plain[2]) / (plain[1] + plain[3])
    yield bounded("gain of two processes of plain NumPy over one", gain, "times")
    yield bounded(f"{items} items with pictures, one worker", one / items * 1e3, "ms per item")
    yield bounded("gain of two workers over one", one / two, "times", gain, least=0.85 * gain)
    yield bounded(
        "gain of two workers over a plain loop over Pipeline.judge", loop / two, "times", gain, least=0.8 * gain
    )


def plain_seconds(processes: int) -> float:
    """Time for a fixed amount of NumPy work in so many processes [s]."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(_numpy_work, [1] * processes))
        started = time.perf_counter()
        list(pool.map(_numpy_work, [20] * 16))
        return time.perf_counter() - started


def _numpy_work(rounds: int) -> float:
    values = np.random.default_rng(0).random((480, 640))
    return float(sum(np.sort(np.sqrt(values + index), axis=1).sum() for index in range(rounds)))


def plain_loop(overrides: list[str], folder: Path | None) -> int:
    """Judge the same items one after another through the library, with the same files."""
    from pipeline import Pipeline
    from pipeline.config.build import build_source
    from pipeline.ingest.item import Item
    from pipeline.records.errors import InputError

    pipeline = Pipeline.from_config(overrides)
    source = build_source(pipeline.config)
    for item in source.items():
        if not isinstance(item, Item):
            continue
        with suppress(InputError):
            scene = source.scene(item)
            pipeline.judge(
                scene.frames, scene.claims, scene.regions, item_id=item.id, output_dir=folder, keep_scene=False
            )
    return 0


def make_large(folder: Path, items: int, frames: int = 1) -> list[str]:
    """Write items with depth, regions and claims; photos and depth of ten serve all.

    Args:
        folder: Where they go.
        items: Their number.
        frames: Frames of each; regions lie in the first one.

    Returns:
        The overrides that run them.
    """
    from PIL import Image

    chance = np.random.default_rng(0)
    names = [f"object {index}" for index in range(REGIONS)]
    boxes = [[40 + 95 * index, 120 + 20 * (index % 3), 110 + 95 * index, 320 + 10 * index] for index in range(REGIONS)]
    for index in range(10):
        depth = np.full((HEIGHT, WIDTH), 4000.0) + chance.normal(0, 4, (HEIGHT, WIDTH))
        rgb = chance.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        for number, (left, top, right, bottom) in enumerate(boxes):
            depth[top + 8 : bottom - 8, left + 8 : right - 8] -= 400 * (number + 1) + 7 * index
            rgb[top + 8 : bottom - 8, left + 8 : right - 8] += np.uint8(30 * number)
        Image.fromarray(rgb).save(folder / f"photo-{index}.jpg")
        Image.fromarray(depth.astype(np.uint16)).save(folder / f"depth-{index}.png")
    relations = ("in_front_of", "left_of")
    pairs = [(one, other) for one in range(REGIONS) for other in range(one)][:CLAIMS]
    claims = [
        {"relation": relations[number % 2], "subject": names[one], "object": names[other]}
        for number, (one, other) in enumerate(pairs)
    ]
    regions = [{"label": name, "box_px": box} for name, box in zip(names, boxes, strict=True)]
    lines = [
        {"id": f"item-{index:05d}", "depth_scale": 0.001, "regions": regions, "claims": claims,
         "frames": [f"photo-{(index + frame) % 10}.jpg" for frame in range(frames)],
         "depth": [f"depth-{(index + frame) % 10}.png" for frame in range(frames)]}
        for index in range(items)
    ]  # fmt: skip
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return [f"input={folder / 'items.jsonl'}", "depth=file", "vlm=none"]


def measured(work: Callable[[], int]) -> tuple[float, float]:
    """Seconds and peak memory [MiB] of work in a copy of this process."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        code = 70
        try:
            silence()
            started = time.perf_counter()
            code = work()
            os.write(write, f"{time.perf_counter() - started}".encode())
        finally:
            os._exit(code)
    os.close(write)
    _, status, usage = os.wait4(process, 0)
    code = os.waitstatus_to_exitcode(status)
    seconds = float(os.read(read, 64) or "nan")
    os.close(read)
    if code not in (0, 1):
        raise RuntimeError(f"the run ended with exit code {code}")
    return seconds, usage.ru_maxrss / 1024

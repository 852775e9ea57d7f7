"""Time to first token, speed and memory of the Qwen3-VL engine on an accelerator.

Usage: python scripts/bench_gpu.py [--new-tokens N]

Builds a model of the exact Qwen3-VL-2B architecture with random weights, whose times are those of the real one, and
asks about one and about three frames of 640 x 480 px. Without an accelerator it says so, and measures a small model of
the same architecture on the CPU instead: its figures say nothing about a GPU. Prints one JSON object a line, as
bench.py does; the figures that the field quotes stand beside for comparison and were measured by others on other
machines.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, bounded, json_line
from benchmarks.plain import PlainQwen3VL, noise, request
from random_qwen3vl import build_random_qwen3vl

WIDTH_PX, HEIGHT_PX = 640, 480
ROUNDS = 7
# Quoted for Qwen3-VL-2B on an RTX 4090D, cold [ms], by number of frames.
QUOTED_COLD_MS = {1: 80.0, 3: 220.0}
REACH_COLD_MS = {3: 150.0}
REACH_WARM_MS = 40.0


def figures(device: str, new_tokens: int) -> Iterator[Figure]:
    """Measure on a device, ``cuda``, ``mps`` or ``cpu``."""
    import torch

    from pipeline.models.device import choose_dtype
    from pipeline.models.vlm.qwen3vl import Qwen3VL

    on_gpu = device != "cpu"
    dtype = str(choose_dtype(torch.device(device))).removeprefix("torch.")
    with tempfile.TemporaryDirectory() as name:
        size = "2b" if on_gpu else "small"
        folder = str(build_random_qwen3vl(Path(name) / size, size, device=device, dtype=dtype))
        model = Qwen3VL(folder, device=device, dtype=dtype, max_new_tokens=new_tokens, min_pixels=1024)
        for frames in (1, 3):
            yield from _one_size(model, frames, new_tokens, on_gpu)
        if device == "cuda":
            yield Figure("peak memory", torch.cuda.max_memory_allocated() / 2**30, "GiB")
        plain = PlainQwen3VL(folder, new_tokens=1, device=device, dtype=dtype)
        for frames in (1, 3):
            times = []
            for index in range(ROUNDS):
                asked = request([_frame(1000 + 10 * index + number) for number in range(frames)], "Where is the cup?")
                start = time.perf_counter()
                plain.answer(asked)
                times.append((time.perf_counter() - start) * 1e3)
            yield Figure(f"{frames} frame(s), time to first token, transformers' generate", _median(times), "ms")


def _one_size(model: Any, frames: int, new_tokens: int, on_gpu: bool) -> Iterator[Figure]:
    cold, warm, speeds, together = [], [], [], []
    tokens = 0
    for index in range(ROUNDS):
        images = [_frame(100 * frames + 10 * index + number) for number in range(frames)]
        first = model.generate(request(images, "Where is the cup?"))
        second = model.generate(request(images, "Is the lamp behind it?"))
        cold.append(first.timings["first_token_s"] * 1e3)
        warm.append(second.timings["first_token_s"] * 1e3)
        speeds.append((second.completion_tokens - 1) / second.timings["decode_s"])
        tokens = first.prompt_tokens
        asked = [request(images, f"Is the cup number {number} left of the box?") for number in range(8)]
        start = time.perf_counter()
        answers = model.generate_all(asked)
        together.append(sum(answer.completion_tokens for answer in answers) / (time.perf_counter() - start))
    label = f"{frames} frame(s), {tokens} prompt tokens"
    quoted = QUOTED_COLD_MS[frames] if on_gpu else None
    reach = REACH_COLD_MS.get(frames) if on_gpu else None
    yield bounded(f"{label}, time to first token, cold", _median(cold), "ms", quoted, most=reach)
    warm_reach = REACH_WARM_MS if on_gpu else None
    yield bounded(f"{label}, time to first token, follow-up", _median(warm), "ms", most=warm_reach)
    yield Figure(f"{label}, one answer of {new_tokens}", statistics.median(speeds), "tokens/s")
    yield Figure(f"{label}, 8 answers together, first tokens included", statistics.median(together), "tokens/s")


def _median(times: list[float]) -> float:
    # The first rounds choose kernels.
    return statistics.median(times[2:])


def _frame(seed: int) -> Any:
    return noise(seed, WIDTH_PX, HEIGHT_PX)


def main() -> int:
    """Measure on the best device there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--new-tokens", type=int, default=64, help="length of each answer [tokens]")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.basicConfig(level=logging.ERROR, format="%(message)s")

    from pipeline.models.device import choose_device

    device = choose_device().type
    if device == "cpu":
        print("No accelerator was found: a small model runs on the CPU, and its figures say nothing about a GPU.",
              file=sys.stderr)  # fmt: skip
    for figure in figures(device, arguments.new_tokens):
        print(json_line(figure, device=device), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

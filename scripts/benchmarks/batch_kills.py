"""Kills a batch at random moments and resumes it: every result once, and equal to those of an unbroken run.

Items have their own depth and recorded answers. Processes are forked from one that has loaded everything, so that a
kill hits the run and not the start of Python.
"""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.figures import Figure, bounded

WIDTH, HEIGHT = 96, 72
TORN_EVERY = 13


@dataclass
class Outcome:
    """What became of a batch that was killed.

    Args:
        kills: Processes that were killed.
        runs: Batches that these belonged to.
        wrong: What differs from the unbroken run, one sentence each.
    """

    kills: int
    runs: int
    wrong: list[str]


def figures() -> Iterator[Figure]:
    """50 kills of a batch of 200 items."""
    with tempfile.TemporaryDirectory() as name:
        outcome = kill_and_resume(Path(name), items=200, kills=50)
    yield bounded("differences after 50 kills of a 200-item batch", len(outcome.wrong), "", most=0)


def kill_and_resume(folder: Path, items: int, kills: int, seed: int = 0) -> Outcome:
    """Run a batch to its end, and further batches with kills at random moments until there were enough."""
    import cv2

    from pipeline.api import load_config

    chance = random.Random(seed)
    # Threads do not live on in a copy of the process.
    cv2.setNumThreads(1)
    config = load_config(make_batch(folder, items))
    run_batch(config, folder / "warm", limit=2)
    finish(fork(config, folder / "unbroken"))
    expected = contents(folder / "unbroken")
    most_new = max(1, round(1.6 * len(expected["results"]) / kills))
    outcome = Outcome(0, 0, [])
    while outcome.kills < kills:
        out = folder / f"killed-{outcome.runs}"
        outcome.runs += 1
        while outcome.kills < kills:
            process = fork(config, out, resume=True)
            if ends_before(process, out, chance.randint(0, most_new), chance.uniform(0, 0.03)):
                break
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            outcome.kills += 1
        finish(fork(config, out, resume=True))
        outcome.wrong += [f"{out.name}: {line}" for line in compared(expected, contents(out))]
    return outcome


def make_batch(folder: Path, items: int) -> list[str]:
    """Write photos, depth, answers and a manifest; some photos are torn.

    Returns:
        The overrides that run them.
    """
    from PIL import Image

    answers, lines = [], []
    for index in range(items):
        name = f"item-{index:04d}"
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        left = 8 + index % 20
        near = (columns >= left) & (columns < left + 24) & (rows >= 20) & (rows < 60)
        far = (columns >= left + 36) & (columns < left + 60) & (rows >= 20) & (rows < 60)
        depth = np.where(near, 1000, np.where(far, 2000, 3000)) + index % 50
        rgb = np.where(near, 200, np.where(far, 120, 40)).astype(np.uint8)
        Image.fromarray(np.stack([rgb, rgb, rgb], axis=2)).save(folder / f"{name}.png")
        Image.fromarray(depth.astype(np.uint16)).save(folder / f"{name}-depth.png")
        if index % TORN_EVERY == TORN_EVERY - 1:
            path = folder / f"{name}.png"
            path.write_bytes(path.read_bytes()[:50])
        boxes = [[left, 20, left + 24, 60], [left + 36, 20, left + 60, 60]]
        regions = [{"label": label, "box_px": box} for label, box in zip(("box", "jar"), boxes, strict=True)]
        questions = ["Which is closer?", "Which is on the left?"][: 1 + index % 2]
        lines.append(
            {"id": name, "frames": [f"{name}.png"], "depth": [f"{name}-depth.png"], "depth_scale": 0.001,
             "regions": regions, "question": questions}
        )  # fmt: skip
        answers.append({"id": name, "question": questions[0], "response": "The box is closer than the jar."})
        if index % 2:
            answers.append({"id": name, "question": questions[1], "response": "The box is left of the jar."})
    for file, entries in (("items.jsonl", lines), ("answers.jsonl", answers)):
        (folder / file).write_text("\n".join(map(json.dumps, entries)), encoding="utf-8")
    return [
        f"input={folder / 'items.jsonl'}", "depth=file", "vlm=recorded", f"vlm.path={folder / 'answers.jsonl'}",
        "cache_dir=null", "export.report=false",
    ]  # fmt: skip


def fork(config: Any, folder: Path, resume: bool = False) -> int:
    """Start a run in a copy of this process; its id."""
    process = os.fork()
    if process == 0:
        code = 70
        try:
            silence()
            code = run_batch(config, folder, resume)
        finally:
            os._exit(code)
    return process


def ends_before(process: int, folder: Path, new: int, further_s: float) -> bool:
    """Wait until a process has written so many further results, and a moment longer; whether it ended first.

    Progress and not time alone sets the moment, so that a busy machine is killed all along its work too.
    """
    path = folder / "results.jsonl"
    before = path.read_bytes().count(b"\n") if path.exists() else 0
    while not path.exists() or path.read_bytes().count(b"\n") < before + new:
        if os.waitpid(process, os.WNOHANG)[0]:
            return True
        time.sleep(0.001)
    time.sleep(further_s)
    return bool(os.waitpid(process, os.WNOHANG)[0])


def silence() -> None:
    """Send standard output and standard error of this process nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)


def run_batch(
    config: Any, folder: Path, resume: bool = False, limit: int | None = None, overrides: Sequence[str] = ()
) -> int:
    """Run a batch in this process as the command line does; 1 if items failed."""
    from contextlib import nullcontext

    from pipeline.console.running import execute

    config = config.copy()
    config.resume, config.limit = resume, limit
    summary = execute(config, folder, lambda *_: (nullcontext(), lambda *_: None), overrides)
    return 1 if summary.failures else 0


def finish(process: int) -> None:
    """Wait for a run to its end; exit code 1 means that items failed, as torn ones must."""
    _, status = os.waitpid(process, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        raise RuntimeError(f"the run ended with exit code {code}")


def contents(folder: Path) -> dict[str, Any]:
    """Results as they stand, failures, and the bytes of every other file that has no times."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    found: dict[str, Any] = {
        name: path.read_bytes() for name, path in files.items() if name.startswith(("scenes/", "overlays/", "images/"))
    }
    found["results"] = (folder / "results.jsonl").read_bytes().splitlines()
    found["failures"] = [
        {key: value for key, value in json.loads(line).items() if key != "command"}
        for line in (folder / "failures.jsonl").read_bytes().splitlines()
    ]
    return found


def compared(expected: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    """What differs, one sentence each."""
    repeated = [line for line, count in Counter(found["results"]).items() if count > 1]
    if repeated:
        yield f"{len(repeated)} results are there twice"
    for name in sorted(expected.keys() | found.keys()):
        if name not in found or name not in expected:
            yield f"{name} is {'missing' if name not in found else 'left over'}"
        elif name == "failures":
            if sorted(map(str, found[name])) != sorted(map(str, expected[name])):
                yield f"{len(found[name])} failures instead of {len(expected[name])}"
        elif found[name] != expected[name]:
            yield f"{name} differs"

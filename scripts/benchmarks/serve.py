"""The server with the small models: many clients against one, follow-up questions, what it adds, and its health."""

from __future__ import annotations

import statistics
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.figures import Figure, bounded, growth
from benchmarks.serve_clients import SIDE_PX, Scene, Server, scene_of, serving

CLIENTS = 8


def add_arguments(parser: ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--in-process", action="store_true", help="call the service itself instead of HTTP")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each comparison")
    parser.add_argument("--load-s", type=float, default=60.0, help="time with 32 clients [s]")
    parser.add_argument("--only", default="", help="the one part to measure: together, follow, adds, health or load")
    parser.add_argument(
        "--with", dest="overrides", action="append", default=[], help="an override of the configuration"
    )


def figures(in_process: bool, rounds: int, load_s: float, only: str, overrides: Sequence[str]) -> Iterator[Figure]:
    """All figures."""
    parts: dict[str, Callable[[Any], Iterator[Figure]]] = {
        "together": lambda server: _together(server, rounds),
        "follow": lambda server: _follow_up(server, 3 * rounds),
        "adds": lambda server: _adds(server, 5 * rounds),
        "health": _health,
        "load": lambda server: _load(server, load_s),
    }
    for name, part in parts.items():
        if only in ("", name):
            # One thread where it is compared with this process, which has one.
            with serving(not in_process, *overrides, default_threads=name != "adds") as server:
                yield from part(server)


def _timed_s(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def _at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Do tasks in threads that begin together."""
    barrier = threading.Barrier(len(tasks))
    failures: list[BaseException] = []

    def run(task: Callable[[], object]) -> None:
        barrier.wait()
        try:
            task()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _together(server: Server, rounds: int) -> Iterator[Figure]:
    """Clients at once against one in sequence; each side gets scenes that the server never saw."""
    seeds = iter(range(1000, 9999))
    for each in (1, CLIENTS):
        count = CLIENTS * each
        words = f"{CLIENTS} clients with {each} question{'s' if each > 1 else ''} each"
        for name, is_one, reach in (("one scene", True, 3.0), ("different scenes", False, 1.2)):
            together, alone = [], []
            for _ in range(rounds if each == 1 else max(1, rounds // 2)):
                for found, run in ((alone, _in_sequence), (together, _by_all)):
                    # Per client its scene and its questions.
                    if is_one:
                        scene = scene_of(next(seeds), count)
                        own = [(scene, scene.questions[k::CLIENTS]) for k in range(CLIENTS)]
                    else:
                        own = [(scene := scene_of(next(seeds), each), scene.questions) for _ in range(CLIENTS)]
                    places = {id(scene): server.upload(scene.png) for scene, _ in own}
                    found.append(run(server, [(places[id(scene)], questions) for scene, questions in own]))
            ours, theirs = statistics.median(together) * 1e3, statistics.median(alone) * 1e3
            ratio = theirs / ours
            yield Figure(f"{words} about {name}", ours, "ms", theirs, ratio, reach, ratio >= reach)


def _in_sequence(server: Server, own: Sequence[tuple[str, Sequence[str]]]) -> float:
    def ask() -> None:
        for scene, questions in own:
            for question in questions:
                server.ask(scene, [question], "alone")

    return _timed_s(ask)


def _by_all(server: Server, own: Sequence[tuple[str, Sequence[str]]]) -> float:
    """Each client sends all its questions at once."""
    tasks = [partial(server.ask, *pair, f"client {client}") for client, pair in enumerate(own)]
    return _timed_s(lambda: _at_once(tasks))


def _follow_up(server: Server, rounds: int) -> Iterator[Figure]:
    """About the smallest scenes, and about those of the size of a small photo."""
    for side_px in (SIDE_PX, 640):
        first, second = [], []
        for seed in range(10_000, 10_000 + rounds):
            scene = scene_of(seed, 2, side_px)
            place = server.upload(scene.png)
            for found, question in zip((first, second), scene.questions, strict=True):
                found.append(1e3 * _timed_s(lambda place=place, question=question: server.ask(place, [question], "1")))
        ours, baseline = statistics.median(second), statistics.median(first)
        name = f"follow-up question against the first, {side_px} x {side_px} px"
        yield Figure(name, ours, "ms", baseline, baseline / ours, 3.0, baseline >= 3 * ours)


def _adds(server: Any, rounds: int) -> Iterator[Figure]:
    """Time of a first question against that of ``Pipeline.ask`` in this process; scene by scene, in turn."""
    import io

    import numpy as np
    from PIL import Image

    from pipeline.api import Pipeline

    pipeline = getattr(server, "pipeline", None) or Pipeline.from_config(["cache_dir=null"], config_name="serve")
    pipeline.ask(np.zeros((64, 64, 3), np.uint8), "Ready?")
    # A pipeline that the server shares would know the scene from the other side's turn.
    apart = 5000 if hasattr(server, "pipeline") else 0
    plain, served, outside = [], [], []
    for seed in range(20_000, 20_000 + rounds):
        scene, other = scene_of(seed, 1), scene_of(seed + apart, 1)
        rgb = np.array(Image.open(io.BytesIO(scene.png)))
        place = server.upload(other.png)

        def ask_plainly(rgb: Any = rgb, scene: Scene = scene) -> Mapping[str, float]:
            return pipeline.ask(rgb, scene.questions[0]).seconds

        def ask_server(place: str = place, other: Scene = other) -> Mapping[str, float]:
            seconds: dict[str, float] = server.ask(place, other.questions[:1], "one")[0]["seconds"]
            return seconds

        rest = {}
        for found, task in [(plain, ask_plainly), (served, ask_server)][:: 1 if seed % 2 else -1]:
            start = time.perf_counter()
            seconds = task()
            found.append(1e3 * (time.perf_counter() - start))
            rest[task] = found[-1] - 1e3 * sum(seconds[stage] for stage in ("depth", "query", "verify"))
        outside.append(rest[ask_server] - rest[ask_plainly])
    own = statistics.median(plain)
    added = statistics.median(ours - theirs for ours, theirs in zip(served, plain, strict=True))
    yield bounded("time that the server adds to Pipeline.ask", added, "ms", own, most=30.0)
    yield bounded("the same as a share", 100 * added / own, "%", most=10.0)
    yield bounded("the same without depth, model and verifier", statistics.median(outside), "ms", own, most=30.0)


def _health(server: Server) -> Iterator[Figure]:
    """While eight clients keep the model at work, against none."""
    idle = statistics.median([1e3 * server.health_s() for _ in range(200)])
    scenes = [scene_of(seed, 40) for seed in range(30_000, 30_000 + CLIENTS)]
    places = [server.upload(scene.png) for scene in scenes]
    ended = threading.Event()

    def ask(scene: Scene, place: str, client: int) -> None:
        for question in scene.questions:
            if ended.is_set():
                return
            server.ask(place, [question], f"client {client}")

    threads = [
        threading.Thread(target=ask, args=(scene, place, number), daemon=True)
        for number, (scene, place) in enumerate(zip(scenes, places, strict=True))
    ]
    for thread in threads:
        thread.start()
    times = []
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        times.append(server.health_s() * 1e3)
        time.sleep(0.01)
    ended.set()
    for thread in threads:
        thread.join()
    times.sort()
    yield Figure("health while the model works, median", statistics.median(times), "ms", idle)
    yield bounded("health while the model works, p99", times[int(0.99 * len(times))], "ms", most=50.0)


def _load(server: Server, seconds: float) -> Iterator[Figure]:
    """32 clients, each about its own scene that it knows: nothing is mixed up, and memory stays."""
    clients = 32
    scenes = [scene_of(seed, 200) for seed in range(40_000, 40_000 + clients)]
    places = [server.upload(scene.png) for scene in scenes]
    known = [server.ask(place, scene.questions[:1], "known")[0] for place, scene in zip(places, scenes, strict=True)]
    counts, wrong, memory = [0] * clients, [0] * clients, []
    deadline = time.monotonic() + seconds

    def ask(client: int) -> None:
        turn = 0
        while time.monotonic() < deadline:
            question = scenes[client].questions[turn % 200]
            turn += 1
            (found,) = server.ask(places[client], [question], f"client {client}")
            counts[client] += 1
            is_own = found["question"] == question and _frame(found) == _frame(known[client])
            is_same = turn > 1 or found["answer"]["text"] == known[client]["answer"]["text"]
            wrong[client] += not (is_own and is_same)

    threads = [threading.Thread(target=ask, args=(client,), daemon=True) for client in range(clients)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    while time.monotonic() < deadline:
        memory.append(server.resident_mb())
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    third = len(memory) // 3
    yield Figure("questions of 32 clients", sum(counts) / (time.monotonic() - begun), "1/s")
    yield bounded("answers that were mixed up", sum(wrong), "answers", most=0)
    yield growth(
        "memory of the last third against the second",
        statistics.mean(memory[-third:]),
        statistics.mean(memory[third : 2 * third]),
        5.0,
    )


def _frame(result: dict[str, Any]) -> str:
    return str(result["frames"][0]["sha256"])

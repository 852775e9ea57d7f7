"""The Qwen3-VL engine against transformers' plain ``generate``, on a small random model of the real architecture."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, growth, resident_mb
from benchmarks.plain import PlainQwen3VL, noise, request
from random_qwen3vl import build_random_qwen3vl

NEW_TOKENS = 16
SIDE_PX = 448
QUESTIONS = [f"Is the cup number {number} left of the box?" for number in range(24)]


def figures() -> Iterator[Figure]:
    """Speed-ups, the share of the engine's own work, and memory over many questions."""
    with tempfile.TemporaryDirectory() as name:
        folder = str(build_random_qwen3vl(Path(name) / "small", "small"))
        plain = PlainQwen3VL(folder, NEW_TOKENS)
        yield from _follow_up(folder, plain)
        yield from _one_image(folder, plain)
        yield from _eight_images(folder, plain)
        yield _own_work(folder)
        yield _memory(str(build_random_qwen3vl(Path(name) / "tiny", "tiny")))


def _engine(folder: str, **settings: Any) -> Any:
    from pipeline.models.vlm.qwen3vl import Qwen3VL

    model = Qwen3VL(folder, device="cpu", dtype="float32", max_new_tokens=NEW_TOKENS, min_pixels=1024, **settings)
    model.generate(request([], "Ready?"))
    return model


def _timed(task: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = task()
    return (time.perf_counter() - start) * 1e3, result


def _speed_up(figure: str, plain_ms: list[float], own_ms: list[float], reach: float | None = None) -> Iterator[Figure]:
    baseline, own = statistics.median(plain_ms), statistics.median(own_ms)
    ratio = baseline / own
    yield Figure(figure, own, "ms", baseline, ratio, reach, reach is None or ratio >= reach)


def _compared(rounds: Iterable[Any], plain: Callable[[Any], Any], own: Callable[[Any], Any]) -> Any:
    """Times of both ways over several rounds, which must give the same answers."""
    plain_ms, own_ms = [], []
    for asked in rounds:
        theirs, expected = _timed(lambda asked=asked: plain(asked))
        ours, found = _timed(lambda asked=asked: own(asked))
        assert found == expected
        plain_ms.append(theirs)
        own_ms.append(ours)
    return plain_ms, own_ms


def _follow_up(folder: str, plain: PlainQwen3VL) -> Iterator[Figure]:
    model = _engine(folder)
    images = [noise(seed, SIDE_PX, SIDE_PX) for seed in range(3)]
    model.generate(request(images, "What is there?"))
    rounds = [request(images, question) for question in QUESTIONS[:8]]
    times = _compared(rounds, plain.answer, lambda asked: model.generate(asked).text)
    yield from _speed_up("k-th question on the same 3 frames", *times, 5.0)


def _together(folder: str, scenes: list[list[Any]], reference: Callable[[Any], str]) -> Any:
    """Times of questions asked together and one by one, over several rounds, each with new images."""
    model = _engine(folder)
    rounds = [
        [request([image], question) for image, question in zip(images, QUESTIONS, strict=False)] for images in scenes
    ]
    return _compared(
        rounds,
        lambda asked: [reference(one) for one in asked],
        lambda asked: [answer.text for answer in model.generate_all(asked)],
    )


def _one_image(folder: str, plain: PlainQwen3VL) -> Iterator[Figure]:
    scenes = [[noise(100 + scene, SIDE_PX, SIDE_PX)] * 8 for scene in range(5)]
    yield from _speed_up("8 questions on one image, in total", *_together(folder, scenes, plain.answer), 4.0)


def _eight_images(folder: str, plain: PlainQwen3VL) -> Iterator[Figure]:
    scenes = [[noise(200 + 8 * scene + index, SIDE_PX, SIDE_PX) for index in range(8)] for scene in range(5)]
    times = _together(folder, scenes, plain.answer)
    yield from _speed_up("8 questions on 8 images, against the plain path", *times, 1.3)
    alone = _engine(folder, cache_mb=0)
    times = _together(folder, scenes, lambda one: alone.generate(one).text)
    yield from _speed_up("8 questions on 8 images, against the engine one by one", *times)


def _own_work(folder: str) -> Figure:
    """Share of the time that is spent outside of the model's own modules, over first and further questions."""
    model = _engine(folder)
    network = model._loaded[0]._model
    inside_ms = 0.0

    def measure(module: Any) -> None:
        forward = module.forward

        def timed(*args: Any, **rest: Any) -> Any:
            nonlocal inside_ms
            took, result = _timed(lambda: forward(*args, **rest))
            inside_ms += took
            return result

        module.forward = timed

    for module in (network.model.visual, network.model.language_model, network.lm_head):
        measure(module)
    shares = []
    for scene in range(5):
        images = [noise(300 + 3 * scene + index, SIDE_PX, SIDE_PX) for index in range(3)]
        inside_ms = total_ms = 0.0
        for question in QUESTIONS[:6]:
            asked = request(images, question)
            total_ms += _timed(lambda asked=asked: model.generate(asked))[0]
        shares.append(100 * (total_ms - inside_ms) / total_ms)
    share = statistics.median(shares)
    return Figure("everything around the model's forward passes", share, "% of the time", reach=5.0, ok=share < 5.0)


def _memory(folder: str) -> Figure:
    """Resident memory over 500 questions on 100 scenes: mean of the last 100 against that of the first 100."""
    model = _engine(folder, cache_mb=4)
    used_mb = []
    for number in range(500):
        model.generate(request([noise(number // 5, 224, 224)], QUESTIONS[number % 24]))
        used_mb.append(resident_mb())
    first, last = statistics.mean(used_mb[:100]), statistics.mean(used_mb[-100:])
    return growth("memory over 500 questions on 100 scenes", last, first, 5.0)

"""Streams a data set through a depth backend and scores each image; memory does not grow with the data set."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np

from pipeline.datasets.base import DepthDataset, DepthSample, Skipped
from pipeline.evaluate.depth.image_lines import ImageLine, Outcome
from pipeline.evaluate.depth.protocol import EvaluationProtocol
from pipeline.evaluate.depth.score import score
from pipeline.evaluate.noise_fit import summarise_noise
from pipeline.export.text import one_line
from pipeline.models.depth.augment import flip_averaged
from pipeline.records import DepthKind, DepthMap, Frame, Scene
from pipeline.records.errors import FATAL, ConfigError, TheodoliteError

logger = logging.getLogger(__name__)

Value = TypeVar("Value")
Stage = Callable[[Scene], Scene]
Estimated = tuple[DepthMap | TheodoliteError, float]


@dataclass(frozen=True)
class DepthSubject:
    """What is evaluated.

    Args:
        depth: The depth stage, which adds depth to a scene.
        batch_size: Images per batch of the stage.
        num_workers: Threads that read and score images while the stage works; 0 does everything in turn.
    """

    depth: Stage
    batch_size: int = 1
    num_workers: int = 0


def run_depth(
    dataset: DepthDataset,
    subject: DepthSubject,
    protocol: EvaluationProtocol,
    *,
    done: Iterable[str] = (),
    limit: int | None = None,
) -> Iterator[ImageLine]:
    """Score the images of a data set in their order.

    Args:
        dataset: The data set.
        subject: What is evaluated.
        protocol: How to compare.
        done: Names of finished images, which are skipped.
        limit: Most images, including finished ones; None takes all.

    Yields:
        One line per image.

    Raises:
        TheodoliteError: If an error concerns all images, such as a missing model or an alignment that does not fit.
    """
    finished = set(done)
    waiting = [index for index, name in enumerate(dataset.names()[:limit]) if name not in finished]
    # Enough images in flight to keep every thread and the next batch busy.
    ahead = subject.num_workers + subject.batch_size if subject.num_workers else 0
    with _Threads(subject.num_workers) as threads:
        read = threads.in_order((partial(_read, dataset, index) for index in waiting), ahead)
        yield from threads.in_order(_scorings(read, subject, protocol), ahead)


def _read(dataset: DepthDataset, index: int) -> tuple[int, DepthSample | Skipped]:
    return index, dataset.read(index)


def _scorings(
    read: Iterable[tuple[int, DepthSample | Skipped]], subject: DepthSubject, protocol: EvaluationProtocol
) -> Iterator[Callable[[], ImageLine]]:
    """The remaining work for each image, once its depth is estimated."""
    for batch in _batched(read, subject.batch_size):
        frames = [content.frame for _, content in batch if isinstance(content, DepthSample)]
        estimates = iter(_estimated(frames, subject, protocol))
        for index, content in batch:
            if isinstance(content, Skipped):
                yield partial(ImageLine, index, content.name, Outcome.UNREADABLE, reason=one_line(content.reason))
            else:
                yield partial(_scored, index, content, next(estimates), protocol)


def _estimated(frames: Sequence[Frame], subject: DepthSubject, protocol: EvaluationProtocol) -> list[Estimated]:
    """Depth or error, and seconds, per frame; if a batch fails, each frame is tried alone."""
    if not frames:
        return []
    start = time.perf_counter()
    try:
        maps = estimated_depth(frames, subject.depth, protocol)
    except FATAL:
        raise
    except TheodoliteError as error:
        if len(frames) > 1:
            return [found for frame in frames for found in _estimated([frame], subject, protocol)]
        return [(error, time.perf_counter() - start)]
    seconds = (time.perf_counter() - start) / len(frames)
    return [(depth, seconds) for depth in maps]


def estimated_depth(frames: Sequence[Frame], depth: Stage, protocol: EvaluationProtocol) -> list[DepthMap]:
    """One depth map per frame, averaged with that of the mirrored frame if the protocol demands it.

    Raises:
        ConfigError: If the stage gives no depth.
        TheodoliteError: If the backend fails.
    """

    def estimate(seen: Sequence[Frame]) -> list[DepthMap]:
        maps = depth(Scene("evaluated", tuple(seen))).depth
        if not maps:
            raise ConfigError(
                "Nothing estimates depth; choose depth=NAME, or depth=file for the depth of the data set."
            )
        return list(maps)

    return flip_averaged(estimate, frames) if protocol.flip_average else estimate(frames)


def _scored(index: int, sample: DepthSample, estimate: Estimated, protocol: EvaluationProtocol) -> ImageLine:
    depth, seconds = estimate
    truth = sample.truth.digest[:16]
    line = partial(ImageLine, index, sample.name, group=one_line(sample.group), seconds=round(seconds, 6), truth=truth)
    if isinstance(depth, TheodoliteError):
        return line(outcome=Outcome.FAILED, reason=one_line(str(depth)))
    source = (str(depth.kind), str(depth.scale_source), depth.backend)
    try:
        found = score(sample, depth, protocol)
    except FATAL:
        raise
    except TheodoliteError as error:
        return line(outcome=Outcome.FAILED, reason=one_line(str(error)), source=source)
    if not found.moments.get("pixels"):
        return line(outcome=Outcome.FAILED, reason=found.note, source=source)
    noise = summarise_noise(depth, sample.truth)
    ratio = _scale_ratio(depth, sample.truth) if depth.kind is DepthKind.METRIC else None
    return line(outcome=Outcome.SCORED, source=source, scale_ratio=ratio, score=found, noise=noise)


def _scale_ratio(depth: DepthMap, truth: DepthMap) -> float | None:
    """Median of true over predicted depth; None without common pixels, or if it is not a positive finite number."""
    known = depth.valid & truth.valid
    if not known.any():
        return None
    with np.errstate(over="ignore", under="ignore"):
        ratio = float(np.median(truth.values[known].astype(np.float64) / depth.values[known]))
    return ratio if math.isfinite(ratio) and ratio > 0 else None


def _batched(items: Iterable[Value], size: int) -> Iterator[list[Value]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


class _Threads:
    """Runs tasks in threads, a limited number ahead, and returns their results in order."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, "eval-depth") if count else None

    def __enter__(self) -> _Threads:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def in_order(self, tasks: Iterable[Callable[[], Value]], ahead: int) -> Iterator[Value]:
        if self._pool is None:
            yield from (task() for task in tasks)
            return
        waiting: deque[Future[Value]] = deque()
        for task in tasks:
            waiting.append(self._pool.submit(task))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

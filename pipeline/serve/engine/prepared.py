"""Scenes with their depth and text, read and measured once for all questions about them."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol

from pipeline.models.ocr.none import NoOcr
from pipeline.models.stopping import stoppable
from pipeline.records import Scene
from pipeline.records.errors import StoppedError
from pipeline.serve.engine.threads import Threads
from pipeline.serve.records import SceneInput, Upload
from pipeline.stages.group import Stages
from pipeline.stages.timing import timed

# A few scenes of many large frames would fill the memory otherwise.
_MOST_BYTES = 2 * 10**9


class Watcher(Protocol):
    """Who waits for a scene."""

    @property
    def is_stopped(self) -> bool:
        """Whether it waits no more."""
        ...

    def on_stage(self, name: str) -> None:
        """Learn that a stage begins."""
        ...


@dataclass(frozen=True, eq=False)
class Prepared:
    """A scene before questions.

    Args:
        scene: The scene with depth and text, without anchors, regions and claims.
        seconds: Time that each stage took [s]; empty where the scene was known already.
    """

    scene: Scene
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class _Flight:
    """A scene that is being prepared."""

    stages: Stages
    watchers: list[Watcher]
    stage: str = "ingest"
    future: Future[Prepared] = field(default_factory=Future)


def content_key(given: SceneInput, uploads: Mapping[str, Upload]) -> str:
    """A key that two scenes share if depth and text of both are the same, and their frames have the same names.

    Args:
        given: What the scene is read from; its anchors do not count.
        uploads: Its uploads by their ids.
    """
    files = [[(uploads[each].sha256, uploads[each].name) for each in ids] for ids in (given.images, given.depth)]
    camera = None if given.camera is None else sorted(given.camera.items())
    options = sorted((group, name) for group, name in given.options.items() if group != "segment")
    parts = (files, given.depth_kind, given.depth_scale, camera, given.fov_deg, options)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class PreparedScenes:
    """Prepares scenes, and keeps those that were used last.

    Who asks for a scene that is being prepared waits for the same preparation, which ends early once nobody waits.

    Args:
        most: How many are kept.
        reading: Threads in which files are read.
        modelling: The one thread that enters the models of depth and text.
    """

    def __init__(self, most: int, reading: Threads, modelling: Threads) -> None:
        self._most = most
        self._reading, self._modelling = reading, modelling
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Scene] = OrderedDict()
        self._flights: dict[str, _Flight] = {}

    def prepare(self, key: str, read: Callable[[], Scene], stages: Stages, watcher: Watcher) -> Future[Prepared]:
        """A scene, now or later.

        Args:
            key: Its ``content_key``.
            read: Reads its files.
            stages: The stages that prepare it.
            watcher: Who waits for it, and is told which stage begins.

        Returns:
            A future, which is not to be cancelled.
        """
        done: Future[Prepared] = Future()
        with self._lock:
            if (scene := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                done.set_result(Prepared(scene))
                return done
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight(stages, [watcher])
                self._reading.submit(self._read, key, flight, read)
                watcher.on_stage(flight.stage)
                return flight.future
            flight.watchers.append(watcher)
            watcher.on_stage(flight.stage)
        # Only the first pays for it.
        flight.future.add_done_callback(lambda future: _passed_on(future, done))
        return done

    def _read(self, key: str, flight: _Flight, read: Callable[[], Scene]) -> None:
        seconds: dict[str, float] = {}
        try:
            self._begin(key, flight, "ingest")
            with timed("ingest", seconds):
                scene = read()
        except BaseException as error:
            self._end(key, flight, error)
        else:
            self._modelling.submit(self._measure, key, flight, scene, seconds)

    def _measure(self, key: str, flight: _Flight, scene: Scene, seconds: dict[str, float]) -> None:
        def goes_on() -> bool:
            return bool(self._watchers(key, flight))

        # Stages log what they call the frames.
        called = scene.id, [frame.name for frame in scene.frames]
        try:
            scene = _renamed(scene, "scene", [f"image {number}" for number in range(1, len(scene.frames) + 1)])
            flight.stages.check(asks=False)
            self._begin(key, flight, "depth")
            with timed("depth", seconds, [scene.id]), stoppable(goes_on):
                scene = flight.stages.depth(scene)
            if not isinstance(flight.stages.ocr.backend, NoOcr):
                self._begin(key, flight, "ocr")
            with timed("ocr", seconds, [scene.id]), stoppable(goes_on):
                scene = flight.stages.ocr(scene)
        except BaseException as error:
            self._end(key, flight, error)
        else:
            self._end(key, flight, Prepared(_renamed(scene, *called), seconds))

    def _begin(self, key: str, flight: _Flight, stage: str) -> None:
        """Tell all who wait that a stage begins.

        Raises:
            StoppedError: If nobody waits.
        """
        # Who comes meanwhile is told this stage.
        flight.stage = stage
        watchers = self._watchers(key, flight)
        if not watchers:
            raise StoppedError("Nobody waits for the scene any more.")
        for watcher in watchers:
            watcher.on_stage(stage)

    def _watchers(self, key: str, flight: _Flight) -> list[Watcher]:
        """Who waits for a scene; if nobody does, who comes later begins anew."""
        with self._lock:
            if all(watcher.is_stopped for watcher in flight.watchers):
                self._forget(key, flight)
                return []
            return list(flight.watchers)

    def _end(self, key: str, flight: _Flight, outcome: Prepared | BaseException) -> None:
        with self._lock:
            self._forget(key, flight)
            if isinstance(outcome, Prepared):
                self._kept[key] = outcome.scene
                while len(self._kept) > 1 and (
                    len(self._kept) > self._most or sum(map(_size, self._kept.values())) > _MOST_BYTES
                ):
                    self._kept.popitem(last=False)
        if isinstance(outcome, Prepared):
            flight.future.set_result(outcome)
        else:
            flight.future.set_exception(outcome)

    def _forget(self, key: str, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


def _passed_on(future: Future[Prepared], other: Future[Prepared]) -> None:
    error = future.exception()
    if error is not None:
        other.set_exception(error)
    else:
        other.set_result(Prepared(future.result().scene))


def _renamed(scene: Scene, id: str, names: Sequence[str]) -> Scene:
    frames = tuple(replace(frame, name=name) for frame, name in zip(scene.frames, names, strict=True))
    return replace(scene, id=id, frames=frames)


def _size(scene: Scene) -> int:
    """Memory of a scene's arrays [bytes]."""
    frames = sum(frame.rgb.nbytes for frame in scene.frames)
    given = (frame.given_depth for frame in scene.frames)
    maps = (*scene.depth, *(depth for depth in given if depth is not None))
    return frames + sum(depth.values.nbytes + depth.valid.nbytes for depth in maps)

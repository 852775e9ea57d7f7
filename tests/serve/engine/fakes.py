"""An engine on a store in memory, with models that follow a script."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from stages.doubles import CountingDepth, ScriptedModel
from stages.runs import make_stages

from pipeline.api import Pipeline
from pipeline.export.stored_scene import StoredScene
from pipeline.models.vlm.base import Request
from pipeline.records import Camera, Frame, Result, Scene
from pipeline.serve.engine.engine import Engine
from pipeline.serve.engine.plans import Planner
from pipeline.serve.engine.ticket import Ticket
from pipeline.serve.problems import UnknownError
from pipeline.serve.records import Job, SceneInput, Upload, Work
from pipeline.serve.settings import Limits, ServeSettings
from pipeline.stages.depth import DepthStage
from pipeline.stages.query import QueryStage

SIZE_PX = (32, 24)
SECRET = "secret words of a client"


@dataclass
class MemoryStore:
    """Keeps everything in memory; uploads are named, not stored."""

    scenes: dict[str, SceneInput] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    results: dict[str, tuple[Result, StoredScene, str, str]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add_scene(self, given: SceneInput) -> str:
        self.scenes[found := f"scene{next(self._ids)}"] = given
        return found

    def scene(self, id: str) -> SceneInput:
        return _found(self.scenes, id)

    def upload(self, id: str) -> Upload:
        if "lost" in id:
            raise UnknownError("There is no such upload.")
        return Upload(id, Path(id), f"{id}.png", "image/png", f"sha of {id.partition('@')[0]}", 1, 0.0)

    def add_job(self, job: Job) -> None:
        self._fail("add_job")
        self.jobs[job.id] = job

    def update_job(self, job: Job) -> None:
        self._fail("update_job")
        self.jobs[job.id] = job
        self.log.append(f"{job.id} {job.state}")

    def job(self, id: str) -> Job:
        return _found(self.jobs, id)

    def add_result(self, result: Result, stored: StoredScene, scene: str, job: str) -> str:
        self._fail("add_result")
        self.results[found := f"result{next(self._ids)}"] = (result, stored, scene, job)
        self.log.append(f"{job} {found}")
        return found

    def result(self, id: str) -> Result:
        return _found(self.results, id)[0]

    def sweep(self, now_s: float | None = None) -> int:
        return 0

    def _fail(self, call: str) -> None:
        if call in self.fails:
            raise OSError("No space left on device")


def _found(kept: dict[str, Any], id: str) -> Any:
    if id not in kept:
        raise UnknownError("There is nothing with this id.")
    return kept[id]


@dataclass
class Reader:
    """Makes a grey image for each upload, as bright as its name says, and counts what it read."""

    count: list[tuple[str, ...]] = field(default_factory=list)
    gate: threading.Event | None = None

    def __call__(self, given: SceneInput, uploads: Mapping[str, Upload]) -> Scene:
        assert set(uploads) == {*given.images, *given.depth} and given.anchors == ()
        self.count.append(given.images)
        if self.gate is not None:
            assert self.gate.wait(20)
        if "broken" in given.images:
            raise ZeroDivisionError(SECRET)
        return Scene("item", tuple(frame_of(name) for name in given.images))


def frame_of(name: str) -> Frame:
    width, height = SIZE_PX
    number = int("".join(filter(str.isdigit, name)) or 7)
    return Frame(np.full((height, width, 3), number % 256, np.uint8), Camera.from_fov(width, height, 60), name=name)


@dataclass
class World:
    """An engine with everything around it."""

    engine: Engine
    store: MemoryStore
    reader: Reader
    model: ScriptedModel
    depth: CountingDepth
    planner: Planner

    def scene(self, *images: str, **rest: Any) -> str:
        return self.store.add_scene(SceneInput(images or ("photo1",), **rest))

    def submit(self, work: Work, client: str = "anna") -> Ticket:
        job = self.engine.submit(work, self.planner.plan(work), client)
        ticket = self.engine.ticket(job.id)
        assert ticket is not None
        return ticket

    def done(self, ticket: Ticket, seconds: float = 20.0) -> Job:
        eventually(lambda: ticket.is_stopped, seconds)
        return ticket.job

    def results(self, ticket: Ticket) -> list[Result | None]:
        job = self.done(ticket)
        return [None if id is None else self.store.result(id) for id in job.results]


def make_pipeline(model: ScriptedModel | None, depth: CountingDepth | None = None, **query: Any) -> Pipeline:
    stage = None if model is None else QueryStage(model, **{"hints": "none", **query})
    stages = make_stages(query=stage, depth=DepthStage(depth or CountingDepth()))
    return Pipeline(stages, OmegaConf.create({}))


@contextmanager
def world(
    script: Callable[[Request], str] = lambda request: f"About {request.question}",
    *,
    limits: Limits | None = None,
    model: ScriptedModel | None = None,
    query: dict[str, Any] | None = None,
    read: Any = None,
    **settings: Any,
) -> Iterator[World]:
    """A running engine, which is stopped at the end."""
    model = ScriptedModel(script) if model is None else model
    store, reader, depth = MemoryStore(), Reader(), CountingDepth()
    chosen = replace(ServeSettings(**settings), limits=limits or Limits())
    engine = Engine(make_pipeline(model, depth, **(query or {})), chosen, store, read or reader)
    try:
        yield World(engine, store, reader, model, depth, Planner(store, chosen.limits, has_model=True))
    finally:
        engine.stop(1.0)


def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def kinds(ticket: Ticket) -> list[str]:
    """What happened to a job, in short."""
    events, _ = ticket.events.so_far()
    return [f"{event.kind} {event.data.get(event.kind)}" if event.kind != "text" else "text" for event in events]

"""What the routes and the page call."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from pipeline.api import Pipeline
from pipeline.serve.engine.engine import Engine, Reader
from pipeline.serve.engine.plans import Planner
from pipeline.serve.intake.scene import read_scene_input
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import FOV_DEG, Event, Job, SceneInput, Work
from pipeline.serve.settings import ServeSettings
from pipeline.serve.store.store import Store

# Names of the models that ship, which know rendered scenes only.
_SMALL = ("theodolite-depth-nano", "theodolite-vl-nano")
_GROUPS = ("depth", "ocr", "segment")
# A tenth of Python's own.
_SWITCH_S = 0.0005


class Service:
    """One engine for many users.

    Args:
        pipeline: The stages.
        settings: See ``ServeSettings``.
        store: Where uploads, scenes, jobs and results are stored.
        read: Reads the files of a scene; None reads them as the configuration says.

    Attributes:
        on_batch: Called with the number of questions that the model answers together, in a thread of the engine.
    """

    def __init__(self, pipeline: Pipeline, settings: ServeSettings, store: Store, read: Reader | None = None) -> None:
        self.pipeline, self.settings, self.store = pipeline, settings, store
        self._planner = Planner(store, settings.limits, pipeline.stages.query is not None)
        self._read: Reader = read or partial(read_scene_input, settings=settings, config=pipeline.config)
        self._engine: Engine | None = None
        self.on_batch: Callable[[int], None] = lambda questions: None

    @property
    def is_ready(self) -> bool:
        """Whether the models are loaded."""
        return self._engine is not None and self._engine.readiness.is_ready

    @property
    def engine(self) -> Engine:
        """The engine, once it is started."""
        assert self._engine is not None, "the service is not started"
        return self._engine

    async def start(self) -> None:
        """Start the engine, which loads the models while the first requests come in."""
        if self._engine is None:
            # The event loop waits for the interpreter no longer than this while other threads compute.
            sys.setswitchinterval(_SWITCH_S)
            self._engine = await asyncio.to_thread(
                Engine, self.pipeline, self.settings, self.store, self._read, lambda questions: self.on_batch(questions)
            )

    async def stop(self, seconds: float) -> None:
        """Finish what runs, for so long [s]; what is left then is marked as interrupted."""
        if self._engine is not None:
            await asyncio.to_thread(self._engine.stop, seconds)

    def add_scene(self, given: SceneInput, client: str) -> str:
        """Keep what a scene is read from; its files are decoded by the jobs about it.

        Args:
            given: What it is read from.
            client: Whose it is.

        Returns:
            Its id.

        Raises:
            UnknownError: If there is no upload with such an id.
            GoneError: If one of them was deleted.
            UnfitError: If it has no image, no camera has its field of view, or an option is not among the choices.
        """
        if not given.images:
            raise UnfitError("A scene needs at least one image.")
        if given.fov_deg is not None and not FOV_DEG[0] <= given.fov_deg <= FOV_DEG[1]:
            raise UnfitError(f"The field of view must lie between {FOV_DEG[0]:g} and {FOV_DEG[1]:g} degrees.")
        for upload in (*given.images, *given.depth):
            self.store.upload(upload)
        choices = self.choices()
        if given.depth and "depth" not in given.options:
            given = replace(given, options={**given.options, "depth": "file"})
        for group, name in given.options.items():
            if name not in choices.get(group, ()):
                allowed = ", ".join(choices.get(group, ())) or "none"
                raise UnfitError(f"The option {name!r} of {group!r} cannot be chosen here; choose from {allowed}.")
        return self.store.add_scene(given)

    def submit(self, work: Work, client: str) -> Job:
        """Let a piece of work wait for its turn; writes to the disk, so event loops call it in a thread.

        Raises:
            BusyError: If the queue is full, or the client has too much in it.
            UnknownError: If its scene, an upload of that or an earlier result is unknown.
            GoneError: If one of them was deleted.
            UnfitError: If it asks for something that cannot be done.
        """
        plan = self._planner.plan(work)
        for upload in (*plan.given.images, *plan.given.depth):
            self.store.upload(upload)
        return self.engine.submit(work, plan, client)

    def job(self, job_id: str) -> Job:
        """A job as it is now.

        Raises:
            UnknownError: If there is none with this id.
            GoneError: If it was deleted.
        """
        ticket = self.engine.ticket(job_id)
        return self.store.job(job_id) if ticket is None else ticket.job

    def cancel(self, job_id: str) -> Job:
        """End a job that waits or runs; one that ended stays as it is.

        Raises:
            UnknownError: If there is none with this id.
            GoneError: If it was deleted.
        """
        self.engine.cancel(job_id)
        return self.job(job_id)

    def leave(self, job_id: str) -> None:
        """Nobody waits for a job any more, so it ends."""
        self.engine.cancel(job_id)

    async def events(self, job_id: str, after: int = 0) -> AsyncIterator[Event]:
        """What happens to a job, until its final state.

        Args:
            job_id: Its id.
            after: Number of the last event that is known already.

        Raises:
            UnknownError: If there is none with this id.
            GoneError: If it was deleted.
        """
        ticket = self.engine.ticket(job_id)
        if ticket is None:
            for event in _retold(await asyncio.to_thread(self.store.job, job_id)):
                if event.number > after:
                    yield event
            return
        async for event in ticket.events.follow(after):
            yield event

    async def wait(self, job_id: str) -> Job:
        """The job in its final state.

        Raises:
            UnknownError: If there is none with this id.
            GoneError: If it was deleted.
        """
        ticket = self.engine.ticket(job_id)
        if ticket is None:
            return await asyncio.to_thread(self.store.job, job_id)
        async for _ in ticket.events.follow():
            continue
        return ticket.job

    def waiting(self) -> int:
        """Number of jobs in the queue."""
        return 0 if self._engine is None else self._engine.counts()["waiting"]

    def running(self) -> int:
        """Number of jobs that run."""
        return 0 if self._engine is None else self._engine.counts()["running"]

    def choices(self) -> dict[str, list[str]]:
        """The options that requests may choose, by group, the configured one first."""
        own = {group: self.pipeline.chosen(group) for group in _GROUPS}
        return {
            group: list(dict.fromkeys([*filter(None, [own[group]]), *self.settings.choices.get(group, ())]))
            for group in _GROUPS
        }

    def describe(self) -> dict[str, Any]:
        """What this server is: models, choices, limits, and how busy it is."""
        query, config = self.pipeline.stages.query, self.pipeline.config
        models = {
            group: {"option": self.pipeline.chosen(group), "model": _model_of(config.get(group))}
            for group in ("depth", "ocr", "segment", "vlm")
        }
        failure = None if self._engine is None else self._engine.readiness.failure
        return {
            "is_ready": self.is_ready,
            "failure": None if failure is None else "A model cannot be loaded; the server's log says why.",
            "models": models,
            "is_small": any(model["model"] in _SMALL for model in models.values()),
            "answers_questions": query is not None,
            "choices": self.choices(),
            "configured": {"hints": None if query is None else str(query.hints)},
            "limits": asdict(self.settings.limits),
            "jobs": {"waiting": self.waiting(), "running": self.running()},
        }


def _model_of(node: Any) -> str | None:
    model = None if node is None else node.get("model")
    return None if model is None else str(model).rstrip("/").rpartition("/")[2]


def _retold(job: Job) -> list[Event]:
    """The events of a job that ended before they were kept in memory."""
    events = [
        Event(number + 1, "result", {"question": number, "result": result}) for number, result in enumerate(job.results)
    ]
    data: dict[str, Any] = {"state": str(job.state)}
    if job.problem is not None:
        data["problem"] = dict(job.problem)
    return [*events, Event(len(events) + 1, "state", data)]

"""A service without models: its jobs end as a test says."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="pip install 'theodolite[serve]'")

from fastapi import FastAPI

from pipeline.export.stored_scene import StoredScene
from pipeline.records import Answer, Camera, Claim, Frame, FrameSummary, Region, Result, Scene, Status, Verdict
from pipeline.serve.app import create_app
from pipeline.serve.metrics import CountingStore
from pipeline.serve.records import Ask, Event, Job, JobState, SceneInput, Work
from pipeline.serve.settings import Limits, ServeSettings, StoreSettings

TEXT = 'Yes, the mug is left of the book.\n\n```json\n{"claims": []}\n```'
CLAIM = Claim("left_of", "mug", "book")
REGIONS = (Region("mug", (0, 0, 3, 3)), Region("book", (4, 0, 8, 6)))


def png(width: int = 8, height: int = 6, grey: int = 90) -> bytes:
    """A PNG."""
    content = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), grey, np.uint8)).save(content, "PNG")
    return content.getvalue()


def result_of(question: str | None) -> Result:
    """A result with one supported claim."""
    camera = Camera.from_fov(8, 6, 60)
    answer = Answer(TEXT, claims=(CLAIM,), prompt_tokens=10, completion_tokens=5, cached_tokens=4, model="fake")
    return Result(
        "item",
        question,
        (FrameSummary("image", "0" * 64, camera),),
        answer if question is not None else None,
        (Verdict(CLAIM, Status.SUPPORTED, "It is.", 0.9),),
        REGIONS,
        seconds={"query": 0.1, "verify": 0.02},
    )


class FakeService:
    """Ends each job at once, or as ``ending`` says.

    Args:
        store: Where everything lies.
    """

    def __init__(self, store: CountingStore) -> None:
        self.store = store
        self.is_ready = True
        self.ending: str = "done"
        self.texts = ["Yes, the mug", "Yes, the mug is left of the book.", TEXT]
        self.refusal: Exception | None = None
        self.works: list[Work] = []
        self.scenes: list[SceneInput] = []
        self.clients: list[str] = []
        self.has_run = False
        self._jobs: dict[str, Job] = {}
        self._events: dict[str, list[Event]] = {}

    async def start(self) -> None:
        self.has_run = True

    async def stop(self, seconds: float) -> None:
        self.has_run = False

    def describe(self) -> dict[str, Any]:
        return {"models": {"vlm": {"option": "fake"}}, "jobs": {"waiting": 3, "running": 1}, "failure": None}

    def add_scene(self, given: SceneInput, client: str) -> str:
        for upload in (*given.images, *given.depth):
            self.store.upload(upload)
        self.scenes.append(given)
        return self.store.add_scene(given)

    def submit(self, work: Work, client: str) -> Job:
        if self.refusal is not None:
            raise self.refusal
        self.store.scene(work.scene)
        self.works.append(work)
        self.clients.append(client)
        questions: tuple[str | None, ...] = work.questions if isinstance(work, Ask) else (None,)
        job = Job(f"job-{len(self.works)}-0123456789", work, client, JobState.RUNNING, time.time(), stage="query")
        self._events[job.id] = []
        self.store.add_job(job)
        self._add(job.id, "stage", stage="query")
        for text in self.texts if questions[0] is not None else ():
            self._add(job.id, "text", question=0, attempt=0, text=text)
        self._jobs[job.id] = job
        if self.ending == "done":
            ids = [self._result(job, question, number) for number, question in enumerate(questions)]
            self._end(replace(job, results=tuple(ids), state=JobState.DONE))
        elif self.ending == "some":
            ids = [self._result(job, questions[0], 0), *([None] * (len(questions) - 1))]
            self._end(replace(job, results=tuple(ids), state=JobState.DONE, problem=PROBLEM))
        elif self.ending == "failed":
            self._end(replace(job, results=(None,) * len(questions), state=JobState.FAILED, problem=PROBLEM))
        return self._jobs[job.id]

    def job(self, job_id: str) -> Job:
        return self._jobs[job_id] if job_id in self._jobs else self.store.job(job_id)

    def cancel(self, job_id: str) -> Job:
        if not self.job(job_id).state.is_final:
            self._end(replace(self.job(job_id), state=JobState.CANCELLED))
        return self.job(job_id)

    def leave(self, job_id: str) -> None:
        self.cancel(job_id)

    async def events(self, job_id: str, after: int = 0) -> AsyncIterator[Event]:
        while True:
            events = [event for event in self._events[job_id] if event.number > after]
            for event in events:
                after = event.number
                yield event
            if not events and self.job(job_id).state.is_final:
                return
            await asyncio.sleep(0.01)

    async def wait(self, job_id: str) -> Job:
        async for _ in self.events(job_id):
            continue
        return self.job(job_id)

    def _result(self, job: Job, question: str | None, number: int) -> str:
        frame = Frame(np.full((6, 8, 3), 90, np.uint8), Camera.from_fov(8, 6, 60))
        stored = StoredScene(Scene("item", (frame,)))
        found = self.store.add_result(result_of(question), stored, job.work.scene, job.id)
        self._add(job.id, "result", question=number, result=found)
        return found

    def _end(self, job: Job) -> None:
        self._jobs[job.id] = replace(job, finished_s=time.time(), stage=None)
        self.store.update_job(self._jobs[job.id])
        problem = {} if job.problem is None else {"problem": job.problem}
        self._add(job.id, "state", state=str(job.state), **problem)

    def _add(self, job_id: str, kind: Any, **data: Any) -> None:
        self._events[job_id].append(Event(len(self._events[job_id]) + 1, kind, data))


PROBLEM = {"type": "about:blank", "title": "Bad Gateway", "status": 502, "detail": "The model could not answer."}


def fake_app(folder: Path, **settings: Any) -> tuple[FakeService, FastAPI]:
    """A fake service, and the application on it."""
    given = ServeSettings(page=False, store=StoreSettings(str(folder / "store")), **settings)
    service = FakeService(CountingStore(given.store))
    return service, create_app(service, given)  # type: ignore[arg-type]


SMALL = Limits(questions=2, question_chars=40, claims=2, regions=2, parts=4)

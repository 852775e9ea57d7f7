"""A service without models, whose answers are known, and a server of it with the addresses that the page calls."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import cv2
import pytest
from export.report.report_data import noisy_scene, result, stored

pytest.importorskip("gradio", reason="the extra serve is not installed")
from fastapi import FastAPI, Request, Response, UploadFile
from fastapi.responses import JSONResponse

from pipeline.export.viewer.data import view_data
from pipeline.records import Answer, Claim, Evidence, Region, Result, SpatialTag, Status, Verdict
from pipeline.records.message import detect_language
from pipeline.serve.guard.install import install_guards
from pipeline.serve.problems import GoneError, ServeError, UnknownError, problem_of
from pipeline.serve.records import Ask, Event, Job, JobState, Judge, Rejudge, SceneInput, Work
from pipeline.serve.settings import ServeSettings
from pipeline.serve.workbench import workbench_data

SLOW = "Take your time."
HOSTILE = '<img src=x onerror="window.hacked=1"> **bold** [x](javascript:alert(1)) \u202etxet\u202c ' + "long" * 400


def answered(question: str) -> Result:
    """The canned result of a question, in its language."""
    if detect_language(question) == "zh":
        text = "是的，杯子在台灯的左边。"
        claim = Claim("left_of", "cup", "lamp", text_span=(3, 11))
        words = {"claim_text": "cup 在 lamp 的左边", "evidence": (Evidence(0, (3, 2)),)}
        verdict = Verdict(claim, Status.SUPPORTED, "它的中心在左边 110 px 处。", 0.9999, 117, "px", **words)
        answer = Answer(
            text, None, result().answer.regions, (claim,), (SpatialTag("左边", 9, 11, "left_of"),), model="m"
        )
        return result(question=question, language="zh", answer=answer, verdicts=(verdict,), attempts=())
    if "hostile" in question:
        base = result(question=HOSTILE)
        answer = replace(base.answer, text=HOSTILE, spatial_tags=(), reasoning=HOSTILE)
        regions = (Region(HOSTILE[:70], (0, 0, 90, 90)), *base.regions[1:])
        return replace(base, answer=answer, errors=(HOSTILE,), regions=regions, attempts=())
    return result(question=question, attempts=())


class FakeStore:
    """Results of this process."""

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.scenes: dict[str, SceneInput] = {}
        self.scene_of: dict[str, str] = {}

    def add(self, made: Result, scene: str = "s") -> str:
        self.results[name := secrets.token_urlsafe(16)] = made
        self.scene_of[name] = scene
        return name

    def result(self, id: str) -> Result:
        if id == "gone":
            raise GoneError("This result was deleted.")
        if id not in self.results:
            raise UnknownError("There is no such result.")
        return self.results[id]

    def stored_scene(self, id: str) -> Any:
        return stored(noisy_scene())

    def result_info(self, id: str) -> Any:
        found = self.result(id)
        return SimpleNamespace(id=id, scene=self.scene_of[id], job="j", created_s=0.0, question=found.question)

    def scene(self, id: str) -> SceneInput:
        if id not in self.scenes:
            raise UnknownError("There is no such scene.")
        return self.scenes[id]


class FakeService:
    """Answers after a few events; a question of ``SLOW`` waits until it is cancelled."""

    is_ready = True

    def __init__(self, step_s: float = 0.02) -> None:
        self.step_s = step_s
        self.store = FakeStore()
        self.jobs: dict[str, Job] = {}
        self.works: list[Work] = []
        self.given: list[SceneInput] = []
        self.uploads: dict[str, bytes] = {}
        self.numbers = itertools.count(1)

    def describe(self) -> dict[str, Any]:
        choices = {"depth": ["nano", "file"], "ocr": ["none", "rapidocr"], "segment": ["none", "grabcut"]}
        return {"is_small": True, "choices": choices}

    def add_scene(self, given: SceneInput, client: str) -> str:
        if unknown := [one for one in (*given.images, *given.depth) if one not in self.uploads]:
            raise UnknownError(f"There is no upload {unknown[0]!r:.30}.")
        self.given.append(given)
        self.store.scenes[name := f"scene-{next(self.numbers)}"] = given
        return name

    def submit(self, work: Work, client: str) -> Job:
        self.store.scene(work.scene)
        job = Job(f"job-{next(self.numbers)}", work, client, JobState.WAITING, time.time(), position=2)
        self.jobs[job.id] = job
        self.works.append(work)
        return job

    def job(self, id: str) -> Job:
        return self.jobs[id]

    def cancel(self, id: str) -> Job:
        if id not in self.jobs:
            raise UnknownError("There is no such job.")
        if not self.jobs[id].state.is_final:
            self.jobs[id] = replace(self.jobs[id], state=JobState.CANCELLED)
        return self.jobs[id]

    async def events(self, id: str, after: int = 0) -> AsyncIterator[Event]:
        number = itertools.count(after + 1)
        for kind, data in self._story(self.jobs[id].work):
            if self.jobs[id].state is JobState.CANCELLED:
                break
            await asyncio.sleep(self.step_s)
            yield Event(next(number), kind, data)  # type: ignore[arg-type]
            if kind == "text" and SLOW in data["text"]:
                while not self.jobs[id].state.is_final:
                    await asyncio.sleep(self.step_s)
        if not self.jobs[id].state.is_final:
            self.jobs[id] = replace(self.jobs[id], state=JobState.DONE)
        yield Event(next(number), "state", {"state": str(self.jobs[id].state)})

    def _story(self, work: Work) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "position", {"position": 1}
        yield "stage", {"stage": "depth"}
        if isinstance(work, Ask):
            yield "stage", {"stage": "query"}
            for index, question in enumerate(work.questions):
                made = answered(question)
                words = SLOW if SLOW in question else made.answer.text if made.answer else ""
                for end in range(8, len(words) + 8, 8):
                    yield "text", {"question": index, "attempt": 0, "text": words[:end]}
                yield "result", {"question": index, "result": self.store.add(made, work.scene)}
        elif isinstance(work, Judge):
            yield "stage", {"stage": "verify"}
            yield "result", {"question": 0, "result": self.store.add(judged(work), work.scene)}
        elif isinstance(work, Rejudge):
            yield (
                "result",
                {"question": 0, "result": self.store.add(longer(self.store.result(work.result)), work.scene)},
            )


def judged(work: Judge) -> Result:
    """A result without an answer."""
    base = result(question=None)
    verdict = replace(base.verdicts[0], claim_text=str(work.claims[0])[:60], evidence=(Evidence(0, (3, 2)),))
    return replace(base, answer=None, verdicts=(verdict,), attempts=(), language=work.language or "en")


def longer(before: Result) -> Result:
    """The result with twice the lengths."""

    def doubled(one: Evidence) -> Evidence:
        return replace(
            one, numbers={name: 2 * value if name.endswith("_m") else value for name, value in one.numbers.items()}
        )

    verdicts = tuple(replace(one, evidence=tuple(map(doubled, one.evidence))) for one in before.verdicts)
    return replace(before, verdicts=verdicts)


def fake_app(service: FakeService) -> Any:
    """An app with the page, and with what the page and the workbench call."""
    from pipeline.serve.page.mount import mount_page

    app, scene = FastAPI(docs_url=None), noisy_scene()

    @app.exception_handler(ServeError)
    async def told(_: Request, error: ServeError) -> JSONResponse:
        status, problem, headers = problem_of(error)
        return JSONResponse(problem, status, headers, media_type="application/problem+json")

    @app.post("/v1/uploads")
    async def upload(file: UploadFile) -> dict[str, Any]:
        content = await file.read()
        if content.startswith(b"bad"):
            raise ServeError(f"'{file.filename}' is neither an image nor a video.")
        service.uploads[name := secrets.token_urlsafe(16)] = content
        return {"id": name, "name": file.filename, "media_type": file.content_type, "size": len(content)}

    @app.get("/v1/results/{id}/{name}")
    def artefact(id: str, name: str) -> Response:
        found = service.store.result(id)
        whole = stored(scene)
        if name == "view.json":
            return Response(json.dumps(view_data(whole, found, 2000)), media_type="application/json")
        if name == "workbench.json":
            return JSONResponse(workbench_data(found, whole, id))
        if name == "download.zip":
            return Response(b"PK\x05\x06" + bytes(18), media_type="application/zip")
        suffix = name[-4:]
        done, content = cv2.imencode(suffix, scene.frames[0].rgb[..., ::-1])
        assert done
        return Response(content.tobytes(), media_type="image/png" if suffix == ".png" else "image/jpeg")

    settings = ServeSettings()
    mount_page(app, service, settings)  # type: ignore[arg-type]
    install_guards(app, settings, None)
    return app


@contextmanager
def serving(service: FakeService) -> Iterator[str]:
    """The address of a server of the page, in a thread of this process."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(fake_app(service), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)

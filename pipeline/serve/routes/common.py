"""What the paths share: the service, who asks, waiting for a job, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from pipeline.records import FrameSummary, to_json
from pipeline.serve.artefacts import ARTEFACTS
from pipeline.serve.problems import MEDIA_TYPE, ServeError
from pipeline.serve.records import Job, JobState, Work
from pipeline.serve.schema.results import StoredResult
from pipeline.serve.service import Service
from pipeline.serve.settings import ServeSettings

# Status of an answer that nobody receives; the number is nginx's.
_CLIENT_CLOSED = 499
# In the name of an artefact: stands for a path.
_REST = "..."
# Artefacts of points, which depth without shape does not have.
_OF_SHAPES = ("points.ply", "scene.glb")


def service_of(request: Request) -> Service:
    """The service of the app."""
    service: Service = request.app.state.service
    return service


def settings_of(request: Request) -> ServeSettings:
    """The settings of the app."""
    settings: ServeSettings = request.app.state.settings
    return settings


Serving = Annotated[Service, Depends(service_of)]
Settings = Annotated[ServeSettings, Depends(settings_of)]


class JobFailedError(ServeError):
    """A job that did not end well, as its waiter sees it.

    Args:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        problem = dict(job.problem or {})
        why = {
            JobState.CANCELLED: "The work was cancelled.",
            JobState.INTERRUPTED: "The server stopped before the work was done; send the request again.",
        }
        detail = problem.pop("detail", why.get(job.state, "The server failed; its log says why."))
        default = HTTPStatus.SERVICE_UNAVAILABLE if job.state in why else HTTPStatus.INTERNAL_SERVER_ERROR
        self.status = HTTPStatus(problem.pop("status", default))
        for key in ("type", "title"):
            problem.pop(key, None)
        super().__init__(str(detail), None, **{**problem, "job": job.id})


async def finished(request: Request, service: Service, work: Work, client: str) -> Job | None:
    """Submit work and wait for it, as long as its client does.

    Args:
        request: The request, whose body was read.
        service: The service.
        work: The work.
        client: Whose it is.

    Returns:
        The finished job; None if the client left, whose job is then cancelled.

    Raises:
        ServeError: If the work is refused.
    """
    job = await run_in_threadpool(service.submit, work, client)
    waiting = asyncio.ensure_future(service.wait(job.id))
    leaving = asyncio.ensure_future(left(request))
    is_done = False
    try:
        done, _ = await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        is_done = waiting in done
        return waiting.result() if is_done else None
    finally:
        for task in (waiting, leaving):
            task.cancel()
        if not is_done:
            service.leave(job.id)


async def left(request: Request) -> None:
    """Wait until the client of a request is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def stored_result(service: Service, result_id: str) -> StoredResult:
    """A result with its place on the server.

    Raises:
        UnknownError: If there is none with this id.
        GoneError: If it was deleted.
    """

    def read() -> StoredResult:
        info = service.store.result_info(result_id)
        result = service.store.result(result_id)
        return StoredResult.of(result, result_id, info.scene, links_of(result_id, result.frames))

    return await run_in_threadpool(read)


def links_of(result_id: str, frames: Sequence[FrameSummary]) -> dict[str, str]:
    """Paths of a result, by what they lead to: those of its report, and of every artefact that its depth allows.

    Args:
        result_id: Its id.
        frames: Its frames.
    """
    own = f"/v1/results/{result_id}"
    kinds = [frame.depth_kind for frame in frames]
    links = {"self": own, "report": f"/r/{result_id}"}
    for artefact in ARTEFACTS:
        for number, kind in enumerate(kinds):
            name = artefact.name.replace("-N.", f"-{number}.")
            needs_shape, needs_depth = name in _OF_SHAPES, name.startswith("depth-")
            is_there = kind is not None and (kind.has_shape or not needs_shape)
            if _REST not in name and (is_there or not (needs_shape or needs_depth)):
                links[name] = f"{own}/{name}"
    return links


async def results_of(service: Service, job: Job) -> list[StoredResult | None]:
    """The results of a finished job; None for a question that failed.

    Raises:
        JobFailedError: If the job has no result at all.
    """
    if not any(job.results):
        raise JobFailedError(job)
    return [None if name is None else await stored_result(service, name) for name in job.results]


async def one_result(service: Service, job: Job) -> StoredResult:
    """The result of a finished job about one question.

    Raises:
        JobFailedError: If it has none.
    """
    (found, *_) = await results_of(service, job)
    if found is None:
        raise JobFailedError(job)
    return found


def nobody() -> Response:
    """The answer to a client that left."""
    return Response(status_code=_CLIENT_CLOSED, media_type=MEDIA_TYPE)


async def answer(record: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A record as JSON; it is written in a thread, because masks take a while."""
    text = await run_in_threadpool(to_json, record)
    return Response(text, status, headers, media_type="application/json")

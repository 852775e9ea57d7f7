"""Jobs: long work, its events as they happen, and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from pipeline.serve.intake.bodies import apart
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import Job
from pipeline.serve.routes.bodies import body_of, client_of, scene_of
from pipeline.serve.routes.common import Serving, Settings
from pipeline.serve.routes.documented import OF_BODIES, job_body, problems
from pipeline.serve.schema.base import read
from pipeline.serve.schema.jobs import JobView
from pipeline.serve.schema.work import BODIES

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(min_length=1, max_length=100, description="Id of the job.")]
LastEvent = Annotated[
    str | None,
    Header(alias="Last-Event-ID", pattern="^[0-9]{1,15}$", description="Number of the last event that was received."),
]


def known_job(job: JobId, service: Serving) -> Job:
    """The job of a path, before anything is sent.

    Raises:
        UnknownError: If there is none with this id.
        GoneError: If it was deleted.
    """
    return service.job(job)


KnownJob = Annotated[Job, Depends(known_job)]


@router.post(
    "/v1/jobs",
    summary="Start work",
    status_code=202,
    response_model=JobView,
    responses=problems(*OF_BODIES, 404, 410, 503),
    openapi_extra=job_body(),
)
async def start(request: Request, response: Response, service: Serving, settings: Settings) -> JobView:
    """Start work and return at once; ``work`` is ask, verify, depth or rejudge, beside the fields of its own request.

    Follow it by its events, or ask for the job from time to time.
    """
    plain = (await body_of(request, service, settings)).plain
    name = plain.pop("work", None)
    if not isinstance(name, str) or name not in BODIES:
        raise UnfitError(f"work must be one of {', '.join(BODIES)}.")
    wanted = await apart(read, BODIES[name], plain, settings.limits)
    scene = await scene_of(wanted, request, service, settings)
    work = await apart(wanted.work, scene, settings.limits)
    job = await run_in_threadpool(service.submit, work, client_of(request))
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return JobView.of(job)


@router.get("/v1/jobs/{job}", summary="How far a job is", response_model=JobView, responses=problems(404, 410, 422))
async def job_state(job: KnownJob) -> JobView:
    """How far a job is, its place in the queue, and its results."""
    return JobView.of(job)


@router.get(
    "/v1/jobs/{job}/events",
    summary="Follow a job",
    response_class=EventSourceResponse,
    responses={
        200: {"description": "Events position, stage, text, result and state; the last one is a final state."},
        **problems(404, 410, 422),
    },
)
async def job_events(
    job: KnownJob, service: Serving, last_event_id: LastEvent = None
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events of a job, from its start or after ``Last-Event-ID``, until it ends.

    The kind of each event is its name, its number is its id, and its data is JSON: ``EventView``. Comments keep idle
    connections open.
    """
    async for event in service.events(job.id, int(last_event_id or 0)):
        yield ServerSentEvent(data=dict(event.data), event=event.kind, id=str(event.number))


@router.delete("/v1/jobs/{job}", summary="Cancel a job", response_model=JobView, responses=problems(404, 410, 422))
async def cancel(job: KnownJob, service: Serving) -> JobView:
    """Cancel a job; results that are there stay, and a job that ended already stays as it is."""
    return JobView.of(await run_in_threadpool(service.cancel, job.id))

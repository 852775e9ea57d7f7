"""Questions, claims and depth, answered in the request itself."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from pipeline.serve.intake.bodies import apart
from pipeline.serve.records import Job, Work
from pipeline.serve.routes.bodies import client_of, received
from pipeline.serve.routes.common import (
    JobFailedError,
    Serving,
    Settings,
    answer,
    finished,
    nobody,
    one_result,
    results_of,
)
from pipeline.serve.routes.documented import OF_BODIES, OF_WORK, RESULT, RESULTS, body, problems
from pipeline.serve.schema.results import StoredResults
from pipeline.serve.schema.work import AskBody, DepthBody, VerifyBody
from pipeline.serve.service import Service

router = APIRouter(tags=["ask"])

_SCENE = "n8GqH0XbUuC9m1xB0oYq3A"
_ASK = {"scene": _SCENE, "question": "Is the mug left of the book?"}
_VERIFY = {
    "scene": _SCENE,
    "claims": [{"relation": "left_of", "subject": "mug", "object": "book"}],
    "regions": [{"label": "mug", "box_px": [120, 80, 260, 300]}, {"label": "book", "box_px": [300, 150, 560, 330]}],
}


@router.post(
    "/v1/ask",
    summary="Ask about space",
    response_class=Response,
    responses={200: RESULTS, **problems(*OF_BODIES, *OF_WORK)},
    openapi_extra=body(AskBody, files=True, example=_ASK, fields=", question as often as there are questions"),
)
async def ask(request: Request, service: Serving, settings: Settings) -> Response:
    """Ask one or several questions about a scene, and wait for the judged answers.

    If the client disconnects, its question is cancelled. Of several questions, ``results`` holds one result each, or
    null for one that failed.
    """
    given, scene = await received(request, AskBody, service, settings)
    job = await _done(request, service, await apart(given.work, scene, settings.limits))
    if job is None:
        return nobody()
    if not given.questions:
        return await answer(await one_result(service, job))
    results = await results_of(service, job)
    return await answer(StoredResults(tuple(results), None if job.problem is None else dict(job.problem)))


@router.post(
    "/v1/verify",
    summary="Judge claims without a model",
    response_class=Response,
    responses={200: RESULT, **problems(*OF_BODIES, *OF_WORK)},
    openapi_extra=body(VerifyBody, files=True, example=_VERIFY),
)
async def verify(request: Request, service: Serving, settings: Settings) -> Response:
    """Judge given claims, typed or in words, about given regions of a scene, and wait for the verdicts."""
    given, scene = await received(request, VerifyBody, service, settings)
    return await _result(request, service, await apart(given.work, scene, settings.limits))


@router.post(
    "/v1/depth",
    summary="Measure depth",
    response_class=Response,
    responses={200: RESULT, **problems(*OF_BODIES, *OF_WORK)},
    openapi_extra=body(DepthBody, files=True, example={"scene": _SCENE}),
)
async def depth(request: Request, service: Serving, settings: Settings) -> Response:
    """Measure the depth of a scene's images, and wait for it; ``links`` leads to depth maps, points and 3D scenes."""
    given, scene = await received(request, DepthBody, service, settings)
    return await _result(request, service, await apart(given.work, scene, settings.limits))


async def _result(request: Request, service: Service, work: Work) -> Response:
    job = await _done(request, service, work)
    return nobody() if job is None else await answer(await one_result(service, job))


async def _done(request: Request, service: Service, work: Work) -> Job | None:
    """The finished job of a request, with at least one result; None if the client left."""
    job = await finished(request, service, work, client_of(request))
    if job is not None and not any(job.results):
        raise JobFailedError(job)
    return job

"""Uploads, and scenes made of them."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from pipeline.serve.intake.bodies import apart
from pipeline.serve.intake.scene import check_upload
from pipeline.serve.problems import GoneError, UnknownError
from pipeline.serve.records import Upload
from pipeline.serve.routes.bodies import add_scene, fields_of, uploaded
from pipeline.serve.routes.common import Serving, Settings
from pipeline.serve.routes.documented import OF_BODIES, body, problems, upload_body
from pipeline.serve.schema.base import read
from pipeline.serve.schema.scenes import SceneBody, SceneCreated, UploadView
from pipeline.serve.service import Service
from pipeline.serve.settings import ServeSettings

router = APIRouter(tags=["scenes"])


@router.post(
    "/v1/uploads",
    summary="Upload a file",
    status_code=201,
    response_model=UploadView,
    responses=problems(*OF_BODIES),
    openapi_extra=upload_body(),
)
async def upload(request: Request, service: Serving, settings: Settings) -> UploadView:
    """Upload an image, a video, a depth file or an export of a device, one in each request; it is kept for a while.

    A file is recognised by its content, and its header is checked; the rest shows when its scene is asked about.
    """
    found = await uploaded(request, service, settings)
    await run_in_threadpool(_check, found, service, settings)
    return UploadView.of(found)


def _check(found: Upload, service: Service, settings: ServeSettings) -> None:
    """Check an upload, which goes at once if it is refused."""
    try:
        check_upload(found, settings.limits)
    except BaseException:
        with suppress(UnknownError, GoneError):
            service.store.discard_upload(found.id)
        raise


@router.post(
    "/v1/scenes",
    summary="Make a scene",
    status_code=201,
    response_model=SceneCreated,
    responses=problems(*OF_BODIES, 404, 410),
    openapi_extra=body(SceneBody, files=False, example={"images": ["pXbn2kPkUuQ0m0mB0oYq3A"]}),
)
async def make_scene(request: Request, service: Serving, settings: Settings) -> SceneCreated:
    """Make a scene of uploads, for questions that name it; its files are read by the first of them."""
    given = await apart(read, SceneBody, await fields_of(request, service, settings), settings.limits)
    return SceneCreated(id=await add_scene(given, given.images, given.depth, request, service))

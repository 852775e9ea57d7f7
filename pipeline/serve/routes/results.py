"""Stored results, and what is made of them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from anyio import AsyncFile, CancelScope, open_file
from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from pipeline.serve.artefacts import REPORT_PAGE, Artefact, made_artefact
from pipeline.serve.artefacts import artefact as find
from pipeline.serve.artefacts.names import wanted
from pipeline.serve.artefacts.turns import Turns
from pipeline.serve.page.texts import language_of, say
from pipeline.serve.problems import GoneError, ServeError, UnknownError
from pipeline.serve.routes.bodies import client_of
from pipeline.serve.routes.common import Serving, answer, stored_result
from pipeline.serve.routes.documented import RESULT, problems
from pipeline.serve.store.entries import Kind, gone

router = APIRouter(tags=["results"])

ResultId = Annotated[str, Path(min_length=1, max_length=100, description="Id of the result.")]
ArtefactName = Annotated[
    str, Path(min_length=1, max_length=300, description="Name of the artefact.", examples=["overlay.jpg"])
]
Match = Annotated[str | None, Header(alias="If-None-Match", max_length=500, description="ETags that the client has.")]
# A result never changes, and neither do its artefacts; only the client itself may keep them.
_KEPT = "private, max-age=31536000, immutable"
_MISSING = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Theodolite</title></head>
<body><h1>Theodolite</h1><p>{problem}</p><p><a href="/">{home}</a></p></body></html>
"""
# Types that browsers show; others are saved.
_SHOWN = ("image/", "text/", "application/json")


@router.get(
    "/v1/results/{result}",
    summary="A result",
    response_class=Response,
    responses={200: RESULT, 304: {"description": "The client has it."}, **problems(404, 410, 422)},
)
@router.head("/v1/results/{result}", include_in_schema=False)
async def result(result: ResultId, service: Serving, if_none_match: Match = None) -> Response:
    """A stored result: the answer with its verdicts and evidence."""
    found = await stored_result(service, result)
    headers = {"ETag": f'"{result}"', "Cache-Control": _KEPT}
    return Response(None, 304, headers) if _has(if_none_match, headers["ETag"]) else await answer(found, 200, headers)


@router.get(
    "/v1/results/{result}/{artefact:path}",
    summary="An artefact of a result",
    response_class=FileResponse,
    responses={
        200: {"description": "The file.", "content": {"*/*": {}}},
        206: {"description": "The ranges of it that the request names."},
        304: {"description": "The client has it."},
        **problems(404, 410, 416, 422),
    },
)
@router.head("/v1/results/{result}/{artefact:path}", include_in_schema=False)
async def result_artefact(
    request: Request, result: ResultId, artefact: ArtefactName, service: Serving, if_none_match: Match = None
) -> Response:
    """A file made of a result on first request: picture, depth, points, 3D scene, report, or a zip of everything.

    ``links`` of a result lists their names. Ranges are served, and whatever was fetched once may be kept for ever.
    """
    found = await run_in_threadpool(made_artefact, service.store, result, artefact)
    if found is None:
        make = partial(find, service.store, result, artefact)
        await _turns(request).wait(client_of(request), (result, wanted(artefact).kind.part), make)
        found = await run_in_threadpool(made_artefact, service.store, result, artefact)
    if found is None:
        raise gone(Kind.RESULT)
    return await run_in_threadpool(_file, found, if_none_match)


@router.get(
    "/r/{result}",
    summary="The report of a result",
    status_code=307,
    response_class=RedirectResponse,
    responses={307: {"description": "The page of the report."}, **problems(404, 410, 422)},
)
async def report(result: ResultId, service: Serving, request: Request) -> Response:
    """Leads to the page of a stored result; this is the address to share. Browsers get their problems as a page."""
    try:
        await run_in_threadpool(service.store.result_info, result)
    except (UnknownError, GoneError) as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        language = language_of(request.headers.get("accept-language"))
        lang = "zh-Hans" if language == "zh" else "en"
        code = "gone" if isinstance(error, GoneError) else "never_seen"
        page = _MISSING.format(lang=lang, problem=say(language, code), home=say(language, "to_the_page"))
        return HTMLResponse(page, error.status)
    return RedirectResponse(f"/v1/results/{quote(result)}/{REPORT_PAGE}")


def _turns(request: Request) -> Turns:
    """Those of the app, which has one event loop."""
    state = request.app.state
    if not hasattr(state, "turns"):
        state.turns = Turns()
    found: Turns = state.turns
    return found


def _file(made: Artefact, if_none_match: str | None) -> Response:
    try:
        found = os.stat(made.path)
    except FileNotFoundError:
        raise gone(Kind.RESULT) from None
    shown = made.media_type.startswith(_SHOWN)
    response = _RangedFile(
        made.path,
        headers={"Cache-Control": _KEPT},
        media_type=made.media_type,
        filename=made.download_name,
        stat_result=found,
        content_disposition_type="inline" if shown else "attachment",
    )
    if _has(if_none_match, response.headers["ETag"]):
        return Response(None, 304, {name: response.headers[name] for name in ("ETag", "Cache-Control")})
    return response


class RangeError(ServeError):
    """A file has no such range."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


class _RangedFile(FileResponse):
    """A file of which ranges are served; a range that cannot be served is a problem like any other."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file.

        Raises:
            GoneError: If it was deleted meanwhile.
        """
        # RFC 9110, 14.2: a Range of an unknown unit is ignored.
        headers = [pair for pair in scope["headers"] if pair[0] != b"range" or _is_of_bytes(pair[1])]
        try:
            self._file = await open_file(self.path, "rb")
        except FileNotFoundError:
            raise gone(Kind.RESULT) from None
        try:
            await super().__call__({**scope, "headers": headers}, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._file.aclose()

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[AsyncFile[bytes]]:
        """The file as it was opened before anything was sent, since when it may have been deleted."""
        yield self._file

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        try:
            return super()._parse_range_header(http_range, file_size)
        except Exception as error:
            headers = {"Content-Range": f"bytes */{file_size}"}
            raise RangeError(f"The file has no such range; it has {file_size} bytes.", headers) from error


def _is_of_bytes(http_range: bytes) -> bool:
    """Whether a Range is of bytes, or malformed."""
    unit, equals, _ = http_range.partition(b"=")
    return not equals or unit.strip().lower() == b"bytes"


def _has(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this version, by its header ``If-None-Match``."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}

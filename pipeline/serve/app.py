"""The application: all paths, errors as problem details, and what stands before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from pipeline import __version__
from pipeline.records.errors import TheodoliteError
from pipeline.serve.guard.install import install_guards
from pipeline.serve.metrics import install_metrics
from pipeline.serve.problems import MEDIA_TYPE, problem, problem_of
from pipeline.serve.routes import about, ask, chat, docs, jobs, results, uploads
from pipeline.serve.routes.chat_form import openai_error
from pipeline.serve.routes.documented import openapi_of
from pipeline.serve.schema.faults import unfit
from pipeline.serve.service import Service
from pipeline.serve.settings import ServeSettings

STOP_S = 10.0
"""Time that running work has to finish once the server stops [s]."""
_API = "/v1"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ABOUT = """\
Ask a vision-language model about space, and get its answer with a verdict for each claim, judged in 3D.

Send images with the question (`/v1/ask`), or upload them once (`/v1/uploads`, `/v1/scenes`) and ask about the scene;
long work runs as a job (`/v1/jobs`). Results are kept for a while, with pictures, 3D scenes and a report. Errors are
problem details (RFC 9457). Chat clients use `/v1/chat/completions`.
"""
_TAGS = [
    {"name": "ask", "description": "Questions, claims and depth, answered in the request itself."},
    {"name": "jobs", "description": "Long work, followed by its events."},
    {"name": "results", "description": "Stored results and what is made of them."},
    {"name": "scenes", "description": "Uploaded files, and scenes made of them."},
    {"name": "chat", "description": "OpenAI's form, for chat clients."},
    {"name": "about", "description": "Relations, schema, health and metrics."},
]


def create_app(service: Service, settings: ServeSettings, token: str | None = None) -> FastAPI:
    """The application; it starts the service, and stops it at its end.

    Args:
        service: What does the work.
        settings: Settings of the server.
        token: The bearer token; None lets everybody in who reaches the server.

    Raises:
        ConfigError: If others can reach the server and there is no token, or if it can be guessed.
        DependencyError: If the page is wanted and Gradio is not installed.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop(STOP_S)

    # The pages of FastAPI that show the document load scripts from elsewhere; /docs is a page of our own.
    app = FastAPI(
        title="Theodolite",
        version=__version__,
        summary="Answers about space, with verdicts.",
        description=_ABOUT,
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service, app.state.settings = service, settings
    for group in (ask, jobs, results, uploads, chat, about, docs):
        app.include_router(group.router)
    install_metrics(app, service)
    app.openapi = openapi_of(app)  # type: ignore[method-assign]
    app.add_exception_handler(TheodoliteError, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _of_the_framework)
    # Gradio's application, mounted at / below, would take what no route matches.
    app.router.routes.append(Route(f"{_API}/{{path:path}}", _Unmatched(app.routes)))
    if settings.page:
        from pipeline.serve.page.mount import mount_page

        mount_page(app, service, settings)
    install_guards(app, settings, token)
    return app


class _Unmatched:
    """Refuses what no route matches: with the methods of a path that has others, or as unknown.

    Args:
        routes: The routes of the API.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = tuple(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        allowed = [method for method in _METHODS if self._has(method, scope)]
        if allowed:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(allowed)})
        raise HTTPException(HTTPStatus.NOT_FOUND)

    def _has(self, method: str, scope: Scope) -> bool:
        plain = {name: scope[name] for name in ("type", "path", "headers")}
        return any(route.matches({**plain, "method": method})[0] is Match.FULL for route in self._routes)


async def _refused(request: Request, error: Exception) -> Response:
    status, details, headers = problem_of(error)
    return _answer(request, status, details, headers)


async def _unfit(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _refused(request, unfit(list(error.errors())))


async def _of_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "There is nothing at this path.", 405: "This path has no such method; see Allow."}
    status = HTTPStatus(error.status_code)
    details = problem(status, words.get(status, f"{status.phrase}."))
    return _answer(request, status, details, dict(error.headers or {}))


def _answer(request: Request, status: int, details: dict[str, object], headers: dict[str, str]) -> Response:
    if request.url.path == chat.CHAT:
        details = openai_error(details)
    return JSONResponse(details, status, {"Cache-Control": "no-store", **headers}, media_type=MEDIA_TYPE)

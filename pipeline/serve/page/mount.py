"""Mounting the page on the server's app."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.records.message import LANGUAGES
from pipeline.serve.page.conversation import Service
from pipeline.serve.page.examples import EXAMPLES, add_examples
from pipeline.serve.page.layout import build_page
from pipeline.serve.page.shell import Shell, head_of
from pipeline.serve.page.texts import script_texts
from pipeline.serve.page.theme import page_theme
from pipeline.serve.settings import ServeSettings
from pipeline.serve.workbench import static_file, workbench_data, workbench_words

if TYPE_CHECKING:
    from fastapi import FastAPI

STATIC = Path(__file__).parent / "static"
_STYLES = ("workbench/workbench.css", "page.css", "chat.css", "input.css")
_SCRIPTS = ("workbench/workbench.js", "page.js", "uploads.js", "chat.js", "extras.js", "scene.js", "history.js")
# Gradio would otherwise ask its maker's server for versions, and count its users.
_ENVIRONMENT = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}


def mount_page(app: FastAPI, service: Service, settings: ServeSettings) -> None:
    """Add the page at ``/``, its files below ``/page``, and its examples; call it after all other routes.

    Args:
        app: The server's app.
        service: The service.
        settings: The server's settings.
    """
    os.environ.update({name: value for name, value in _ENVIRONMENT.items() if name not in os.environ})
    import gradio as gr
    from starlette.routing import Route
    from starlette.staticfiles import StaticFiles

    described: dict[str, Any] = service.describe()  # type: ignore[attr-defined]
    add_examples(app)
    _add_workbench(app, service)
    app.mount("/page", StaticFiles(directory=STATIC), name="page")
    blocks = build_page(service, described, settings.store.result_hours / 24)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=page_theme(),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        max_file_size=1,
    )
    values = {
        "texts": script_texts(),
        "examples": [one.plain() for one in EXAMPLES],
        "workbenchWords": {language: workbench_words(language) for language in LANGUAGES},
        "limits": {"partMb": settings.limits.part_mb, "frames": settings.limits.frames},
    }
    head = head_of(tuple(map(_address, _STYLES)), tuple(map(_address, _SCRIPTS)), values)
    gradio_app = app.router.routes.pop().app  # type: ignore[attr-defined]
    app.router.routes.append(Route("/", Shell(gradio_app, head, "Theodolite"), methods=["GET"]))
    app.mount("/", gradio_app, name="gradio")


def _address(name: str) -> str:
    """The address of a style or script, which changes with its content, because browsers keep files."""
    folder, _, file = name.rpartition("/")
    content = static_file(file).content if folder else (STATIC / file).read_bytes()
    return f"/page/{name}?{sha256(content).hexdigest()[:12]}"


def _add_workbench(app: FastAPI, service: Service) -> None:
    from fastapi import Response
    from fastapi.responses import JSONResponse

    def file(name: str) -> Response:
        found = static_file(name)
        return Response(found.content, media_type=found.media_type)

    def data(id: str) -> Response:
        store = service.store
        return JSONResponse(workbench_data(store.result(id), store.stored_scene(id), id))

    app.add_api_route("/page/workbench/{name}", file, methods=["GET"], include_in_schema=False)
    app.add_api_route("/page/results/{id}.json", data, methods=["GET"], include_in_schema=False)

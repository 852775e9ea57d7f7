"""An application that only reads requests, behind all guards, with a page of Gradio."""

from __future__ import annotations

from typing import Any

import gradio
from fastapi import FastAPI, Request
from serve.fake_store import FakeStore
from starlette.concurrency import run_in_threadpool

from pipeline.serve.guard.install import install_guards
from pipeline.serve.intake.bodies import read_body
from pipeline.serve.intake.multipart import Form
from pipeline.serve.intake.scene import read_scene_input
from pipeline.serve.intake.sources import read_sources
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import SceneInput
from pipeline.serve.settings import ServeSettings


def small_app(settings: ServeSettings, store: FakeStore, token: str | None = None) -> Any:
    """The application; ``/v1/ask`` and ``/v1/depth`` give the number of frames."""
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.post("/v1/ask")
    @app.post("/v1/depth")
    async def read(request: Request) -> int:
        got = await read_body(request, store, settings.limits)  # type: ignore[arg-type]
        if isinstance(got, Form):
            images, depth = (tuple(upload.id for upload in got.files.get(name, ())) for name in ("images", "depth"))
        else:
            if not isinstance(got.get("images"), list) or not isinstance(got.get("question"), str):
                raise UnfitError("The request does not fit.")
            uploads = await run_in_threadpool(read_sources, got["images"], store, settings)
            images, depth = tuple(upload.id for upload in uploads), ()
        given = SceneInput(images, depth)
        return len((await run_in_threadpool(read_scene_input, given, store.uploads, settings)).frames)

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    install_page(app)
    install_guards(app, settings, token)
    return app


def install_page(app: FastAPI) -> None:
    """A page that echoes words, with a script of its own, and with an image that would take files."""
    with gradio.Blocks(analytics_enabled=False) as page:
        words, said = gradio.Textbox(label="Words"), gradio.Markdown()
        gradio.Button("Echo").click(lambda text: f"You said: {text}", words, said)
        made = "element.querySelector('#made').textContent = 'made by a script'"
        gradio.HTML("<b id=made></b>", js_on_load=made)
        gradio.Button("Show").click(lambda given: "x", gradio.Image(), words, api_name="f")
    theme = gradio.themes.Base(font=["system-ui"], font_mono=["monospace"])
    gradio.mount_gradio_app(app, page, path="/", theme=theme)

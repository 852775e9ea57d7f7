"""The document of the page."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from pipeline.serve.page.shell import Shell, document, head_of

GRADIO = """<!doctype html>
<html><head>
<meta property="og:image"
  content="https://example.org/a.jpg"
/>
<meta name="twitter:card" content="summary" />
<meta name="viewport" content="width=device-width" />
<script>window.gradio_config = {};</script>
<script data-gradio-mode>window.iFrameResizer = {};</script>
<script>(() => { script.src = "https://cdn/iframeResizer.js"; })();</script>
<link rel="manifest" href="/manifest.json" />
<script type="module" src="./assets/index.js"></script>
</head><body></body></html>"""


def test_nothing_leads_to_other_hosts() -> None:
    made = document(GRADIO, "<!-- head -->", "A & B")
    assert not re.search(r"https?://|iframe|manifest|og:|twitter:", made, re.IGNORECASE)
    for kept in ("<title>A &amp; B</title>", "<!-- head -->", "gradio_config", "viewport", "./assets/index.js"):
        assert kept in made
    assert '__gradio_mode__ = "app"' in made


def test_values_of_scripts_cannot_end_them() -> None:
    head = head_of(("/a.css",), ("/b.js",), {"x": "</script><img>"})
    assert "</script><img>" not in head and '"/a.css"' in head and '"/b.js"' in head


def test_the_length_of_the_page_is_that_of_its_new_content() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/html"), (b"Content-Length", b"5")]
        await send({"type": "http.response.start", "status": scope["status"], "headers": headers})
        await send({"type": "http.response.body", "body": GRADIO[:40].encode(), "more_body": True})
        await send({"type": "http.response.body", "body": GRADIO[40:].encode()})

    def answered(status: int) -> tuple[list[Any], bytes]:
        messages: list[Any] = []

        async def send(message: Any) -> None:
            messages.append(message)

        async def called() -> None:
            await Shell(app, "<!-- head -->", "T")({"type": "http", "status": status}, None, send)

        asyncio.run(called())
        return messages[0]["headers"], messages[1]["body"]

    headers, body = answered(200)
    assert dict(headers)[b"content-length"] == str(len(body)).encode() and b"<!-- head -->" in body
    headers, body = answered(401)
    assert body == GRADIO.encode() and dict(headers)[b"content-length"] == str(len(body)).encode()

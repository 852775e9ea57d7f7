"""The document of the page: Gradio's own, without what leads to other hosts, with the page's style and scripts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import Any

from pipeline.export.report.scripts import script_value

Message = MutableMapping[str, Any]
App = Callable[[MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]

# Descriptions for other sites, the manifest of an installed app, and the script for pages in frames.
_REMOVED = (
    re.compile(r"<meta\s+(?:property=\"og:|name=\"twitter:)[^>]*?/>", re.DOTALL),
    re.compile(r"<link rel=\"manifest\"[^>]*>"),
    re.compile(r"<script data-gradio-mode>.*?</script>\s*<script>.*?</script>", re.DOTALL),
)
# What the removed script also sets.
_MODE = '<script>window.__gradio_mode__ = "app";</script>'


def document(html: str, head: str, title: str) -> str:
    """Gradio's document with another head.

    Args:
        html: The document.
        head: Elements that are added to the head, before all scripts.
        title: Title of the page.
    """
    for pattern in _REMOVED:
        html = pattern.sub("", html)
    return html.replace("<head>", f"<head>\n<title>{escape(title)}</title>\n{head}\n{_MODE}", 1)


def head_of(styles: tuple[str, ...], scripts: tuple[str, ...], values: dict[str, Any]) -> str:
    """Elements of the head: styles and scripts by their paths, and values as ``window.theodolitePageValues``."""
    lines = [f'<link rel="stylesheet" href="{escape(path)}">' for path in styles]
    lines += [f"<script>window.theodolitePageValues={script_value(values)};</script>"]
    lines += [f'<script src="{escape(path)}"></script>' for path in scripts]
    lines += ['<link rel="icon" type="image/svg+xml" href="/page/icon.svg">']
    return "\n".join(lines)


class Shell:
    """The page at ``/``: Gradio's with another head.

    Args:
        app: Gradio's app.
        head: See ``document``.
        title: See ``document``.
    """

    def __init__(self, app: App, head: str, title: str) -> None:
        self.app, self.head, self.title = app, head, title

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        start: Message = {}
        body = bytearray()

        async def collected(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            content = bytes(body)
            if start["status"] == 200:
                content = document(content.decode("utf-8"), self.head, self.title).encode("utf-8")
            headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            start["headers"] = [*headers, (b"content-length", str(len(content)).encode("ascii"))]
            await send(start)
            await send({"type": "http.response.body", "body": content})

        await self.app(scope, receive, collected)

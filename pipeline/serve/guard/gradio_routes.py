"""What of Gradio the page needs; its other routes read files and fetch addresses, and are not there."""

from __future__ import annotations

import json
import re
from typing import Any

from pipeline.serve.guard.answers import App, Message, Receive, Scope, Send, values_of
from pipeline.serve.problems import TooLargeError, UnfitError, UnknownError, UnsupportedError
from pipeline.serve.settings import MB, Limits

# Relative to where Gradio is mounted; what a page of Gradio 6.31 asks for in a browser.
_READ = re.compile(
    r"/?|/config/?|(/gradio_api)?/theme\.css|/favicon\.ico|/(assets|static)(/[\w.-]+)+"
    r"|/gradio_api/(queue/data|startup-events|heartbeat/\w+)"
)
_CALLED = re.compile(r"/gradio_api/(queue/join|cancel|reset/?)")
_MOST_BYTES = 2 * MB
_FILE_KEYS = frozenset(("path", "url"))
_FILE_TYPE = "gradio.FileData"


class GradioRoutes:
    """Gradio, reduced to what the page needs.

    Args:
        app: Gradio's application.
        limits: ``json_depth`` counts.
    """

    def __init__(self, app: App, limits: Limits) -> None:
        self.app = app
        self._limits = limits

    @property
    def routes(self) -> Any:
        """Those of Gradio, which frameworks list."""
        return getattr(self.app, "routes", [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            path = relative_path(scope)
            if scope["method"] == "POST" and _CALLED.fullmatch(path):
                receive = await self._checked(scope, receive)
            elif scope["method"] not in ("GET", "HEAD") or not _READ.fullmatch(path) or ".." in path:
                raise UnknownError("There is nothing at this address.")
        await self.app(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """The body again, once it is known to name no file."""
        from pipeline.serve.intake.bodies import apart

        if [value.partition(";")[0].strip().lower() for value in values_of(scope, b"content-type")] != [
            "application/json"
        ]:
            raise UnsupportedError("Send application/json.")
        data = await _read(receive)
        if data is not None and await apart(_names_file, data, self._limits.json_depth):
            raise UnfitError("Files are sent to /v1/uploads; requests of the page hold none.")
        is_given = False

        async def again() -> Message:
            nonlocal is_given
            if is_given or data is None:
                return {"type": "http.disconnect"} if data is None else await receive()
            is_given = True
            return {"type": "http.request", "body": data, "more_body": False}

        return again


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None if the client leaves."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _MOST_BYTES:
            raise TooLargeError(f"A request of the page has at most {_MOST_BYTES // MB} MB.")
        if not message.get("more_body", False):
            return b"".join(parts)


def _names_file(data: bytes, most_depth: int) -> bool:
    from pipeline.serve.intake.json_text import parse_json

    return names_file(parse_json(data, most_depth))


def relative_path(scope: Scope) -> str:
    """The path of a request below the place of the mounted application."""
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else "" if path == root else path


def names_file(value: Any) -> bool:
    """Whether JSON holds an object that Gradio would take for a file, or text with one.

    >>> names_file({"data": [{"path": "/etc/passwd"}]}), names_file({"data": ["a path"]})
    (True, False)
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if _FILE_KEYS & one.keys() or one.get("_type") == _FILE_TYPE:
                return True
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and _FILE_TYPE in one and _is_hidden_file(one):
            return True
    return False


def _is_hidden_file(text: str) -> bool:
    """Whether a text is JSON that names a file; components may read JSON in texts."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False

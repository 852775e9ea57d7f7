"""What of Gradio the page needs; its other routes read files and fetch addresses, and are not there."""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import parse_qs

from pipeline.serve.guard.answers import App, Message, Receive, Scope, Send, values_of
from pipeline.serve.guard.gradio_sessions import GradioApp, Sessions, owner_of
from pipeline.serve.problems import BusyError, TooLargeError, UnfitError, UnknownError, UnsupportedError
from pipeline.serve.settings import Limits

logger = logging.getLogger(__name__)

# Relative to where Gradio is mounted; what a page of Gradio 6.31 asks for in a browser.
_READ = re.compile(
    r"/?|/config/?|(/gradio_api)?/theme\.css|/favicon\.ico|/(assets|static)(/[\w.-]+)+"
    r"|/gradio_api/(queue/data|startup-events|heartbeat/[\w-]+)"
)
_CALLED = re.compile(r"/gradio_api/(queue/join|cancel|reset/?)")
_HEARTBEAT, _ANSWERS, _JOIN, _CANCEL = (
    f"/gradio_api/{name}" for name in ("heartbeat/", "queue/data", "queue/join", "cancel")
)
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_BYTES, _LONGEST_QUERY = 256_000, 1000
# Calls of one session whose end was not read; Gradio keeps all that they said.
_MOST_PENDING = 8
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
        self._gradio = GradioApp(app)
        self.sessions = Sessions(self._gradio.forget)

    @property
    def routes(self) -> Any:
        """Those of Gradio, which frameworks list."""
        return getattr(self.app, "routes", [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            path = relative_path(scope)
            if scope["method"] == "POST" and _CALLED.fullmatch(path):
                receive = await self._checked(scope, receive, path)
            elif scope["method"] not in ("GET", "HEAD") or not _READ.fullmatch(path) or ".." in path:
                raise UnknownError("There is nothing at this address.")
            elif path.startswith(_HEARTBEAT):
                await self.sessions.use(_session(path.removeprefix(_HEARTBEAT)), owner_of(scope))
            elif path == _ANSWERS:
                await self._follow(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on the answers of a session."""
        query = scope["query_string"].decode("latin-1")
        given = parse_qs(query).get("session_hash", []) if len(query) <= _LONGEST_QUERY else []
        session = _session(given[0] if len(given) == 1 else None)
        await self.sessions.use(session, owner_of(scope))
        is_open = False

        async def noted(message: Message) -> None:
            nonlocal is_open
            is_open = message["type"] == "http.response.start" or bool(message.get("more_body"))
            await send(message)

        with self.sessions.followed(session):
            try:
                await self.app(scope, receive, noted)
            except Exception as error:
                if not is_open:
                    raise
                # Gradio says what was wrong before it raises, such as that nothing was asked.
                logger.info("Answers of the page ended early: %s.", type(error).__name__)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _admit(self, scope: Scope, path: str, given: Any) -> None:
        """Refuse calls of functions that the page has not, or of sessions of others."""
        if not isinstance(given, dict):
            raise UnfitError("Send a JSON object.")
        if path not in (_JOIN, _CANCEL):
            return
        session = _session(given.get("session_hash"))
        if path == _JOIN:
            index, data = given.get("fn_index"), given.get("data")
            if type(index) is not int:
                raise UnfitError("fn_index must be a whole number.")
            inputs = self._gradio.inputs().get(index)
            if inputs is None:
                raise UnknownError("The page has no such function.")
            if not isinstance(data, list) or len(data) != inputs or given.get("batched") or given.get("simple_format"):
                raise UnfitError(f"This function of the page takes a list of {inputs} values.")
        await self.sessions.use(session, owner_of(scope))
        if path == _JOIN and self._gradio.pending(session) >= _MOST_PENDING:
            raise BusyError("This page asks for too much at once; wait for its answers.")

    async def _checked(self, scope: Scope, receive: Receive, path: str) -> Receive:
        """The body again, once it is known to call a function of the page and to name no file."""
        from pipeline.serve.intake.bodies import apart
        from pipeline.serve.intake.json_text import parse_json

        if [value.partition(";")[0].strip().lower() for value in values_of(scope, b"content-type")] != [
            "application/json"
        ]:
            raise UnsupportedError("Send application/json.")
        data = await _read(receive)
        if data is not None:
            given = await apart(parse_json, data, self._limits.json_depth)
            if names_file(given):
                raise UnfitError("Files are sent to /v1/uploads; requests of the page hold none.")
            await self._admit(scope, path, given)
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
            raise TooLargeError(f"A request of the page has at most {_MOST_BYTES // 1000} kB.")
        if not message.get("more_body", False):
            return b"".join(parts)


def _session(given: Any) -> str:
    """The name of a session.

    Raises:
        UnfitError: If it is none.
    """
    if not isinstance(given, str) or not _SESSION.fullmatch(given):
        raise UnfitError("session_hash must be 1 to 64 letters, digits, - or _.")
    return given


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

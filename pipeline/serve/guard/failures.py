"""Turns whatever ends a request into problem details; words of errors that nobody raised on purpose stay in the log."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus

from pipeline.serve.guard.answers import (
    SAFE_METHODS,
    App,
    Message,
    Receive,
    Scope,
    Send,
    send_details,
    send_problem,
)
from pipeline.serve.problems import MEDIA_TYPE, TooSlowError, place_of, problem, problem_of
from pipeline.serve.settings import MB

logger = logging.getLogger(__name__)

# Headers that say more about a refusal.
_KEPT = (b"allow", b"retry-after", b"www-authenticate")
# Of a body that is refused, so much is read and thrown away: closed with data unread, a connection loses the answer.
_DRAINED_BYTES = 4 * MB
_DRAINED_S = 1.0


class Failures:
    """Answers with problem details where the application raises, or refuses in words of its framework.

    WebSockets, which nothing here speaks, are refused.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await _Request(scope, receive, send).serve(self.app)
        else:
            await self.app(scope, receive, send)


class _Request:
    """One request, and how far its body and its answer are."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._is_whole = scope["method"] in SAFE_METHODS
        self._has_started = False
        self._refused: tuple[HTTPStatus, dict[str, str]] | None = None

    async def serve(self, app: App) -> None:
        try:
            await app(self._scope, self._read, self._answer)
        except Exception as error:
            if self._has_started:
                # The server ends the connection, which tells the client that the answer is not whole.
                raise
            if problem_of(error)[0] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                where = f"{self._scope['method']} {self._scope['path'][:200]!r}"
                logger.error("%s failed with %s", where, place_of(error))
            if not isinstance(error, TooSlowError):
                await self._drain()
            await send_problem(self._send, error, closes=not self._is_whole)
            return
        if self._refused is not None:
            status, headers = self._refused
            await send_details(self._send, status, problem(status, _sentence(status)), headers)

    async def _read(self) -> Message:
        message = await self._receive()
        self._is_whole = self._is_whole or not message.get("more_body", False)
        return message

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = {key.lower(): value for key, value in message.get("headers", ())}
            kind = headers.get(b"content-type", b"").partition(b";")[0].strip().decode("latin-1")
            if message["status"] >= HTTPStatus.BAD_REQUEST and kind not in (MEDIA_TYPE, "text/html"):
                kept = {key.decode(): headers[key].decode("latin-1") for key in _KEPT if key in headers}
                self._refused = HTTPStatus(message["status"]), kept
            else:
                self._has_started = True
        if self._refused is None:
            await self._send(message)

    async def _drain(self) -> None:
        taken = 0
        try:
            async with asyncio.timeout(_DRAINED_S):
                while not self._is_whole and taken < _DRAINED_BYTES:
                    taken += len((await self._read()).get("body", b""))
        except TimeoutError:
            return


def _sentence(status: HTTPStatus) -> str:
    if status is HTTPStatus.NOT_FOUND:
        return "There is nothing at this address."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The server failed; its log says why."
    return f"The request was refused: {status.phrase.lower()}."

"""Calls an ASGI application as a server would, message by message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What an application sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def problem(self) -> dict[str, Any]:
        """The problem details, checked to be some."""
        assert self.headers["content-type"] == "application/problem+json"
        details: dict[str, Any] = json.loads(self.body)
        assert details["status"] == self.status
        return details


def call(
    app: Any,
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: bytes | Sequence[bytes] = b"",
    *,
    client: str = "127.0.0.1",
    pause_s: float = 0.0,
    leaves: bool = False,
    state: dict[str, Any] | None = None,
    scheme: str = "http",
    query: bytes = b"",
) -> Answer:
    """One request.

    Args:
        app: The application.
        method: Its method.
        path: Its path.
        headers: Its headers; ``Host`` is localhost unless they name one.
        body: Its body, or the pieces in which it comes.
        client: Address of the client.
        pause_s: Time before each piece [s].
        leaves: Whether the client leaves before the last piece.
        state: Receives the state of the request.
        scheme: ``http`` or ``https``.
        query: What follows the path.
    """
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if not any(key.lower() == "host" for key, _ in pairs):
        pairs.append(("Host", "localhost:7860"))
    pieces = [body] if isinstance(body, bytes) else list(body)
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query, "root_path": "", "scheme": scheme,
        "headers": [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in pairs],
        "client": (client, 50_000), "server": ("127.0.0.1", 7860), "state": {} if state is None else state,
        "http_version": "1.1", "raw_path": path.encode("latin-1", "replace"),
    }  # fmt: skip
    answer, waiting = Answer(), list(enumerate(pieces, 1))

    async def receive() -> dict[str, Any]:
        if pause_s:
            await asyncio.sleep(pause_s)
        if not waiting:
            await asyncio.sleep(3600)
        number, piece = waiting.pop(0)
        if leaves and not waiting:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": number < len(pieces)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert answer.status == 0, "an answer begins once"
            answer.status = message["status"]
            answer.headers = {key.decode(): value.decode("latin-1") for key, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    asyncio.run(asyncio.wait_for(app(scope, receive, send), 20))
    return answer


class Echo:
    """An application that answers with the body that it received, and keeps the requests."""

    def __init__(self, headers: Mapping[str, str] | None = None, status: int = 200) -> None:
        self.headers, self.status, self.seen = headers or {"content-type": "text/plain"}, status, []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope["path"])
        body = b""
        while scope["method"] not in ("GET", "HEAD"):
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        headers = [(key.encode(), value.encode()) for key, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body or b"hello"})

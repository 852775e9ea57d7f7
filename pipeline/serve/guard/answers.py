"""Answers that need no application, and small helpers for headers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any

from pipeline.serve.problems import MEDIA_TYPE, problem_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Methods that change nothing (RFC 9110, 9.2.1). OPTIONS is not among them: only a page of another origin sends it.
SAFE_METHODS = frozenset(("GET", "HEAD"))


def values_of(scope: Scope, name: bytes) -> list[str]:
    """The values of a request's header, in their order; the name is in lower case."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def cookies_of(scope: Scope, name: str) -> list[str]:
    """The values of a cookie that a request holds."""
    found = []
    for value in values_of(scope, b"cookie"):
        try:
            cookie = SimpleCookie(value).get(name)
        except CookieError:
            continue
        if cookie is not None:
            found.append(cookie.value)
    return found


async def send_answer(
    send: Send, status: int, content: bytes, media_type: str, headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole answer."""
    pairs = {"Content-Type": media_type, "Content-Length": str(len(content)), **(headers or {})}
    raw = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in pairs.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": raw})
    await send({"type": "http.response.body", "body": content})


async def send_details(
    send: Send, status: int, details: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> None:
    """Send problem details."""
    await send_answer(
        send, status, json.dumps(details).encode(), MEDIA_TYPE, {"Cache-Control": "no-store", **(headers or {})}
    )


async def send_problem(send: Send, error: BaseException, *, closes: bool) -> None:
    """Send problem details of an error.

    Args:
        send: Of the request.
        error: The error.
        closes: Whether the connection ends, because the body of the request is not read.
    """
    status, details, headers = problem_of(error)
    await send_details(send, status, details, {**headers, "Connection": "close"} if closes else headers)


async def redirect(send: Send, location: str, headers: Iterable[tuple[str, str]] = ()) -> None:
    """Send the client elsewhere, with GET."""
    further = {"Location": location, "Cache-Control": "no-store", **dict(headers)}
    await send_answer(send, HTTPStatus.SEE_OTHER, b"", "text/plain; charset=utf-8", further)

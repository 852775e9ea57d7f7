"""Lets in only those who have the token: programs by a header, browsers by a cookie that a small login sets."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus

from pipeline.serve.guard.answers import (
    SAFE_METHODS,
    App,
    Receive,
    Scope,
    Send,
    cookies_of,
    redirect,
    send_answer,
    values_of,
)
from pipeline.serve.guard.login import PAGE, page_policy, token_of_form
from pipeline.serve.problems import UnauthorizedError

LOGIN = "/login"
# Says whether the process lives, and nothing else.
_OPEN = frozenset(("/healthz",))
_COOKIE = "theodolite"
_COOKIE_S = 30 * 24 * 3600
_SHOWN = "text/html"


class Tokens:
    """Refuses requests without the bearer token.

    ``/healthz`` stays open. ``/login`` shows a form and sets a cookie, which holds no token but a value that only who
    knows the token can make; a new token ends all logins. Pages that a browser opens lead to it.

    Args:
        app: The application.
        token: The token.
    """

    def __init__(self, app: App, token: str) -> None:
        self.app = app
        self._token = token.encode()
        self._pass = hmac.new(self._token, b"theodolite login", hashlib.sha256).hexdigest().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self.app(scope, receive, send)
        elif scope["path"] == LOGIN:
            await self._login(scope, receive, send)
        elif self._is_in(scope):
            await self.app(scope, receive, send)
        elif scope["method"] in SAFE_METHODS and _SHOWN in ",".join(values_of(scope, b"accept")):
            await redirect(send, LOGIN)
        else:
            raise UnauthorizedError(
                "Send the server's token as the header Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"}
            )

    def _is_in(self, scope: Scope) -> bool:
        for value in values_of(scope, b"authorization"):
            scheme, _, given = value.partition(" ")
            if scheme.lower() == "bearer" and self._is_token(given.strip()):
                return True
        return any(hmac.compare_digest(given.encode(), self._pass) for given in cookies_of(scope, _COOKIE))

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token)

    async def _login(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in SAFE_METHODS:
            await _send_page(send, HTTPStatus.OK)
        elif scope["method"] == "POST" and self._is_token(await token_of_form(scope, receive)):
            secure = "; Secure" if scope.get("scheme") == "https" else ""
            kept = f"Max-Age={_COOKIE_S}; Path=/; HttpOnly; SameSite=Strict{secure}"
            await redirect(send, "/", [("Set-Cookie", f"{_COOKIE}={self._pass.decode()}; {kept}")])
        else:
            await _send_page(send, HTTPStatus.UNAUTHORIZED)


async def _send_page(send: Send, status: HTTPStatus) -> None:
    content = PAGE.replace("<!-- fault -->", "" if status < 400 else "<p role=alert>This is not the token.</p>")
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": page_policy()}
    await send_answer(send, status, content.encode(), "text/html; charset=utf-8", headers)

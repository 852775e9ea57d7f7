"""Answers only requests that name this server: no web page reaches it by a name of its own (DNS rebinding)."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from urllib.parse import urlsplit

from pipeline.serve.guard.answers import App, Receive, Scope, Send, values_of
from pipeline.serve.problems import ServeError
from pipeline.serve.settings import ServeSettings

_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


class MisdirectedError(ServeError):
    """The request names another host."""

    status = HTTPStatus.MISDIRECTED_REQUEST


class OwnHosts:
    """Refuses requests whose ``Host`` is none of this server's.

    Its own are the loopback names, the address that it listens on, and ``hosts`` of the settings, at any port, because
    ports are forwarded. Where other machines reach it, so are bare addresses: a page's own name never is one.

    Args:
        app: The application.
        settings: Settings of the server.
    """

    def __init__(self, app: App, settings: ServeSettings) -> None:
        self.app = app
        self._names = _LOOPBACK | {_bare(name) for name in (settings.host, *settings.hosts)}
        self._takes_addresses = not settings.is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and not self._is_own(values_of(scope, b"host")):
            raise MisdirectedError("The request names another host; add its name to serve.hosts if it is this server.")
        await self.app(scope, receive, send)

    def _is_own(self, hosts: list[str]) -> bool:
        name = hostname(hosts[0]) if len(hosts) == 1 else None
        return name is not None and (name in self._names or (self._takes_addresses and _is_address(name)))


def hostname(host: str) -> str | None:
    """The name in a ``Host`` header, in lower case and without port; None if it is malformed.

    >>> hostname("Localhost:7860"), hostname("[::1]:7860"), hostname("me@localhost"), hostname("localhost/x")
    ('localhost', '::1', None, None)
    """
    try:
        parts = urlsplit(f"//{host}")
        # Reading the port checks it.
        is_plain = parts.netloc == host and parts.username is None and (parts.port or 1) > 0
        return parts.hostname if is_plain else None
    except ValueError:
        return None


def _bare(name: str) -> str:
    return name.strip("[]").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

"""Uvicorn's connections, with limits: how many there are, and how long they wait and stream."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pipeline.serve.guard.headers import secured
from pipeline.serve.guard.rates import client_at
from pipeline.serve.problems import MEDIA_TYPE, problem
from pipeline.serve.settings import Limits

ACCEPTED_AT_ONCE = 64
"""Connections that the event loop takes before the first of them can be refused; ``backlog`` of ``uvicorn.Config``."""
# Files that the server itself has open, and connections that come while others are refused.
_OWN_FILES = 2 * ACCEPTED_AT_ONCE + 64
_FEWEST = 8
_RETRY_S = 5
_NOT_ACCEPTED = "socket.accept()"
_QUIET_S = 60.0


def http_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Uvicorn's protocol in Python, whose refusals are problem details.

    A client has a time in which to send the headers of a request, and an answer one in which to end; only so many
    connections are open, in all and for one client. A request with both ``Content-Length`` and ``Transfer-Encoding`` is
    refused, because proxies may read it otherwise (RFC 9112, 6.1).

    Args:
        limits: ``send_s``, ``stream_s``, ``connections`` and ``client_connections`` count.

    Returns:
        A class for ``uvicorn.Config(http=...)``.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    protocol: Any = H11Protocol
    connection: Any = h11.Connection
    most = most_connections(limits.connections)
    opened: dict[str, int] = {}

    class Strict(connection):
        """Accepts one framing of a body."""

        def next_event(self) -> Any:
            event = super().next_event()
            if isinstance(event, h11.Request):
                names = {name for name, _ in event.headers}
                if {b"content-length", b"transfer-encoding"} <= names:
                    raise h11.RemoteProtocolError("two framings")
            return event

    class Limited(protocol):
        """Bodies have their own limit, and uvicorn has one for pauses between requests."""

        _ends: asyncio.TimerHandle | None = None
        _is_streaming = False
        _holder: str | None = None

        def __init__(self, config: Any, *arguments: Any, **options: Any) -> None:
            super().__init__(config, *arguments, **options)
            size = config.h11_max_incomplete_event_size
            self.conn = Strict(h11.SERVER) if size is None else Strict(h11.SERVER, size)

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            client = client_at(self.client[0] if self.client else "local")
            if len(self.connections) > most:
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The server has too many connections; try again later.")
            elif opened.get(client, 0) >= limits.client_connections:
                words = f"You have {limits.client_connections} connections to this server; close some of them."
                self._refuse(HTTPStatus.TOO_MANY_REQUESTS, words)
            else:
                self._holder = client
                opened[client] = opened.get(client, 0) + 1
                self._expect()

        def data_received(self, data: bytes) -> None:
            if self._holder is None:
                return
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            if self._is_streaming:
                self._cancel()
            super().on_response_complete()
            # The next request may have come already.
            self._watch(is_between=True)

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            if self._holder is not None:
                opened[self._holder] -= 1
                if not opened[self._holder]:
                    del opened[self._holder]
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            self._refuse(HTTPStatus.BAD_REQUEST, "The request is no valid HTTP.")

        def _should_upgrade(self) -> bool:
            # Nothing here speaks anything else; a request to change the protocol is answered as it is (RFC 9110, 7.8).
            return False

        def _refuse(self, status: HTTPStatus, detail: str) -> None:
            """Answer without the application, and close."""
            if self.cycle is not None and not self.cycle.response_complete:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            try:
                for event in _answer(h11, status, detail):
                    self.transport.write(self.conn.send(event) or b"")
            except h11.LocalProtocolError:
                # An answer to an earlier request is on its way; its connection ends.
                pass
            self.transport.close()

        def _watch(self, *, is_between: bool = False) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                if not self._is_streaming:
                    self._cancel()
                    self._is_streaming = True
                    self._ends = asyncio.get_running_loop().call_later(limits.stream_s, self.transport.close)
            elif not is_between:
                self._expect()

        def _expect(self) -> None:
            if self._ends is None:
                self._ends = asyncio.get_running_loop().call_later(limits.send_s, self.transport.close)

        def _cancel(self) -> None:
            self._is_streaming = False
            if self._ends is not None:
                self._ends.cancel()
                self._ends = None

    return Limited


def _answer(h11: Any, status: HTTPStatus, detail: str) -> list[Any]:
    content = json.dumps(problem(status, detail)).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    if status != HTTPStatus.BAD_REQUEST:
        headers.append((b"retry-after", str(_RETRY_S).encode()))
    begin = h11.Response(status_code=int(status), headers=secured(headers), reason=status.phrase.encode())
    return [begin, h11.Data(data=content), h11.EndOfMessage()]


def most_connections(wanted: int) -> int:
    """The number of connections that the process may have, of those that are wanted: each one takes an open file."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return wanted
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if files == resource.RLIM_INFINITY else min(wanted, max(_FEWEST, files - _OWN_FILES))


class RareAcceptErrors(logging.Filter):
    """Keeps one report a minute, of one line, that no connection could be accepted; for the logger ``asyncio``.

    Args:
        clock: Gives the time [s].
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._next_s = clock, -float("inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        if not record.getMessage().startswith(_NOT_ACCEPTED):
            return True
        if self._clock() < self._next_s:
            return False
        self._next_s = self._clock() + _QUIET_S
        record.msg, record.args = "No connection can be accepted: the process has too many open files.", ()
        record.exc_info = record.exc_text = None
        return True

"""An HTTP client whose answers end: the ordinary one limits the time of each read alone, and no size."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

MAX_ANSWER_BYTES = 16 * 2**20
"""Largest answer that is read [bytes]; the longest texts of today's models are far below."""


class OversizedAnswerError(Exception):
    """An answer is larger than it may be, or compressed, so that its size is not known."""


class BrokenAnswerError(Exception):
    """The connection was lost within an answer."""


def limited_client(timeout_s: float) -> Any:
    """The client of the openai package, with limits of the time and size of each answer; it follows no redirects.

    Both hold while an answer is read, whether at once or as a stream. Reading raises the time-out of the openai
    package, OversizedAnswerError, or BrokenAnswerError.

    Args:
        timeout_s: Time from sending a request to the last byte of its answer [s].
    """
    from openai import APITimeoutError, DefaultHttpxClient

    # Which of httpx and httpx2 is in use depends on the version of the openai package.
    names = (base.__module__.partition(".")[0] for base in DefaultHttpxClient.__mro__)
    httpx: Any = sys.modules[next(name for name in names if name.startswith("httpx"))]

    class LimitedStream(httpx.SyncByteStream):
        def __init__(self, response: Any, deadline: float) -> None:
            self._response = response
            self._stream = response.stream
            self._deadline = deadline

        def __iter__(self) -> Iterator[bytes]:
            # A read that waits is ended from outside: its own limit began with it, not with the request.
            alarm = threading.Timer(max(self._deadline - time.monotonic(), 0), _hang_up, [self._response])
            alarm.daemon = True
            alarm.start()
            try:
                yield from self._chunks()
                # The end that the alarm made, where the answer's length is not known.
                self._check_time()
            except httpx.TransportError as error:
                self.close()
                self._check_time(late=isinstance(error, httpx.TimeoutException))
                raise BrokenAnswerError from None
            except BaseException:
                self.close()
                raise
            finally:
                alarm.cancel()

        def close(self) -> None:
            self._stream.close()

        def _chunks(self) -> Iterator[bytes]:
            if self._response.headers.get("Content-Encoding", "identity") != "identity":
                raise OversizedAnswerError
            size = 0
            for chunk in self._stream:
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    raise OversizedAnswerError
                self._check_time()
                yield chunk

        def _check_time(self, late: bool = False) -> None:
            if late or time.monotonic() >= self._deadline:
                raise APITimeoutError(request=self._response.request) from None

    class LimitedClient(DefaultHttpxClient):
        def send(self, request: Any, **options: Any) -> Any:
            deadline = time.monotonic() + timeout_s
            request.headers["Accept-Encoding"] = "identity"
            response = super().send(request, **{**options, "stream": True})
            response.stream = LimitedStream(response, deadline)
            if not options.get("stream"):
                response.read()
            return response

    return LimitedClient(follow_redirects=False)


def _hang_up(response: Any) -> None:
    connection = response.extensions["network_stream"].get_extra_info("socket")
    with suppress(OSError, TypeError):  # It may be closed already.
        # Unlike close(), this wakes a read that waits; the TLS connection's own would wait for the server.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)

"""An HTTP client whose answers end: the ordinary one limits the time of each read alone, and no size."""

from __future__ import annotations

import sys
import time
from typing import Any

MAX_ANSWER_BYTES = 16 * 2**20
"""Largest answer that is read [bytes]; the longest texts of today's models are far below."""


class OversizedAnswerError(Exception):
    """An answer is larger than it may be, or compressed, so that its size is not known."""


def limited_client(timeout_s: float) -> Any:
    """The client of the openai package, with limits of the time and size of each answer; it follows no redirects.

    Its ``send`` raises the time-out that the openai package tries again after, or OversizedAnswerError.

    Args:
        timeout_s: Time from sending a request to the last byte of its answer [s].
    """
    from openai import DefaultHttpxClient

    class LimitedClient(DefaultHttpxClient):
        def send(self, request: Any, **options: Any) -> Any:
            deadline = time.monotonic() + timeout_s
            request.headers["Accept-Encoding"] = "identity"
            response = super().send(request, **{**options, "stream": True})
            try:
                body = _read(response, deadline)
            finally:
                response.close()
            return type(response)(response.status_code, headers=response.headers, content=body, request=request)

    return LimitedClient(follow_redirects=False)


def _read(response: Any, deadline: float) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise OversizedAnswerError
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise OversizedAnswerError
        if time.monotonic() > deadline:
            # Which of httpx and httpx2 is in use depends on the version of the openai package.
            httpx = sys.modules[type(response).__module__.partition(".")[0]]
            raise httpx.ReadTimeout("The answer took too long.", request=response.request)
    return bytes(body)

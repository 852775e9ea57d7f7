"""Bounds the bodies of all requests in size and time, whoever reads them."""

from __future__ import annotations

import asyncio

from pipeline.serve.guard.answers import SAFE_METHODS, App, Message, Receive, Scope, Send, values_of
from pipeline.serve.problems import ServeError, TooLargeError, TooSlowError
from pipeline.serve.settings import MB, Limits

_MOST_DIGITS = 18


class Bodies:
    """Refuses bodies that are too large, by what they declare and while they come, and clients that send too slowly.

    Args:
        app: The application.
        limits: ``request_mb`` and ``send_s`` count.
    """

    def __init__(self, app: App, limits: Limits) -> None:
        self.app = app
        self._most_bytes = int(limits.request_mb * MB)
        self._most_s = limits.send_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = values_of(scope, b"content-length")
        if not all(_is_within(value, self._most_bytes) for value in declared):
            raise self._too_large()
        refusal: ServeError | None = None
        has_started = False
        taken, deadline_s = 0, asyncio.get_running_loop().time() + self._most_s
        # Of requests that have no body, nothing is waited for but their client's leave.
        is_whole = scope["method"] in SAFE_METHODS

        async def bounded() -> Message:
            nonlocal refusal, taken, is_whole
            if refusal is not None:
                raise refusal
            try:
                # What follows the body is the client's leave, which may be awaited for long.
                async with asyncio.timeout_at(None if is_whole else deadline_s):
                    message = await receive()
            except TimeoutError:
                refusal = TooSlowError(f"The request took longer than {self._most_s:g} s to arrive; send it again.")
                raise refusal from None
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                is_whole = not message.get("more_body", False)
                if taken > self._most_bytes:
                    refusal = self._too_large()
                    raise refusal
            return message

        async def answer(message: Message) -> None:
            nonlocal has_started
            # An application may take the refusal for a fault of its own; the client is told what was wrong.
            if refusal is not None and not has_started:
                return
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, bounded, answer)
        except Exception:
            if refusal is None or has_started:
                raise
        if refusal is not None and not has_started:
            raise refusal

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"The request is larger than {self._most_bytes / MB:g} MB; send less at once.")


def _is_within(declared: str, most_bytes: int) -> bool:
    is_number = declared.isascii() and declared.isdigit() and len(declared) < _MOST_DIGITS
    return is_number and int(declared) <= most_bytes

"""Ends connections on which no whole request comes, which uvicorn would keep for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from pipeline.serve.settings import Limits


def http_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Uvicorn's protocol, with a time in which a client has to send the headers of a request.

    Args:
        limits: ``send_s`` counts.

    Returns:
        A class for ``uvicorn.Config(http=...)``.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    protocol: Any = AutoHTTPProtocol

    class Punctual(protocol):
        """Bodies have their own limit, and uvicorn has one for pauses between requests."""

        _ends: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._expect()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is None or self.cycle.response_complete:
                self._expect()
            else:
                self._cancel()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def _expect(self) -> None:
            if self._ends is None:
                self._ends = asyncio.get_running_loop().call_later(limits.send_s, self.transport.close)

        def _cancel(self) -> None:
            if self._ends is not None:
                self._ends.cancel()
                self._ends = None

    return Punctual

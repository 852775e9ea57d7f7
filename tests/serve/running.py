"""A real server of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.serve.guard.connections import http_protocol
from pipeline.serve.settings import Limits


@contextmanager
def running(app: Any, limits: Limits) -> Iterator[int]:
    """The port of a server of an application, which ends with the block."""
    import uvicorn

    config = uvicorn.Config(
        app, port=0, log_level="critical", server_header=False, timeout_graceful_shutdown=1, http=http_protocol(limits)
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)

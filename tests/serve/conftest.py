"""A fake server in this process, over a socket too, and a real one in its own process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from serve.fake_service import FakeService

REPOSITORY = Path(__file__).parents[2]
_START_S = 60.0


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[tuple[FakeService, TestClient]]:
    """A service without models, and a client of its application."""
    from fastapi.testclient import TestClient
    from serve.fake_service import fake_app

    service, app = fake_app(tmp_path)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield service, client
    service.store.close()


@pytest.fixture
def fake_server(tmp_path: Path) -> Iterator[tuple[FakeService, str]]:
    """A service without models, and the address of a server in this process."""
    import uvicorn
    from serve.fake_service import fake_app

    service, app = fake_app(tmp_path)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield service, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
    service.store.close()


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of ``python -m pipeline serve`` with the small models that ship, without its page."""
    folder = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "pipeline", "serve", "serve.port=0", "serve.page=false", "cache_dir=null"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    try:
        assert found, line
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=_START_S)

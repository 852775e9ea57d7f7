"""A fake server in this process, and a real one in its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="pip install 'theodolite[serve]'")

from fastapi.testclient import TestClient
from serve.fake_service import FakeService, fake_app


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[tuple[FakeService, TestClient]]:
    """A service without models, and a client of its application."""
    service, app = fake_app(tmp_path)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield service, client
    service.store.close()

"""Images, depth and videos that the tests of ingest write themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def image(tmp_path: Path) -> Callable[..., Path]:
    """Writes a PNG of one colour (relative name, width, height) and returns its path."""

    def write(name: str = "photo.png", width: int = 32, height: int = 24, colour: object = (200, 100, 50)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), colour).save(path)
        return path

    return write

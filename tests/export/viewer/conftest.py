"""A browser with the page of two frames, which each test may change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from viewer_pages import Opened, opened_browser, quiet_page, scene_of_two_frames

from pipeline.export.viewer.data import view_data


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for the tests of a file."""
    with opened_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    """The data of a scene of two posed frames."""
    return view_data(*scene_of_two_frames())


@pytest.fixture
def opened(browser: Any, tmp_path: Path, data: dict[str, Any]) -> Iterator[Opened]:
    """A page with that data, which must stay without complaints and requests."""
    with quiet_page(browser, tmp_path, data) as page:
        yield page

"""The built documentation: no warnings, search from disk, and no request to anywhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PAGES = (
    "index",
    "tutorial",
    "input",
    "reference/relations",
    "reference/configuration/verify",
    "reference/api/geometry",
)


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="pip install 'theodolite[docs]'")
    pytest.importorskip("mkdocstrings", reason="pip install 'theodolite[docs]'")
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    programs = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    program = next(filter(None, programs), None)
    if program is None:
        pytest.skip("No Chromium is installed.")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield running
        running.close()


def test_the_site_holds_the_pages_that_are_made_from_the_code(site: Path) -> None:
    geometry = (site / "reference" / "api" / "geometry.html").read_text("utf-8")
    assert 'id="pipeline.geometry.backprojection.back_project"' in geometry
    # Examples are code, and not a paragraph of prompts.
    assert "&gt;&gt;&gt; " in geometry and "<p>&gt;&gt;&gt; " not in geometry
    for page in PAGES:
        text = (site / f"{page}.html").read_text("utf-8")
        assert "fonts.googleapis" not in text and "unpkg" not in text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opened_from_disk_asks_for_nothing_else_and_reports_no_error(
    site: Path, browser: Any, page: str
) -> None:
    view = browser.new_page()
    elsewhere: list[str] = []
    faults: list[str] = []
    local = ("file:", "data:", "blob:", "about:")
    view.on("request", lambda request: request.url.startswith(local) or elsewhere.append(request.url))
    view.on("console", lambda message: message.type == "error" and faults.append(message.text))
    view.on("pageerror", lambda error: faults.append(str(error)))
    view.goto((site / f"{page}.html").as_uri())
    view.wait_for_load_state("networkidle")
    assert view.locator("h1").count() == 1
    assert view.evaluate("[...document.images].filter(image => !image.naturalWidth).map(image => image.src)") == []
    assert (elsewhere, faults) == ([], [])
    view.close()


def test_search_works_from_disk(site: Path, browser: Any) -> None:
    view = browser.new_page()
    view.goto((site / "index.html").as_uri())
    view.wait_for_load_state("networkidle")
    view.locator(".md-search__input").press_sequentially("frame_correlation")
    found = view.locator(".md-search-result__link[href*='reference/configuration/verify.html']")
    found.first.wait_for(state="attached", timeout=20_000)
    view.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_contrast_and_names(site: Path, browser: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    view = browser.new_page(color_scheme=scheme)
    for page in ("index", "tutorial", "reference/relations"):
        view.goto((site / f"{page}.html").as_uri())
        view.wait_for_load_state("networkidle")
        found = [(fault["id"], fault["impact"]) for fault in axe.run(view).response["violations"]]
        assert [name for name, impact in found if impact in ("serious", "critical")] == [], page
    view.close()

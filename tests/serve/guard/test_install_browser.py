"""A page of Gradio in a browser, behind all guards and the login."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serve.fake_store import FakeStore
from serve.running import running

from pipeline.serve.settings import Limits, ServeSettings, StoreSettings

TOKEN = "0123456789abcdef0123"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no browser")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("gradio")
    from serve.small_app import small_app

    settings = ServeSettings(store=StoreSettings(folder=str(tmp_path / "store")))
    with running(small_app(settings, FakeStore(tmp_path / "store"), TOKEN), Limits()) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def page() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=arguments)
        yield browser.new_page()
        browser.close()


def test_the_page_works_after_the_login_and_asks_nobody_else(address: str, page: Any) -> None:
    asked, faults = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("response", lambda answer: faults.append(answer.url) if answer.status >= 400 else None)
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(address)
    assert page.url == f"{address}login"
    page.get_by_label("Token of this server").fill("no token at all")
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("alert").inner_text() == "This is not the token."
    assert [fault for fault in faults if "login" not in fault and "401" not in fault] == []
    faults.clear()
    page.get_by_label("Token of this server").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    assert page.url == address
    page.get_by_label("Words").fill("behind")
    page.get_by_role("button", name="Echo").click()
    page.get_by_text("You said: behind").wait_for(timeout=15_000)
    assert page.locator("#made").inner_text() == "made by a script"
    assert faults == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    cookies = page.context.cookies()
    assert sorted(cookie["name"] for cookie in cookies) == ["theodolite", "theodolite_page"]
    for cookie in cookies:
        assert (cookie["httpOnly"], cookie["sameSite"], TOKEN in cookie["value"]) == (True, "Strict", False)

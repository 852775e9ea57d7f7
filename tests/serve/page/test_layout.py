"""The page as Gradio's blocks: what it lets callers do."""

from __future__ import annotations

import asyncio
from inspect import getclosurevars
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the extra serve is not installed")
from serve.page.fake_service import FakeService

from pipeline.serve.page.layout import build_page, client_of


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    fake = FakeService()
    found: dict[str, Any] = build_page(fake, fake.describe(), 30.0).get_config_file()
    return found


def test_no_function_of_the_page_is_an_endpoint(config: dict[str, Any]) -> None:
    assert {one["api_visibility"] for one in config["dependencies"]} == {"private"}


def test_the_server_runs_what_the_scripts_call_and_no_more(config: dict[str, Any]) -> None:
    served = [one for one in config["dependencies"] if one["backend_fn"]]
    assert sorted(one["targets"][0][1] for one in served) == ["halt", "open", "run", "speak", "unload"]
    assert all(one["js"] for one in config["dependencies"] if one not in served)


def test_no_component_takes_files(config: dict[str, Any]) -> None:
    kinds = {one["type"] for one in config["components"]}
    assert kinds <= {
        *("html", "row", "column", "accordion", "form", "dropdown", "number", "textbox", "button", "json", "radio"),
    }


def test_every_choice_of_the_server_is_offered(config: dict[str, Any]) -> None:
    (depth,) = [one for one in config["components"] if one["props"].get("elem_id") == "td-depth"]
    assert [value for _, value in depth["props"]["choices"]] == ["configured", "nano", "file"]


@pytest.mark.parametrize(
    ("scope", "client"),
    [
        ({"state": {"client": "a token"}, "client": ("10.0.0.1", 1)}, "a token"),
        ({"client": ("10.0.0.1", 1)}, "10.0.0.1"),
    ],
)
def test_clients_are_those_of_the_guard(scope: dict[str, Any], client: str) -> None:
    assert client_of(SimpleNamespace(request=SimpleNamespace(scope=scope))) == client


@pytest.mark.parametrize("steps", [1, 999])
def test_nothing_is_kept_of_a_run_that_ended(steps: int) -> None:
    fake = FakeService(0.01)
    fake.uploads["a"] = b""
    blocks = build_page(fake, fake.describe(), 30.0)
    run = next(one.fn for one in blocks.fns.values() if one.targets[0][1] == "run")
    running = getclosurevars(run).nonlocals["running"]
    scope = {"client": ("10.0.0.1", 1)}
    request = SimpleNamespace(session_hash="s", request=SimpleNamespace(scope=scope))
    kept = []

    async def begin() -> None:
        plain = {"run": "r", "kind": "ask", "page_language": "en", "images": ["a"], "questions": ["Where?"]}
        updates = run(plain, request, *(None for _ in getclosurevars(run).nonlocals["names"]))
        for _ in range(steps):
            if await anext(updates, None) is None:
                break
            kept.append(set(running.get("s", ())))
        await updates.aclose()

    asyncio.run(begin())
    assert any(kept) and running == {}

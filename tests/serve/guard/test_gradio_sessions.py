from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from serve.asgi import Echo, call

from pipeline.serve.guard import gradio_sessions
from pipeline.serve.guard.gradio_sessions import Browsers, Owner, Sessions, owner_of
from pipeline.serve.problems import BusyError, UnknownError

A, B = "a" * 32, "b" * 32


class Kept:
    """Sessions, and those that were dropped."""

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.sessions = Sessions(self.drop)

    async def drop(self, session: str) -> None:
        self.dropped.append(session)

    def use(self, session: str, client: str = "here", browser: str = A) -> None:
        asyncio.run(self.sessions.use(session, Owner(client, browser)))


@pytest.mark.parametrize(
    ("first", "then", "is_own"),
    [
        (("here", A), ("here", A), True),
        (("here", A), ("here", B), False),
        (("here", A), ("here", ""), False),
        (("here", A), ("there", A), False),
        (("here", ""), ("here", B), True),
        (("here", ""), ("there", ""), False),
    ],
)
def test_a_session_is_its_first_users(first: tuple[str, str], then: tuple[str, str], is_own: bool) -> None:
    kept = Kept()
    kept.use("s", *first)
    if is_own:
        kept.use("s", *then)
    else:
        with pytest.raises(UnknownError):
            kept.use("s", *then)
        kept.use("s", *first)


def test_the_oldest_idle_session_of_a_client_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_sessions, "_MOST_OF_A_CLIENT", 3)
    kept = Kept()
    kept.use("other", "there")
    for session in "abcad":
        kept.use(session)
    assert kept.dropped == ["b"]
    with kept.sessions.followed("c"):
        kept.use("e")
        assert kept.dropped == ["b", "a"]
        with kept.sessions.followed("d"), kept.sessions.followed("e"), pytest.raises(BusyError):
            kept.use("f")
    kept.use("f")
    assert kept.dropped == ["b", "a", "c"] and len(kept.sessions) == 4


def test_all_clients_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_sessions, "_MOST", 3)
    kept = Kept()
    for number in range(5):
        kept.use(f"s{number}", f"client {number}")
    assert kept.dropped == ["s0", "s1"] and len(kept.sessions) == 3


def opened(path: str = "/", **headers: str) -> str:
    return call(Browsers(Echo()), "GET", path, headers).headers.get("set-cookie", "")


def test_a_browser_that_opens_the_page_gets_a_random_name_once() -> None:
    given = opened()
    assert re.fullmatch(r"theodolite_page=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Strict", given)
    assert opened() != given
    assert opened(Cookie=given.split(";")[0]) == "" and opened(Cookie="theodolite_page=guess") != ""
    assert opened("/config") == "" and opened(**{"Sec-Fetch-Site": "cross-site"}) == ""
    assert "; Secure" in call(Browsers(Echo()), "GET", scheme="https").headers["set-cookie"]


def test_an_owner_is_an_address_and_a_browser() -> None:
    scope = {"client": ("10.0.0.1", 1), "headers": [(b"cookie", f"x=1; theodolite_page={A}".encode())]}
    assert owner_of(scope) == Owner("10.0.0.1", A)


@pytest.fixture
def gradio_app(tmp_path: Path) -> Any:
    pytest.importorskip("gradio", reason="the extra serve is not installed")
    from serve.fake_store import FakeStore
    from serve.small_app import small_app

    from pipeline.serve.settings import ServeSettings

    return small_app(ServeSettings(), FakeStore(tmp_path))


def test_gradio_keeps_no_more_than_the_sessions_of_a_client(gradio_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.testclient import TestClient

    monkeypatch.setattr(gradio_sessions, "_MOST_OF_A_CLIENT", 3)
    guard = next(route.app for route in gradio_app.routes if hasattr(getattr(route, "app", None), "sessions"))
    blocks, states = guard.app.get_blocks(), guard.app.state_holder
    with TestClient(gradio_app, base_url="http://localhost") as client:
        for number in range(6):
            called = {"data": ["x" * 1000], "fn_index": 0, "session_hash": f"s{number}"}
            assert client.post("/gradio_api/queue/join", json=called).status_code == 200
        queue = blocks._queue
        for kept in (queue.pending_messages_per_session, queue.pending_event_ids_session, states.session_data):
            assert sorted(kept) == ["s3", "s4", "s5"]
        assert client.get("/gradio_api/queue/data?session_hash=s5").text.count("You said") >= 1
        with TestClient(gradio_app, base_url="http://localhost", client=("10.0.0.9", 1)) as stranger:
            assert stranger.get("/gradio_api/queue/data?session_hash=s5").status_code == 404

"""A server outlives whatever is sent to it, answers in problem details, and reads and reaches nothing."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from serve.fake_store import FakeStore
from serve.hostile_requests import LIMITS, PHOTO, Hostile, all_requests, files, photo
from serve.running import running

from pipeline.serve.settings import ServeSettings, StoreSettings

SECRET = "canary-7f3a91"
# Paths and words of programs, which no answer may hold.
INNER = ("root:x:", "Traceback", "site-packages", "/root", ".py", "/tmp/", "theodolite-", "uvicorn", "starlette")


class Canary:
    """A server that counts who connects."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.callers = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.callers += 1
            connection.close()


@dataclass
class Site:
    """The server under test.

    Args:
        port: Its port on this machine.
        folder: All that it may write to.
        canary: A file that it must not read.
        caller: A server that it must not call.
    """

    port: int
    folder: Path
    canary: Path
    caller: Canary

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @cached_property
    def requests(self) -> list[Hostile]:
        return all_requests(str(self.canary), self.caller.address, self.host)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    pytest.importorskip("gradio")
    from serve.small_app import small_app

    folder = tmp_path_factory.mktemp("site")
    canary, caller = folder / "canary.png", Canary()
    canary.write_text(SECRET)
    settings = ServeSettings(limits=LIMITS, store=StoreSettings(folder=str(folder / "store")))
    with running(small_app(settings, FakeStore(folder / "store")), LIMITS) as port:
        yield Site(port, folder, canary, caller)
    caller.socket.close()


@dataclass
class Answer:
    """What the server answered; a status of 0 is a connection that it closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes


def send(site: Site, hostile: Hostile) -> Answer:
    """Send a request byte by byte as it is."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=15) as connection:
        try:
            if hostile.raw is not None:
                connection.sendall(hostile.raw)
            else:
                headers = {"Host": site.host, "Connection": "close"}
                if hostile.method not in ("GET", "HEAD"):
                    headers["Content-Length"] = str(sum(map(len, hostile.body)))
                lines = [f"{hostile.method} {hostile.path} HTTP/1.1"]
                lines += [f"{key}: {value}" for key, value in (headers | dict(hostile.headers)).items()]
                connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
                for number, piece in enumerate(hostile.body):
                    time.sleep(hostile.pause_s if number else 0)
                    connection.sendall(piece)
        except OSError:
            # The server has seen enough; what it answered can still be read.
            pass
        try:
            got = http.client.HTTPResponse(connection, method=hostile.method)
            got.begin()
            return Answer(got.status, {key.lower(): value for key, value in got.getheaders()}, got.read())
        except (OSError, http.client.HTTPException):
            return Answer(0, {}, b"")


NAMES = [hostile.name for hostile in all_requests("/canary.png", "127.0.0.1:1", "127.0.0.1:2")]


def test_there_are_at_least_eighty_of_them_under_names_of_their_own() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 80


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_a_hostile_request_is_refused_and_harmless(number: int, site: Site) -> None:
    hostile = site.requests[number]
    answer = send(site, hostile)
    assert 400 <= answer.status < 500 or (answer.status == 0 and not hostile.is_answered)
    said = answer.body.decode("utf-8", "replace")
    assert SECRET not in said and not [word for word in INNER if word in said.replace("evil.py", "")]
    assert str(site.folder) not in said
    assert not {"server", "set-cookie"} & answer.headers.keys()
    assert not [name for name in answer.headers if name.startswith("access-control")]
    if hostile.is_answered:
        assert answer.headers["content-type"] == "application/problem+json"
        assert json.loads(said)["status"] == answer.status
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert send(site, Hostile("alive", "/healthz", "GET")).status == 200


def test_nothing_was_called_or_written_elsewhere(site: Site) -> None:
    assert site.caller.callers == 0
    assert {path.name for path in site.folder.iterdir()} == {"canary.png", "store"}
    assert not Path("/tmp/evil").exists() and not Path("/tmp/evil.png").exists()


def test_a_true_request_is_still_answered(site: Site) -> None:
    answer = send(site, files("true", photo(PHOTO), photo(PHOTO)))
    assert (answer.status, answer.body) == (200, b"2")


def test_a_hundred_slow_clients_do_not_keep_others_waiting(site: Site) -> None:
    slow = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(f"POST /v1/ask HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: 9\r\n\r\n".encode())
    began_s = time.monotonic()
    assert send(site, Hostile("alive", "/healthz", "GET")).status == 200
    assert time.monotonic() - began_s < 10
    for connection in slow:
        connection.close()

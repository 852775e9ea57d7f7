from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from serve.asgi import Echo
from serve.running import running

from pipeline.serve.guard import connections
from pipeline.serve.guard.connections import RareAcceptErrors, most_connections
from pipeline.serve.settings import Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
pytest.importorskip("uvicorn")


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    app = Echo({"content-type": "text/plain", "content-length": "5"})
    with running(app, Limits(send_s=0.3)) as port, socket.create_connection(("127.0.0.1", port), 5) as opened:
        yield opened


def ended_after_s(connection: socket.socket) -> float:
    began_s = time.monotonic()
    while connection.recv(4096):
        pass
    return time.monotonic() - began_s


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_connection_without_a_whole_request_ends(sent: bytes, connection: socket.socket) -> None:
    connection.sendall(sent)
    assert 0.2 < ended_after_s(connection) < 10


def test_the_second_request_of_a_connection_has_no_more_time_than_the_first(connection: socket.socket) -> None:
    connection.sendall(GET)
    assert connection.recv(4096)
    connection.sendall(b"GET / HT")
    assert 0.2 < ended_after_s(connection) < 10


def test_a_client_that_sends_byte_by_byte_gains_nothing(connection: socket.socket) -> None:
    began_s = time.monotonic()
    with pytest.raises(OSError):
        for _ in range(1000):
            connection.sendall(b"X")
            time.sleep(0.05)
    assert time.monotonic() - began_s < 10


def test_a_request_in_pieces_is_waited_for_and_its_time_ends_with_it(connection: socket.socket) -> None:
    for piece in (GET[:5], GET[5:10], GET[10:]):
        connection.sendall(piece)
        time.sleep(0.05)
    assert connection.recv(4096)
    time.sleep(0.4)
    connection.sendall(GET)
    assert connection.recv(4096)


def test_a_client_that_asks_in_time_is_kept(connection: socket.socket) -> None:
    for _ in range(4):
        connection.sendall(GET)
        answer = b""
        while not answer.endswith(b"hello"):
            answer += connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200")
        time.sleep(0.2)


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and problem details of an answer after which the server closes."""
    data = b""
    while piece := connection.recv(4096):
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert headers["content-type"] == "application/problem+json" and headers["connection"] == "close"
    assert headers["x-content-type-options"] == "nosniff" and "default-src 'none'" in headers["content-security-policy"]
    return int(first.split()[1]), headers, json.loads(body)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
    ],
)
def test_a_request_that_is_no_http_gets_a_problem_and_the_connection_ends(sent: bytes, connection: Any) -> None:
    connection.sendall(sent)
    status, headers, details = answer_of(connection)
    assert (status, details["status"], "retry-after" in headers) == (400, 400, False)


def test_a_request_to_change_the_protocol_is_answered_and_not_logged(
    connection: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        connection.sendall(GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    assert "uvicorn" not in caplog.text


class Endless:
    """An application whose answers do not end."""

    def __init__(self) -> None:
        self.left = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left += 1


@pytest.mark.parametrize(
    ("limits", "status"),
    [(Limits(client_connections=3), 429), (Limits(connections=3), 503)],
)
def test_more_connections_than_allowed_are_refused_until_one_ends(limits: Limits, status: int) -> None:
    with running(Endless(), limits) as port, ExitStack() as stack:

        def connect(number: int = 1) -> socket.socket:
            address = "127.0.0.1", port
            return stack.enter_context(socket.create_connection(address, 5, (f"127.0.0.{number}", 0)))

        opened = [connect(number) for number in (1, 2, 3)]
        for one in opened:
            one.sendall(GET)
            assert one.recv(4096).startswith(b"HTTP/1.1 200")
        found, headers, details = answer_of(connect(4))
        assert (found, details["status"], headers["retry-after"]) == (status, status, "5")
        opened[0].close()
        time.sleep(0.2)
        again = connect()
        again.sendall(GET)
        assert again.recv(4096).startswith(b"HTTP/1.1 200")


def test_an_answer_ends_after_its_time_and_the_application_learns_it() -> None:
    app = Endless()
    with running(app, Limits(stream_s=0.3)) as port, socket.create_connection(("127.0.0.1", port), 5) as opened:
        opened.sendall(GET)
        assert 0.2 < ended_after_s(opened) < 10
        time.sleep(0.1)
        assert app.left == 1


@pytest.mark.parametrize(("files", "most"), [(256, 64), (100_000, 1000), (-1, 1000), (64, 8)])
def test_there_are_fewer_connections_than_files(files: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (files, files))
    assert most_connections(1000) == most


def test_that_no_connection_can_be_accepted_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    times = iter((0.0, 0.0, 59.0, 61.0, 61.0))
    logger = logging.getLogger("test of accepting")
    logger.addFilter(RareAcceptErrors(lambda: next(times)))
    for _ in range(3):
        logger.error("socket.accept() out of system resource\nsocket: <x>", exc_info=(OSError, OSError(24), None))
    logger.error("another")
    assert [line.split(" ", 2)[-1].strip() for line in caplog.text.splitlines() if "Error" in line] == []
    assert [record.getMessage()[:26] for record in caplog.records] == [
        "No connection can be accep", "No connection can be accep", "another",
    ]  # fmt: skip
    assert connections.ACCEPTED_AT_ONCE < 128

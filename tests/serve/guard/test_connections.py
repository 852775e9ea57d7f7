from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from serve.asgi import Echo
from serve.running import running

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

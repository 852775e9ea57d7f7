from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from serve.fake_store import FakeStore
from serve.files import image

from pipeline.serve.intake.fetch import Target, allowed_target, checked_address, fetch, is_public
from pipeline.serve.intake.sink import Sink
from pipeline.serve.problems import ForbiddenError, ServeError, TooLargeError, UnfitError
from pipeline.serve.settings import Limits

PHOTO = image("PNG")


class Site(ThreadingHTTPServer):
    """A server of this machine that keeps what was asked of it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.host = f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/photo.png")
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif self.path == "/packed":
            self._send(PHOTO, ("Content-Encoding", "gzip"))
        elif self.path == "/short":
            self._send(PHOTO[:100], length=len(PHOTO))
        elif self.path == "/endless":
            self._send(b"", length=None)
            while True:
                self.wfile.write(PHOTO.ljust(100_000))
        elif self.path == "/slow":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(1000):
                self.wfile.write(b"X: y\r\n")
                self.wfile.flush()
                time.sleep(0.05)
        elif self.path == "/trickle":
            self._send(PHOTO, length=None)
            for _ in range(1000):
                self.wfile.write(b"\0")
                time.sleep(0.05)
        else:
            self._send(PHOTO)

    def _send(self, content: bytes, header: tuple[str, str] | None = None, length: int | None = 0) -> None:
        self.send_response(200)
        if header:
            self.send_header(*header)
        if length is not None:
            self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()


def fetched(url: str, hosts: list[str], tmp_path: Path, part_mb: float = 1, most_s: float = 5) -> bytes:
    store = FakeStore(tmp_path / "store")
    with store.new_upload() as incoming:
        sink = Sink(incoming, "image 1", Limits(part_mb=part_mb))
        fetch(url, hosts, sink, most_s=most_s)
        return sink.finish().path.read_bytes()


def test_a_file_of_a_listed_address_is_fetched(site: Site, tmp_path: Path) -> None:
    assert fetched(f"http://{site.host}/a/photo.png?b=c", [site.host], tmp_path) == PHOTO
    assert site.asked == [("/a/photo.png?b=c", site.host)]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/moved", UnfitError),
        ("/missing", UnfitError),
        ("/packed", UnfitError),
        ("/short", UnfitError),
        ("/endless", TooLargeError),
        ("/slow", UnfitError),
        ("/trickle", UnfitError),
    ],
)
def test_answers_that_are_no_whole_file_are_refused(
    path: str, error: type[ServeError], site: Site, tmp_path: Path
) -> None:
    began_s = time.monotonic()
    with pytest.raises(error):
        fetched(f"http://{site.host}{path}", [site.host], tmp_path, most_s=1)
    assert [asked for asked, _ in site.asked] == [path], "no redirect is followed"
    assert time.monotonic() - began_s < 10


def test_nothing_is_resolved_or_opened_for_a_host_that_is_not_listed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    for hosts in ([], ["example.org"], ["127.0.0.1"], [f"127.0.0.1:{site.server_port + 1}"]):
        with pytest.raises(ForbiddenError, match="fetch_hosts"):
            fetched(f"http://{site.host}/photo.png", hosts, tmp_path)
    assert site.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://good.example/a", "file:///etc/passwd", "gopher://good.example", "//good.example/a", "good.example/a",
        "http://good.example@evil.example/", "http://evil.example#good.example", "http://evil.example/?good.example",
        "http://good.example.evil.example/", "http://good.example:22/", "http://good.example:80a/", "HTTP://good.example/",
        "http://good.example\\@evil.example/", "http://good.example\r\nHost: x/", "http://good.example/a b",
        "http://user:pass@good.example/", "http://good.example./", "http://gооd.example/", "http://[::1]/", "http:///a",
        "http://good.example/#a", "http://" + "a" * 3000, "http://0x7f.1/", "http://2130706433/", "https://good.example:80/",
    ],
)  # fmt: skip
def test_only_plain_urls_of_listed_hosts_are_allowed(url: str) -> None:
    with pytest.raises(ForbiddenError):
        allowed_target(url, ["good.example"])


@pytest.mark.parametrize(
    ("url", "listed", "target"),
    [
        ("https://good.example/a?b=1", "good.example", Target("https", "good.example", 443, "/a?b=1")),
        ("http://Good.Example", "GOOD.example", Target("http", "good.example", 80, "/")),
        ("http://good.example:8080/", "good.example:8080", Target("http", "good.example", 8080, "/")),
        ("http://[::1]:9/", "[::1]:9", Target("http", "::1", 9, "/")),
        ("https://good.example:443/", "good.example:443", Target("https", "good.example", 443, "/")),
    ],
)
def test_the_parts_of_an_allowed_url(url: str, listed: str, target: Target) -> None:
    assert allowed_target(url, [listed]) == target


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "2001:db8::1", "no address",
    ],
)  # fmt: skip
def test_a_name_must_not_lead_into_the_own_network(address: str) -> None:
    assert not is_public(address)
    target = Target("http", "good.example", 80, "/")
    for found in ([address], ["93.184.216.34", address]):
        with pytest.raises(ForbiddenError):
            checked_address(target, lambda host, port, found=found: found)


def test_the_connection_goes_to_the_address_that_was_checked(site: Site, tmp_path: Path) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]

    target = Target("http", "good.example", 80, "/")
    assert checked_address(target, resolve) == "93.184.216.34"
    assert asked == ["good.example"], "a name is resolved once"
    assert checked_address(Target("http", "127.0.0.1", 80, "/"), resolve) == "127.0.0.1", "listed as such"

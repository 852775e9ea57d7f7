from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.console.folder_server import FolderServer, content_type, is_own_host, served_file
from pipeline.records.errors import InputError

PAGE = "<!DOCTYPE html><title>文</title>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with a report, beside a file and a folder that it must not show."""
    run = tmp_path / "run"
    (run / "report" / "items").mkdir(parents=True)
    (run / "report" / "index.html").write_text(PAGE, encoding="utf-8")
    (run / "report" / "items" / "a b?#%.html").write_text("item")
    (run / ".lock").write_text("")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "run-2").mkdir()
    (tmp_path / "run-2" / "secret.txt").write_text("secret")
    (run / "leak.txt").symlink_to(tmp_path / "secret.txt")
    (run / "out").symlink_to(tmp_path)
    (run / "circle").symlink_to(run / "circle")
    (run / "again.html").symlink_to(run / "report" / "index.html")
    return run


@pytest.fixture
def server(folder: Path) -> Iterator[FolderServer]:
    with FolderServer(folder, "report/items/a b?#%.html") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: FolderServer, path: str, method: str = "GET", host: str | None = None) -> http.client.HTTPResponse:
    """The answer to a request whose path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{server.server_port}" if host is None else host)
    connection.endheaders()
    return connection.getresponse()


def test_files_of_the_folder_are_served_without_being_stored(server: FolderServer) -> None:
    answer = ask(server, "/report/index.html?x=1#y")
    assert (answer.status, answer.read().decode()) == (200, PAGE)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert ask(server, "/again.html").read().decode() == PAGE, "links within the folder work"
    head = ask(server, "/report/index.html", "HEAD")
    assert (head.status, head.headers["Content-Length"], head.read()) == (200, str(len(PAGE.encode())), b"")


def test_the_address_alone_leads_to_the_start_page(server: FolderServer) -> None:
    answer = ask(server, "/")
    assert (answer.status, answer.headers["Location"]) == (302, "/report/items/a%20b%3F%23%25.html")
    assert ask(server, answer.headers["Location"]).read() == b"item"
    assert server.address() == f"http://127.0.0.1:{server.server_port}/"
    assert server.address("report/a b.html").endswith("/report/a%20b.html")


@pytest.mark.parametrize(
    "path",
    [
        "/report", "/report/", "/report/items/", "/none", "/leak.txt", "/out/secret.txt", "/circle", "/.lock",
        "/../secret.txt", "/%2e%2e/secret.txt", "/report/../../secret.txt", "/report/%2e%2e/%2e%2e/secret.txt",
        "/..%2fsecret.txt", "/report/..%5c..%5csecret.txt", "/..%252fsecret.txt", "//etc/passwd", "/%2fetc/passwd",
        "/../run-2/secret.txt", "/a%00b", "/report//index.html", "/C:/secret.txt", "/" + "x" * 5000, "/%ff%fe",
        "http://127.0.0.1/../secret.txt", "/report/index.html/", "/report/index.html/x",
    ],
)  # fmt: skip
def test_nothing_else_is_served(server: FolderServer, path: str) -> None:
    answer = ask(server, path)
    assert answer.status == 404 and b"secret" not in answer.read()


@given(
    st.lists(st.sampled_from(["..", ".", "%2e%2e", "%2f", "report", "out", "circle", "a", "", "\\\\", "%00", "run"]))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_leaves_the_folder(folder: Path, parts: list[str]) -> None:
    root = folder.resolve()
    found = served_file(root, "/" + "/".join([*parts, "secret.txt"]))
    assert found is None
    found = served_file(root, "/" + "/".join([*parts, "index.html"]))
    assert found is None or found.is_relative_to(root)


@pytest.mark.parametrize(
    "host, is_own",
    [
        ("127.0.0.1", True), ("localhost:9000", True), ("LOCALHOST", True), ("[::1]:80", True),
        ("evil.example", False), ("127.0.0.1.evil.example:8000", False), ("localhost.evil.example", False),
        ("evil.example#localhost", False), ("localhost@evil.example", False), ("evil@localhost", False),
        ("", False), ("192.168.0.7:8000", False), ("0.0.0.0", False), ("[::1", False), ("localhost/evil", False),
    ],
)  # fmt: skip
def test_only_requests_to_this_machine_are_answered(server: FolderServer, host: str, is_own: bool) -> None:
    assert is_own_host([host]) is is_own
    assert ask(server, "/report/index.html", host=host).status == (200 if is_own else 421)


def test_a_request_without_a_host_or_with_two_is_refused() -> None:
    assert not is_own_host([]) and not is_own_host(["localhost", "localhost"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_supported(server: FolderServer, method: str) -> None:
    assert ask(server, "/report/index.html", method).status == 501


def test_only_the_loopback_address_is_bound(server: FolderServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_named(server: FolderServer, folder: Path) -> None:
    with pytest.raises(InputError, match=f"Port {server.server_port} is in use; choose another with port="):
        FolderServer(folder, "", server.server_port)


def test_a_connection_that_sends_nonsense_ends_without_output(
    server: FolderServer, capfd: pytest.CaptureFixture[str]
) -> None:
    for data in (b"\x00\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"/" * 70000 + b"\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
            connection.sendall(data)
    assert ask(server, "/report/index.html").status == 200
    assert capfd.readouterr() == ("", "")


def test_types_do_not_depend_on_the_system(folder: Path) -> None:
    types = {name: content_type(Path(name)) for name in ("a.js", "a.CSS", "a.jpg", "a.zip", "a.unknown")}
    assert types == {
        "a.js": "text/javascript; charset=utf-8",
        "a.CSS": "text/css; charset=utf-8",
        "a.jpg": "image/jpeg",
        "a.zip": "application/zip",
        "a.unknown": "application/octet-stream",
    }
    assert served_file(folder.resolve(), "/report/index.html") == (folder / "report/index.html").resolve()

"""Serves the files of a folder to the browsers of this machine.

Only a loopback address is bound, and only requests that name it as their host are answered, so that no web page can
read the folder through a name of its own that leads to this machine (DNS rebinding).
"""

from __future__ import annotations

import errno
import logging
import mimetypes
import os
import shutil
import socketserver
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pipeline.records.errors import InputError

LOOPBACK = "127.0.0.1"
_HOSTS = (LOOPBACK, "localhost", "::1")
_TIMEOUT_S = 30.0
# The types of the files that runs hold; tables of the system differ.
_TYPES = {
    **{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"},
    **{".json": "application/json; charset=utf-8", ".jsonl": "text/plain; charset=utf-8", ".svg": "image/svg+xml"},
    **{".jpg": "image/jpeg", ".png": "image/png", ".glb": "model/gltf-binary", ".zip": "application/zip"},
}

logger = logging.getLogger(__name__)


class FolderServer(ThreadingHTTPServer):
    """Serves one folder on 127.0.0.1.

    Args:
        folder: The folder; nothing outside it is served, through links neither.
        start: Path of the page that the address alone leads to, relative to the folder.
        port: The port; 0 takes a free one.

    Raises:
        InputError: If the port is taken or not allowed.
    """

    daemon_threads = True
    # Elsewhere the option lets a second program take a port that is in use.
    allow_reuse_address = os.name == "posix"

    def __init__(self, folder: Path, start: str, port: int = 0) -> None:
        self.folder = folder.resolve()
        self.start = start
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                why = "in use" if error.errno == errno.EADDRINUSE else "not allowed"
                raise InputError(f"Port {port} is {why}; choose another with port=, or leave it out.") from error
            raise InputError(f"The report cannot be served on port {port}: {error.strerror or error}.") from error

    def server_bind(self) -> None:
        """Bind without asking the network for a name of this machine, as ``HTTPServer`` does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what ended a connection; browsers end some early."""
        logger.debug("A connection ended early.", exc_info=True)

    def address(self, path: str = "") -> str:
        """The address of a file of the folder, or that of the start page."""
        return f"http://{LOOPBACK}:{self.server_port}/{quote(path)}"


class _Handler(BaseHTTPRequestHandler):
    server: FolderServer
    server_version, sys_version = "Theodolite", ""
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        if not is_own_host(self.headers.get_all("Host", [])):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return
        path = urlsplit(self.path).path
        if path in ("", "/"):
            self.send_response(HTTPStatus.FOUND)
            self._common_headers()
            self.send_header("Location", f"/{quote(self.server.start)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file = served_file(self.server.folder, path)
        try:
            opened = None if file is None else file.open("rb")
        except OSError:
            opened = None
        if file is None or opened is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        with opened:
            self.send_response(HTTPStatus.OK)
            self._common_headers()
            self.send_header("Content-Type", content_type(file))
            self.send_header("Content-Length", str(os.fstat(opened.fileno()).st_size))
            self.end_headers()
            if with_body:
                shutil.copyfileobj(opened, self.wfile)

    def _common_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        # Pages of other addresses can neither embed nor read the files.
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Frame-Options", "SAMEORIGIN")

    def _refuse(self, status: HTTPStatus) -> None:
        text = f"{status.value} {status.phrase}\n".encode()
        self.send_response(status)
        self._common_headers()
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug("%s", " ".join(str(arg) for arg in args))


def is_own_host(hosts: list[str]) -> bool:
    """Whether the ``Host`` headers of a request name this machine, at any port, because ports are forwarded.

    >>> is_own_host(["localhost:8000"]), is_own_host(["evil.example:8000"]), is_own_host([])
    (True, False, False)
    """
    if len(hosts) != 1:
        return False
    try:
        parts = urlsplit(f"//{hosts[0]}")
        return parts.hostname in _HOSTS and parts.netloc == hosts[0] and parts.username is None
    except ValueError:
        return False


def served_file(folder: Path, path: str) -> Path | None:
    """The file of a request's path; None if there is none, or it lies outside the folder or is hidden.

    Args:
        folder: The folder, resolved.
        path: Path of the request, with ``%xx``.
    """
    parts = unquote(path, errors="replace").lstrip("/").split("/")
    if any(not part or part.startswith(".") or {"\\", "\0", ":"} & set(part) for part in parts):
        return None
    try:
        file = folder.joinpath(*parts).resolve(strict=True)
        return file if file.is_relative_to(folder) and file.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def content_type(file: Path) -> str:
    """The type of a file by its suffix."""
    suffix = file.suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"

"""An HTTP server that gives the replies that a test sets, and records its requests."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import pytest

from pipeline.models.vlm.base import Generation, Request, TextPart
from pipeline.models.vlm.openai_endpoint import OpenAIEndpoint
from pipeline.records.errors import GenerationError

KEY = "sk-secret-0123456789"
QUESTION = Request((TextPart("Where?"),), "item", "Where?")
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass
class Reply:
    """A reply to one request.

    Args:
        body: Bytes; parts of them, sent one by one, perhaps without end; or any value that JSON can hold.
        status: The status code.
        delay_s: Pause before the answer [s].
        drip_s: Pause after each part, or after each byte [s].
        content_type: Type of the body; that of a stream for ``events``.
        headers: Further headers.
        lost: How the connection ends before the body does: closed as if the body were complete, short of announced
            bytes, or reset.
    """

    body: Any = None
    status: int = 200
    delay_s: float = 0.0
    drip_s: float = 0.0
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    lost: Literal["", "closed", "short", "reset"] = ""


@dataclass
class RecordingServer:
    """Answers from a list, whose last reply repeats, or by a function of the request's body.

    It counts the requests that wait for an answer at a time, and those whose client hung up.
    """

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], Reply] | None = None
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    simultaneous: int = 0
    most_simultaneous: int = 0
    hung_up: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def texts(self) -> list[str]:
        """The last text of each request, in the order in which they came."""
        return [asks(body) for body in self.bodies]


def asks(body: dict[str, Any]) -> str:
    """The last text of a request."""
    text: str = body["messages"][0]["content"][-1]["text"]
    return text


def completion(
    content: Any = "left", finish: str = "stop", *, fingerprint: Any = "fp-7", tokens: Any = USAGE, **message: Any
) -> dict[str, Any]:
    """An answer that is not streamed."""
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "system_fingerprint": fingerprint,
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
        ],
        "usage": tokens,
    }


def event(value: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def chunk(content: Any = None, finish: str | None = None, fingerprint: Any = "fp-7", **delta: Any) -> bytes:
    """One event of an answer."""
    choice = {"index": 0, "finish_reason": finish, "delta": {"content": content, **delta}}
    return event({"system_fingerprint": fingerprint, "choices": [choice], "usage": None})


def usage(tokens: Any = USAGE) -> bytes:
    """The event that gives the number of tokens."""
    return event({"choices": [], "usage": tokens})


DONE = event(b"[DONE]")


def events(*parts: bytes, **settings: Any) -> Reply:
    """A reply that is a stream of these parts."""
    return Reply(parts, content_type=EVENT_STREAM, **settings)


def stream(*texts: str, finish: str = "stop", **settings: Any) -> Reply:
    """A complete answer as a stream of these texts."""
    return events(chunk("", role="assistant"), *map(chunk, texts), chunk(finish=finish), usage(), DONE, **settings)


def answer(
    streamed: bool, content: Any = "left", finish: str = "stop", fingerprint: Any = "fp-7", tokens: Any = USAGE,
    **message: Any,
) -> Reply:  # fmt: skip
    """An answer with this message, whole or as a stream that cuts every text in two."""
    if not streamed:
        return Reply(completion(content, finish, fingerprint=fingerprint, tokens=tokens, **message))
    fields = {"content": content, **message}
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    first = {name: value[: len(value) // 2] for name, value in texts.items()}
    second = {name: value[len(value) // 2 :] for name, value in texts.items()}
    deltas = ({"role": "assistant", "content": ""}, fields | first, second, {"finish": finish})
    return events(*(chunk(**delta, fingerprint=fingerprint) for delta in deltas), usage(tokens), DONE)


@contextmanager
def recording_server() -> Iterator[RecordingServer]:
    """Run a server while the block lasts."""
    record = RecordingServer(replies=[Reply(completion())])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            record.paths.append(self.path)
            self._send(record.replies[0])

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with record.lock:
                record.paths.append(self.path)
                record.headers.append({name.lower(): value for name, value in self.headers.items()})
                record.bodies.append(body)
                record.simultaneous += 1
                record.most_simultaneous = max(record.most_simultaneous, record.simultaneous)
                reply = record.replies.pop(0) if len(record.replies) > 1 else record.replies[0]
            if record.answer:
                reply = record.answer(body)
            time.sleep(reply.delay_s)
            with record.lock:
                # Before the first byte, because the next request may come before the last is on its way.
                record.simultaneous -= 1
            try:
                self._send(reply)
            except (BrokenPipeError, ConnectionResetError):
                record.hung_up += 1

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
                self.send_header(name, value)
            length, parts = _parts(reply)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            for part in parts:
                self.wfile.write(part)
                time.sleep(reply.drip_s)
            if reply.lost == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(self.connection.detach())

        def log_message(self, *_arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: Any) -> None:
            pass  # Tests lose connections on purpose.

    http = Server(("127.0.0.1", 0), Handler)
    record.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield record
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _parts(reply: Reply) -> tuple[int | None, Iterable[bytes]]:
    if isinstance(reply.body, Iterable) and not isinstance(reply.body, bytes | str | dict | list):
        return (10**6 if reply.lost == "short" else None), reply.body
    payload = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    pieces = [payload[start : start + 1] for start in range(len(payload))] if reply.drip_s else [payload]
    return len(payload) + bool(reply.lost), pieces


def endpoint(server: RecordingServer, **settings: Any) -> OpenAIEndpoint:
    """A backend that asks the server."""
    return OpenAIEndpoint("qwen", **{"base_url": server.url, "timeout_s": 5.0, "max_retries": 1, **settings})


def ask(server: RecordingServer, *replies: Reply, **settings: Any) -> Generation:
    """Ask one question of a server that gives these replies; without any it keeps its own."""
    server.replies = list(replies) or server.replies
    return endpoint(server, **settings).generate(QUESTION)


def failure(server: RecordingServer, message: str, *replies: Reply, **settings: Any) -> GenerationError:
    """The error of ``ask``, whose message must match."""
    with pytest.raises(GenerationError, match=message) as caught:
        ask(server, *replies, **settings)
    return caught.value


def wait_for(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    """Return as soon as the condition holds."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.01)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from serve.asgi import Answer, call
from serve.fake_store import FakeStore
from serve.files import file_part, form, image

from pipeline.serve.guard.failures import Failures
from pipeline.serve.intake.bodies import read_body
from pipeline.serve.intake.multipart import Form
from pipeline.serve.settings import Limits

LIMITS = Limits(request_mb=0.01, send_s=0.3, json_depth=4)


def asked(folder: Path, body: Any, headers: Any, **options: Any) -> Answer:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request
        from starlette.responses import JSONResponse

        got = await read_body(Request(scope, receive), FakeStore(folder / "store"), LIMITS)
        if isinstance(got, Form):
            got = {name: [one.name for one in several] for name, several in got.files.items()}
        await JSONResponse(got)(scope, receive, send)

    return call(Failures(app), "POST", "/v1/ask", headers, body, **options)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_read(kind: str, tmp_path: Path) -> None:
    assert asked(tmp_path, [b'{"a":', b" [1]}"], {"Content-Type": kind}).body == b'{"a":[1]}'


def test_a_form_is_read(tmp_path: Path) -> None:
    answer = asked(tmp_path, form([file_part(image())]), {"Content-Type": "multipart/form-data; boundary=xyzzy"})
    assert answer.body == b'{"image":["photo.png"]}'


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", [("Content-Type", "application/json"), ("Content-Type", "text/plain")], 415),
        (b"\x1f\x8b", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        (b"", {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json"}, 422),
        (b'{"a": [[[[]]]]}', {"Content-Type": "application/json"}, 413),
        (b'{"a": "' + b"x" * 10_000 + b'"}', {"Content-Type": "application/json"}, 413),
    ],
)
def test_anything_else_is_refused(body: bytes, headers: Any, status: int, tmp_path: Path) -> None:
    assert asked(tmp_path, body, headers).problem["status"] == status


def test_slow_json_is_refused(tmp_path: Path) -> None:
    assert asked(tmp_path, [b" "] * 50, {"Content-Type": "application/json"}, pause_s=0.05).problem["status"] == 408


def test_a_client_that_leaves_is_no_fault_of_the_server(tmp_path: Path) -> None:
    assert asked(tmp_path, [b"{", b"}"], {"Content-Type": "application/json"}, leaves=True).status == 400

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from serve.asgi import Echo, call

from pipeline.records.errors import InputError
from pipeline.serve.guard.failures import Failures
from pipeline.serve.problems import ForbiddenError


def raising(error: Exception) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    return Failures(app)


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (ForbiddenError("Not this."), 403, "Not this."),
        (InputError("It is empty; give one."), 422, "It is empty; give one."),
        (RuntimeError("/root/secret.py is broken"), 500, "The server failed; its log says why."),
        (ExceptionGroup("several", [ValueError("/root")]), 500, "The server failed; its log says why."),
    ],
)
def test_an_error_becomes_a_problem_without_its_words_unless_they_are_for_clients(
    error: Exception, status: int, detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = call(raising(error))
    assert (answer.status, answer.problem["detail"]) == (status, detail)
    assert (status == 500) == bool(caplog.records) == (type(error).__name__ in caplog.text)
    assert "/root" not in caplog.text


@pytest.mark.parametrize(("status", "detail"), [(404, "nothing at this address"), (405, "refused"), (503, "failed")])
def test_refusals_in_words_of_a_framework_become_problems(status: int, detail: str) -> None:
    headers = {"content-type": "application/json", "allow": "GET", "x-path": "/root"}
    answer = call(Failures(Echo(headers, status)))
    assert answer.status == status and detail in answer.problem["detail"]
    assert answer.headers["allow"] == "GET" and "x-path" not in answer.headers


@pytest.mark.parametrize("kind", ["application/problem+json", "text/html; charset=utf-8"])
def test_problems_and_pages_stay_as_they_are(kind: str) -> None:
    answer = call(Failures(Echo({"content-type": kind}, 401)))
    assert (answer.status, answer.headers["content-type"], answer.body) == (401, kind, b"hello")


def test_an_answer_that_fails_on_its_way_is_cut_off() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("late")

    with pytest.raises(RuntimeError, match="late"):
        call(Failures(app))


@pytest.mark.parametrize(("pieces", "connection"), [([b"a", b"b"], None), ([b"x" * 1_000_000] * 9, "close")])
def test_a_body_that_is_refused_is_read_for_a_while(pieces: list[bytes], connection: str | None) -> None:
    answer = call(raising(ForbiddenError("No.")), "POST", body=pieces)
    assert answer.headers.get("connection") == connection


def test_web_sockets_are_refused() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Failures(Echo())({"type": "websocket", "path": "/"}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]

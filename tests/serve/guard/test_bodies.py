from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from serve.asgi import Echo, call

from pipeline.serve.guard.bodies import Bodies
from pipeline.serve.guard.failures import Failures
from pipeline.serve.settings import Limits

LIMITS = Limits(request_mb=0.001, send_s=0.2)


def guarded(app: Any) -> Any:
    return Failures(Bodies(app, LIMITS))


@pytest.mark.parametrize("body", [b"x" * 1000, [b"x" * 500, b"x" * 500], b""])
def test_a_body_within_the_limit_reaches_the_application(body: Any) -> None:
    answer = call(guarded(Echo()), "POST", body=body)
    assert (answer.status, answer.body) == (200, b"".join([body] if isinstance(body, bytes) else body) or b"hello")


def test_a_body_that_declares_to_be_larger_is_not_read() -> None:
    app = Echo()
    answer = call(guarded(app), "POST", headers={"Content-Length": "1001"}, body=b"x")
    assert answer.status == 413 and "0.001 MB" in answer.problem["detail"]
    assert app.seen == []


@pytest.mark.parametrize("declared", ["-1", "1e9", "\xb2", " 5 5", "5, 5", "9" * 5000])
def test_a_length_that_is_no_number_is_refused(declared: str) -> None:
    assert call(guarded(Echo()), "POST", headers={"Content-Length": declared}).status == 413


def test_a_body_that_turns_out_larger_is_refused_on_the_way() -> None:
    assert call(guarded(Echo()), "POST", body=[b"x" * 600, b"x" * 600, b""]).status == 413
    assert call(guarded(Echo()), "POST", body=[b"x" * 1001]).status == 413


def test_a_client_that_sends_too_slowly_is_refused() -> None:
    began_s = time.monotonic()
    answer = call(guarded(Echo()), "POST", body=[b"x"] * 100, pause_s=0.05)
    assert answer.status == 408 and answer.headers["connection"] == "close"
    assert time.monotonic() - began_s < 10


def test_the_refusal_counts_whatever_the_application_makes_of_it() -> None:
    async def wrong(scope: Any, receive: Any, send: Any) -> None:
        try:
            for _ in range(9):
                await receive()
        except Exception:
            await send({"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b"fault"})

    assert call(guarded(wrong), "POST", body=[b"x" * 600] * 9).problem["status"] == 413


def test_waiting_for_the_client_to_leave_takes_as_long_as_it_takes() -> None:
    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        leaving = asyncio.ensure_future(receive())
        await asyncio.sleep(0.4)
        assert not leaving.done()
        leaving.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"long"})

    assert call(guarded(stream), "POST", body=b"x").body == b"long"

from __future__ import annotations

from typing import Any

from serve.asgi import call

from pipeline.serve.guard.answers import redirect, send_problem, values_of
from pipeline.serve.problems import BusyError


def test_a_header_is_found_by_its_name_as_often_as_it_is_there() -> None:
    scope = {"headers": [(b"Host", b"a"), (b"accept", b"b"), (b"host", b"c")]}
    assert values_of(scope, b"host") == ["a", "c"]


def test_a_problem_has_the_headers_of_its_error() -> None:
    async def busy(scope: Any, receive: Any, send: Any) -> None:
        await send_problem(send, BusyError("Too much.", 7), closes=True)

    answer = call(busy)
    assert (answer.status, answer.problem["detail"]) == (429, "Too much.")
    assert (answer.headers["retry-after"], answer.headers["connection"]) == ("7", "close")
    assert answer.headers["cache-control"] == "no-store"


def test_a_redirect_leads_elsewhere_with_get() -> None:
    async def away(scope: Any, receive: Any, send: Any) -> None:
        await redirect(send, "/login", [("Set-Cookie", "a=b")])

    answer = call(away)
    assert (answer.status, answer.headers["location"], answer.headers["set-cookie"]) == (303, "/login", "a=b")

from __future__ import annotations

import pytest
from serve.asgi import Echo, call

from pipeline.serve.guard.failures import Failures
from pipeline.serve.guard.origins import OwnOrigin


def test_two_origins_are_refused() -> None:
    own = ("Origin", "http://localhost:7860")
    assert call(Failures(OwnOrigin(Echo())), "POST", headers=[own, own]).status == 403


def status(method: str, **headers: str) -> int:
    pairs = {key.replace("_", "-"): value for key, value in headers.items()}
    return call(Failures(OwnOrigin(Echo())), method, headers=pairs, body=b"{}").status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:7860"},
        {"origin": "https://localhost:7860", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "http://LocalHost:7860"},
    ],
)
def test_programs_and_the_own_page_are_let_in(headers: dict[str, str]) -> None:
    assert status("POST", **headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:8000"},
        {"origin": "http://localhost:7860.evil.example"},
        {"origin": "http://localhost"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "file://localhost:7860"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://localhost:7860", "sec_fetch_site": "cross-site"},
        {"origin": "http://["},
    ],
)
def test_pages_of_other_origins_change_nothing(headers: dict[str, str]) -> None:
    for method in ("POST", "DELETE", "PUT", "OPTIONS"):
        assert status(method, **headers) == 403
    assert status("GET", **headers) == 200, "what it reads, it cannot see"

from __future__ import annotations

import pytest
from serve.asgi import Answer, Echo, call

from pipeline.serve.guard.failures import Failures
from pipeline.serve.guard.tokens import Tokens

TOKEN = "0123456789abcdef-secret"


def asked(path: str = "/v1/jobs", token: str = TOKEN, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    return call(Failures(Tokens(Echo(), token)), method, path, headers, body)


def cookie() -> str:
    return asked("/login", method="POST", body=f"token={TOKEN}".encode()).headers["set-cookie"]


def test_whoever_has_the_token_is_let_in() -> None:
    assert asked(Authorization=f"Bearer {TOKEN}").status == 200
    assert asked(Authorization=f"bearer  {TOKEN}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer \xff\xfe"},
        {"Cookie": f"theodolite={TOKEN}"},
        {"Cookie": "theodolite="},
        {"Cookie": 'theodolite="; x'},
    ],
)
def test_nobody_else_is(headers: dict[str, str]) -> None:
    answer = asked(**headers)
    assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.problem["detail"]


def test_only_the_sign_of_life_is_open() -> None:
    assert asked("/healthz").status == 200
    assert {asked(path).status for path in ("/readyz", "/metrics", "/", "/healthz/", "/healthzx")} == {401}


def test_a_browser_is_led_to_the_login_and_a_program_is_not() -> None:
    answer = asked("/", Accept="text/html,application/xhtml+xml")
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert asked("/", method="POST", Accept="text/html").status == 401


def test_the_login_gives_a_cookie_that_lets_in_and_holds_no_token() -> None:
    given = cookie()
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(given.split("; ")[1:])
    assert TOKEN not in given
    assert asked(Cookie=f"other=1; {given.split(';')[0]}").status == 200


def test_the_cookie_of_a_secure_page_stays_on_secure_pages() -> None:
    app, body = Failures(Tokens(Echo(), TOKEN)), f"token={TOKEN}".encode()
    for scheme, is_secure in (("http", False), ("https", True)):
        answer = call(app, "POST", "/login", body=body, scheme=scheme)
        assert ("Secure" in answer.headers["set-cookie"].split("; ")) == is_secure


def test_only_a_form_that_is_sent_logs_in() -> None:
    answer = asked("/login", method="PUT", body=f"token={TOKEN}".encode())
    assert answer.status == 401 and "set-cookie" not in answer.headers


def test_a_new_token_ends_all_logins() -> None:
    assert asked(token=TOKEN + "2", Cookie=cookie().split(";")[0]).status == 401


@pytest.mark.parametrize("body", [b"", b"token=wrong", b"token=", b"token=%FF"])
def test_a_wrong_token_gives_the_form_again(body: bytes) -> None:
    answer = asked("/login", method="POST", body=body)
    assert answer.status == 401 and "set-cookie" not in answer.headers
    assert b"This is not the token" in answer.body
    assert b"This is not the token" not in asked("/login").body

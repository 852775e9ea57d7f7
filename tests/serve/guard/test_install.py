from __future__ import annotations

from typing import Any

import pytest
from serve.asgi import call

from pipeline.records.errors import ConfigError
from pipeline.serve.guard.install import check_token, install_guards
from pipeline.serve.settings import Limits, ServeSettings

TOKEN = "0123456789abcdef"


def built(token: str | None = None, **settings: Any) -> Any:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/v1/fail")
    def fail() -> None:
        raise RuntimeError("/root/secret")

    @app.post("/v1/ask")
    def ask(value: dict[str, Any]) -> dict[str, Any]:
        return value

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    install_guards(app, ServeSettings(**settings), token)
    return app


def test_every_guard_stands_before_the_application() -> None:
    app = built(limits=Limits(request_mb=0.001, client_per_minute=8))
    json = {"Content-Type": "application/json"}
    assert call(app, "POST", "/v1/ask", json, b"{}").status == 200
    assert call(app, "GET", "/v1/fail").problem["detail"] == "The server failed; its log says why."
    assert call(app, "GET", "/nothing").problem["status"] == 404
    assert call(app, "DELETE", "/v1/ask").problem["status"] == 405
    assert call(app, "GET", "/healthz", {"Host": "evil.example"}).problem["status"] == 421
    assert call(app, "POST", "/v1/ask", {**json, "Origin": "https://evil.example"}, b"{}").problem["status"] == 403
    assert call(app, "POST", "/v1/ask", json, b" " * 1001).problem["status"] == 413
    assert {call(app, "POST", "/v1/ask", json, b"{}").status for _ in range(9)} == {200, 429}
    for path in ("/healthz", "/nothing", "/v1/fail"):
        assert call(app, "GET", path).headers["x-content-type-options"] == "nosniff"


def test_with_a_token_only_the_sign_of_life_is_open() -> None:
    app = built(TOKEN, host="0.0.0.0")
    assert call(app, "GET", "/healthz").status == 200
    assert call(app, "POST", "/v1/ask", {"Content-Type": "application/json"}, b"{}").problem["status"] == 401
    answer = call(
        app, "POST", "/v1/ask", {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}, b"{}"
    )
    assert answer.status == 200
    # A declared length is refused without the token being looked at, but never the other way round.
    assert call(app, "GET", "/login").headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_others_are_let_in_with_a_token_only(host: str) -> None:
    with pytest.raises(ConfigError, match="THEODOLITE_TOKEN"):
        check_token(ServeSettings(host=host), None)
    check_token(ServeSettings(host=host), TOKEN)


@pytest.mark.parametrize("token", ["short", "a" * 15, "with blank " + TOKEN, TOKEN + "\n", "ключ" * 8])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="openssl"):
        check_token(ServeSettings(), token)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_this_machine_no_token_is_needed(host: str) -> None:
    check_token(ServeSettings(host=host), None)


def test_a_mounted_page_of_gradio_is_reduced_to_what_it_needs() -> None:
    gradio = pytest.importorskip("gradio")
    from fastapi import FastAPI

    with gradio.Blocks(analytics_enabled=False) as page:
        gradio.Textbox()
    app = gradio.mount_gradio_app(FastAPI(), page, path="/")
    install_guards(app, ServeSettings(), None)
    assert call(app, "GET", "/").status == 200
    assert call(app, "GET", "/config").status == 200
    assert call(app, "GET", "/gradio_api/info").problem["status"] == 404
    assert call(app, "GET", "/gradio_api/file=/etc/passwd").problem["status"] == 404
    answer = call(app, "GET", "/theme.css", {"Origin": "http://localhost:7860"})
    assert not [name for name in answer.headers if name.startswith("access-control")]

from __future__ import annotations

import json
from typing import Any

import pytest
from serve.asgi import Answer, Echo, call

from pipeline.serve.guard.failures import Failures
from pipeline.serve.guard.gradio_routes import GradioRoutes, names_file
from pipeline.serve.settings import Limits

JOIN = "/gradio_api/queue/join"


def asked(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Answer:
    return call(Failures(GradioRoutes(Echo(), Limits())), method, path, {"Content-Type": kind}, body)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/config", "/theme.css", "/favicon.ico", "/assets/index-DiEEvXS6.css", "/gradio_api/queue/data",
        "/static/js/iframeResizer.contentWindow.min.js", "/gradio_api/heartbeat/x541wg5fsjd",
    ],
)  # fmt: skip
def test_what_the_page_reads_is_there(path: str) -> None:
    assert asked("GET", path).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file=/etc/passwd"), ("GET", "/gradio_api/file/etc/passwd"), ("GET", "/file=/etc/passwd"),
        ("HEAD", "/gradio_api/file=/etc/passwd"), ("GET", "/gradio_api/proxy=http://169.254.169.254/"),
        ("POST", "/gradio_api/upload"), ("GET", "/gradio_api/upload_progress"), ("POST", "/gradio_api/api/predict"),
        ("POST", "/gradio_api/call/ask"), ("POST", "/gradio_api/run/predict"), ("POST", "/gradio_api/call/v2/ask"),
        ("GET", "/gradio_api/info"), ("GET", "/gradio_api/openapi.json"), ("POST", "/gradio_api/component_server"),
        ("GET", "/gradio_api/custom_component/a/b/c/d"), ("GET", "/monitoring"), ("GET", "/gradio_api/app_id"),
        ("GET", "/svelte/svelte.js"), ("POST", "/gradio_api/stream/x"), ("GET", "/gradio_api/runs"),
        ("POST", "/gradio_api/process_recording"), ("POST", "/gradio_api/vibe-edit"), ("POST", "/login"),
        ("GET", "/assets/../../etc/passwd"), ("GET", "/assets/"),
        ("GET", "/assets//etc/passwd"), ("POST", "/"), ("PUT", JOIN), ("GET", JOIN),
        ("GET", "/manifest.json"), ("GET", "/gradio_api/deep_link"), ("GET", "/gradio_api/startup-events/x"),
    ],
)  # fmt: skip
def test_everything_else_is_not(method: str, path: str) -> None:
    answer = asked(method, path, b"{}")
    assert answer.status == 404 and "nothing at this address" in answer.problem["detail"]


@pytest.mark.parametrize("path", [JOIN, "/gradio_api/cancel", "/gradio_api/reset"])
def test_a_call_without_files_arrives_as_it_was(path: str) -> None:
    body = json.dumps({"data": ["Is the path clear?", {"scene": "abc"}], "fn_index": 2}).encode()
    assert asked("POST", path, body).body == body


FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "value",
    [
        FILE,
        [FILE],
        {"a": {"b": [[FILE]]}},
        {"path": "/etc/passwd"},
        {"url": "http://169.254.169.254/", "orig_name": "a"},
        {"meta": {"_type": "gradio.FileData"}},
        {"path": None},
        json.dumps(FILE),
        {"text": "hello", "files": [FILE]},
    ],
)
def test_a_call_with_a_file_anywhere_is_refused(value: Any) -> None:
    assert names_file({"data": [value]})
    answer = asked("POST", JOIN, json.dumps({"data": [value], "fn_index": 0, "session_hash": "x"}).encode())
    assert answer.status == 422 and "/v1/uploads" in answer.problem["detail"]


@pytest.mark.parametrize("value", ["path", ["url"], {"paths": "a"}, "What is gradio.FileData?", None, 1.5, "{"])
def test_words_are_no_files(value: Any) -> None:
    assert not names_file({"data": [value]})


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"data": [{"path": 1}], "data": []}', "application/json", 400),
        (b"[" * 100_000, "application/json", 413),
        (b" " * 2_000_001, "application/json", 413),
        (b"{}", "text/plain", 415),
        (b"{}", "multipart/form-data; boundary=x", 415),
        (b"{}", "", 415),
    ],
)
def test_a_call_that_is_no_plain_json_is_refused(body: bytes, kind: str, status: int) -> None:
    assert asked("POST", JOIN, body, kind).status == status


def test_a_client_that_leaves_leaves_nothing_behind() -> None:
    app = Echo()
    headers = {"Content-Type": "application/json"}
    guarded = Failures(GradioRoutes(app, Limits()))
    assert call(guarded, "POST", JOIN, headers, [b"{", b"}"], leaves=True).status == 0

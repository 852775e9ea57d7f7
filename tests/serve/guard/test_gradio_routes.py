from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from serve.asgi import Answer, Echo, call

from pipeline.serve.guard.failures import Failures
from pipeline.serve.guard.gradio_routes import GradioRoutes, names_file
from pipeline.serve.settings import Limits

JOIN = "/gradio_api/queue/join"


NOTHING = SimpleNamespace(pending_event_ids_session={})


class Gradio(Echo):
    """An application with a function of two inputs, one of the browser's, and one for pages that are left."""

    def __init__(self, queue: Any = NOTHING) -> None:
        super().__init__()
        self.queue = queue

    def get_blocks(self) -> Any:
        own = SimpleNamespace(fn=print, inputs=[1, 2], targets=[(1, "run")])
        script = SimpleNamespace(fn=None, inputs=[], targets=[(1, "click")])
        left = SimpleNamespace(fn=print, inputs=[], targets=[(None, "unload")])
        return SimpleNamespace(fns={2: own, 3: script, 4: left}, _queue=self.queue)


def asked(method: str, path: str, body: bytes = b"", kind: str = "application/json", query: bytes = b"") -> Answer:
    app = Failures(GradioRoutes(Gradio(), Limits()))
    return call(app, method, path, {"Content-Type": kind}, body, query=query)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/config", "/theme.css", "/favicon.ico", "/assets/index-DiEEvXS6.css",
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


CALL = {"data": ["Is the path clear?", {"scene": "abc"}], "fn_index": 2, "session_hash": "a1-_B"}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"fn_index": 99}, 404), ({"fn_index": -1}, 404), ({"fn_index": 3}, 404), ({"fn_index": 4}, 404),
        ({"fn_index": 2.0}, 422), ({"fn_index": True}, 422), ({"fn_index": "2"}, 422), ({"fn_index": None}, 422),
        ({"data": ["one"]}, 422), ({"data": [1, 2, 3]}, 422), ({"data": None}, 422), ({"data": {"a": 1}}, 422),
        ({"session_hash": "x" * 65}, 422), ({"session_hash": ""}, 422), ({"session_hash": None}, 422),
        ({"session_hash": "a/b"}, 422), ({"session_hash": "a\n"}, 422), ({"batched": True}, 422),
        ({"simple_format": True}, 422), ({}, 200),
    ],
)  # fmt: skip
def test_only_functions_of_the_page_are_called_with_all_their_inputs(changed: dict[str, Any], status: int) -> None:
    answer = asked("POST", JOIN, json.dumps({**CALL, **changed}).encode())
    assert answer.status == status
    assert status == 200 or "path clear" not in answer.problem["detail"]


@pytest.mark.parametrize(
    "query", [b"", b"session_hash=", b"session_hash=a&session_hash=b", b"session_hash=%2F", b"a&" * 501]
)
def test_answers_are_those_of_one_session(query: bytes) -> None:
    assert asked("GET", "/gradio_api/queue/data", query=query).status == 422


def test_a_page_that_reads_no_answers_gets_no_more() -> None:
    for pending, status in ((7, 200), (8, 429)):
        app = Gradio(SimpleNamespace(pending_event_ids_session={"a1-_B": set(range(pending))}))
        headers = {"Content-Type": "application/json"}
        answer = call(Failures(GradioRoutes(app, Limits())), "POST", JOIN, headers, json.dumps(CALL).encode())
        assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path", "body", "query"),
    [
        ("GET", "/gradio_api/queue/data", {}, b"session_hash=a1-_B"), ("POST", JOIN, CALL, b""),
        ("POST", "/gradio_api/cancel", {**CALL, "event_id": "e"}, b""), ("GET", "/gradio_api/heartbeat/a1-_B", {}, b""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stranger", [("10.0.0.2", "a" * 32), ("10.0.0.1", "b" * 32), ("10.0.0.1", "")])
def test_the_session_of_another_is_not_there(
    method: str, path: str, body: dict[str, Any], query: bytes, stranger: tuple[str, str]
) -> None:
    app = Failures(GradioRoutes(Gradio(), Limits()))

    def status(client: str, browser: str, way: tuple[str, str, dict[str, Any], bytes]) -> int:
        headers = {"Content-Type": "application/json", "Cookie": f"theodolite_page={browser}"}
        return call(app, way[0], way[1], headers, json.dumps(way[2]).encode(), client=client, query=way[3]).status

    assert status("10.0.0.1", "a" * 32, ("POST", JOIN, CALL, b"")) == 200
    assert status(*stranger, (method, path, body, query)) == 404
    assert status("10.0.0.1", "a" * 32, (method, path, body, query)) == 200


def test_answers_that_break_off_end_without_a_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Gradio):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"not found", "more_body": True})
            raise ValueError("secret")

    answer = call(GradioRoutes(Broken(), Limits()), "GET", "/gradio_api/queue/data", query=b"session_hash=a")
    assert answer.body == b"not found" and "secret" not in caplog.text


@pytest.mark.parametrize("path", [JOIN, "/gradio_api/cancel", "/gradio_api/reset"])
def test_a_call_without_files_arrives_as_it_was(path: str) -> None:
    assert asked("GET", "/gradio_api/queue/data", query=b"session_hash=a").status == 200
    body = json.dumps({**CALL, "event_id": "e"}).encode()
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
        (b" " * 256_001, "application/json", 413),
        (b"{}", "text/plain", 415),
        (b"{}", "multipart/form-data; boundary=x", 415),
        (b"{}", "", 415),
    ],
)
def test_a_call_that_is_no_plain_json_is_refused(body: bytes, kind: str, status: int) -> None:
    assert asked("POST", JOIN, body, kind).status == status


def test_a_client_that_leaves_leaves_nothing_behind() -> None:
    app = Gradio()
    headers = {"Content-Type": "application/json"}
    guarded = Failures(GradioRoutes(app, Limits()))
    assert call(guarded, "POST", JOIN, headers, [b"{", b"}"], leaves=True).status == 0

"""Chat completions in OpenAI's form."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from serve.fake_service import FakeService, png

from pipeline.serve.problems import BusyError
from pipeline.serve.records import Ask, JobState
from pipeline.serve.routes.chat_stream import streamed

Fake = tuple[FakeService, TestClient]
URL = "data:image/png;base64," + base64.b64encode(png()).decode()
OTHER = "data:image/png;base64," + base64.b64encode(png(grey=10)).decode()
PATH = "/v1/chat/completions"
SAID = "Yes, the mug is left of the book."


def image(url: str = URL) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def chunks(answer: Any) -> list[dict[str, Any]]:
    """The chunks of a stream, which ends with [DONE]."""
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_an_answer_has_openais_form_and_the_verdicts(fake: Fake) -> None:
    _service, client = fake
    body = {"model": "any", "messages": [user(text("Is it?"), image())], "temperature": 0, "tools": [], "unknown": {}}
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200
    found = answer.json()
    assert (
        found["object"] == "chat.completion" and found["id"].startswith("chatcmpl-") and found["model"] == "theodolite"
    )
    assert found["theodolite"]["model"] == "fake"
    (choice,) = found["choices"]
    assert choice["finish_reason"] == "stop" and choice["message"] == {"role": "assistant", "content": SAID}
    assert found["usage"]["total_tokens"] == 15 and found["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}
    extra = found["theodolite"]
    assert [verdict["status"] for verdict in extra["verdicts"]] == ["supported"] and len(extra["regions"]) == 2
    assert client.get(extra["links"]["self"]).json()["id"] == extra["id"]


def test_the_last_question_and_the_latest_images_count(fake: Fake) -> None:
    service, client = fake
    messages = [
        {"role": "system", "content": "You are kind."},
        user(text("First?"), image(), image()),
        {"role": "assistant", "content": "Yes."},
        user(text("Second?"), image(OTHER)),
        {"role": "assistant", "content": None},
        {"role": "user", "content": "Third?"},
        {"role": "assistant", "content": [text("Hm.")]},
    ]
    assert client.post(PATH, json={"messages": messages}).status_code == 200
    (work,), (scene,) = service.works, service.scenes
    assert isinstance(work, Ask) and work.questions == ("Third?",)
    (upload,) = scene.images
    assert service.store.upload(upload).path.read_bytes() == png(grey=10)


def test_options_of_this_server_come_beside_openais(fake: Fake) -> None:
    service, client = fake
    extra = {"hints": "none", "language": "zh", "camera": {"fx": 9, "fy": 9, "cx": 4, "cy": 3}}
    body = {"messages": [user(text("Is it?"), image())], "theodolite": extra}
    found = client.post(PATH, json=body).json()["theodolite"]
    assert service.works[0].language == "zh" and service.scenes[0].camera is not None  # type: ignore[union-attr]
    again = {"messages": [{"role": "user", "content": "And?"}], "theodolite": {"scene": found["scene"]}}
    assert client.post(PATH, json=again).json()["theodolite"]["scene"] == found["scene"]


def test_a_known_scene_comes_without_images_and_what_belongs_to_a_new_one(fake: Fake) -> None:
    service, client = fake
    body = {"messages": [user(text("Is it?"), image())], "theodolite": {"scene": "s"}}
    answer = client.post(PATH, json=body)
    assert answer.status_code == 422 and "not both" in answer.json()["error"]["message"]
    body = {"messages": [{"role": "user", "content": "Is it?"}], "theodolite": {"scene": "s", "fov_deg": 60}}
    answer = client.post(PATH, json=body)
    assert answer.status_code == 422 and "fov_deg belongs to a new scene" in answer.json()["detail"]
    assert not service.works


def test_a_stream_says_the_answer_in_pieces_and_ends_with_the_verdicts(fake: Fake) -> None:
    body = {"messages": [user(text("Is it?"), image())], "stream": True, "stream_options": {"include_usage": True}}
    answer = fake[1].post(PATH, json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = chunks(answer)
    assert {chunk["object"] for chunk in found} == {"chat.completion.chunk"} and len({c["id"] for c in found}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in found if chunk["choices"]]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert [delta["content"] for delta in deltas[1:-1]] == ["Yes, the mug", " is left of the book."]
    last, usage = found[-2:]
    assert last["choices"][0]["finish_reason"] == "stop" and last["theodolite"]["verdicts"][0]["status"] == "supported"
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] == 5


def test_a_stream_that_fails_says_why(fake: Fake) -> None:
    service, client = fake
    service.ending = "failed"
    found = chunks(client.post(PATH, json={"messages": [user(text("Is it?"), image())], "stream": True}))
    assert (
        found[-1]["error"]["message"] == "The model could not answer." and found[-1]["error"]["type"] == "server_error"
    )


def test_a_client_that_leaves_a_stream_cancels_its_question(tmp_path: Any) -> None:
    import asyncio

    from serve.fake_service import fake_app

    from pipeline.serve.records import SceneInput

    service, _ = fake_app(tmp_path)
    service.ending = "never"

    async def leave() -> None:
        job = service.submit(Ask(service.store.add_scene(SceneInput(("x",))), ("Is it?",)), "me")
        stream = streamed(job, service, has_usage=False)  # type: ignore[arg-type]
        assert b"assistant" in await anext(stream)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert service.job("job-1-0123456789").state is JobState.CANCELLED


@pytest.mark.parametrize(
    "body, status, kind, message",
    [
        ({"messages": []}, 422, "invalid_request_error", "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, 422, "invalid_request_error", "no turn of the user"),
        ({"messages": [user(image())]}, 422, "invalid_request_error", "has no text"),
        ({"messages": [user(text("Is it?"))]}, 422, "invalid_request_error", "has no image"),
        ({"messages": [user(text("Is it?"), {"type": "input_audio"}), user(text("x"), {"type": "file"})]}, 422,
         "invalid_request_error", "'file' is not read"),
        ({"messages": [user(text("Is it?"), image())], "n": 2}, 422, "invalid_request_error", "The field n must be"),
        ({"messages": [user(text("Is it?"), image("http://127.0.0.1/a.png"))]}, 403, "permission_error", "address"),
        ({"messages": [user(text("Is it?"), image("file:///etc/passwd"))]}, 403, "permission_error", ""),
        ({"messages": [user(text("Is it?"), image("/etc/passwd"))]}, 403, "permission_error", ""),
        ({"messages": [user(text("Is it?"), image("data:text/html;base64,AAAA"))]}, 415, "invalid_request_error", ""),
    ],
)  # fmt: skip
def test_errors_have_openais_form_besides(fake: Fake, body: Any, status: int, kind: str, message: str) -> None:
    answer = fake[1].post(PATH, json=body)
    found = answer.json()
    assert (answer.status_code, found["error"]["type"]) == (status, kind), found
    assert found["detail"] == found["error"]["message"] and message in found["detail"]


def test_a_full_queue_is_a_rate_limit(fake: Fake) -> None:
    service, client = fake
    service.refusal = BusyError("The queue is full.", 9)
    answer = client.post(PATH, json={"messages": [user(text("Is it?"), image())]})
    assert answer.status_code == 429 and answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert answer.headers["retry-after"] == "9"


def test_clients_find_one_model(fake: Fake) -> None:
    assert [model["id"] for model in fake[1].get("/v1/models").json()["data"]] == ["theodolite"]

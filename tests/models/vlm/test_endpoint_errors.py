from __future__ import annotations

from typing import Any

import pytest
from models.vlm.recording_server import KEY, RecordingServer, Reply, answer, ask, chunk, events, failure

BUSY = {"error": {"message": "busy"}}
LEFT = answer(True)
pytestmark = pytest.mark.usefixtures("pauses")


def test_the_pause_is_what_the_server_asks_for(server: RecordingServer, pauses: list[float]) -> None:
    assert ask(server, Reply(BUSY, 429, headers={"Retry-After": "7"}), LEFT).text == "left"
    assert pauses == [7]


@pytest.mark.parametrize(
    ("retries", "words"), [(3, "failed after 4 attempts"), (0, r"failed at the first attempt \(status 500\): .*busy")]
)
def test_a_busy_server_is_asked_as_often_as_configured(
    server: RecordingServer, pauses: list[float], retries: int, words: str
) -> None:
    failure(server, words, Reply(BUSY, 500), max_retries=retries)
    assert len(server.bodies) == retries + 1
    assert len(pauses) == retries


def test_attempts_after_errors_and_after_broken_answers_are_counted_together(server: RecordingServer) -> None:
    broken = events(chunk("le"), lost="short")
    failure(
        server, r"failed after 4 attempts \(status 500\)", Reply(BUSY, 500), broken, Reply(BUSY, 500), max_retries=3
    )
    assert len(server.bodies) == 4
    failure(server, "broke its answer off after 2 attempts", Reply(BUSY, 500), broken)
    assert len(server.bodies) == 6


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("lost", ["short", "reset"])
def test_an_answer_whose_connection_is_lost_is_asked_for_again(
    server: RecordingServer, lost: Any, streamed: bool
) -> None:
    broken = Reply(b'{"choices": [', lost=lost)
    assert ask(server, broken, answer(False), stream=streamed).text == "left"
    failure(server, "(No connection|broke its answer off).* after 2 attempts", broken, stream=streamed)
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("status", "attempts", "complaint"),
    [
        (500, 2, r"failed after 2 attempts \(status 500\): .*what the server says"),
        (429, 2, r"failed after 2 attempts \(status 429\)"),
        (401, 1, r"OPENAI_API_KEY, which is set"),
        (403, 1, r"OPENAI_API_KEY, which is set"),
        (404, 1, r"no model 'qwen'.*vlm\.model and vlm\.base_url"),
        (400, 1, r"refused the request \(status 400\): .*what the server says"),
        (408, 2, r"failed after 2 attempts \(status 408\)"),
        (409, 2, r"failed after 2 attempts \(status 409\)"),
        (422, 1, r"refused the request \(status 422\)"),
        (307, 1, r"refused the request \(status 307\)"),
    ],
)
def test_a_lasting_failure_is_one_line_that_helps(
    server: RecordingServer, status: int, attempts: int, complaint: str
) -> None:
    headers = {"Location": f"{server.url}/elsewhere"}
    reply = Reply({"error": {"message": "what\nthe server says"}}, status, headers=headers)
    message = str(failure(server, complaint, reply))
    assert "\n" not in message
    assert server.url in message
    assert len(server.bodies) == attempts


def test_a_refused_key_that_is_not_set_is_named(server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    failure(server, "OPENAI_API_KEY, which is not set", Reply({}, 401))


OUT = "CUDA out of memory, try again"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(OUT.encode(), 500, content_type="text/plain"), rf"failed .*\(status 500\): {OUT}"),
        (Reply(OUT.encode(), 400, content_type="text/plain"), rf"refused the request \(status 400\): {OUT}"),
        (Reply({"error": OUT}, 400), rf"refused the request \(status 400\): .*{OUT}"),
        (Reply({"detail": OUT}, 500), rf"failed .*\(status 500\): .*{OUT}"),
        (Reply(OUT, 503), rf"failed .*\(status 503\): .*{OUT}"),
        (Reply({"error": OUT}), f"reports an error instead of an answer; .*: {OUT}"),
        (Reply({"object": "error", "message": OUT}), f"reports an error instead of an answer; .*: {OUT}"),
        (Reply(OUT.encode(), content_type="text/plain"), f"reports an error instead of an answer; .*: {OUT}"),
        (Reply(OUT.encode()), f"reports an error instead of an answer; .*: {OUT}"),
        (events(b"data: " + OUT.encode() + b"\n\n"), f"reports an error instead of an answer; .*: {OUT}"),
        (events(b'data: {"error": "' + OUT.encode() + b'"}\n\n'), f"reports an error instead of an answer; .*: {OUT}"),
        (Reply(b"<html>not found</html>", content_type="text/html"), "did not answer in the OpenAI protocol"),
        (Reply(b'{"choices": [', content_type="text/plain"), "did not answer in the OpenAI protocol"),
        (Reply(b"", content_type="text/plain"), "did not answer in the OpenAI protocol"),
    ],
)
def test_an_error_given_as_a_text_is_repeated(
    server: RecordingServer, reply: Reply, words: str, streamed: bool
) -> None:
    if not streamed and reply.content_type.startswith("text/event-stream"):
        pytest.skip("only an answer that is asked for as a stream comes as one")
    message = str(failure(server, words, reply, stream=streamed, max_retries=0))
    assert "\n" not in message


def test_a_text_of_an_error_does_not_repeat_the_key(server: RecordingServer) -> None:
    for content_type in ("text/plain", "application/json"):
        reply = Reply(f"The key {KEY}\nis unknown".encode(), content_type=content_type)
        assert KEY not in str(failure(server, r"The key \*\*\* is unknown", reply))

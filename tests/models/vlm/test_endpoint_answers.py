from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from models.vlm.recording_server import (
    DONE,
    EVENT_STREAM,
    KEY,
    QUESTION,
    RecordingServer,
    Reply,
    answer,
    chunk,
    endpoint,
    event,
    events,
    record_pauses,
    recording_server,
    stream,
    usage,
    use_key,
    wait_for,
)

from pipeline.records.errors import GenerationError

BOX = '{"label": "red cup", "bbox_2d": [120, 340, 560, 789]}, '


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as record:
        yield record


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    use_key(monkeypatch)
    return record_pauses(monkeypatch)


def test_a_stream_is_asked_for_and_put_together(server: RecordingServer) -> None:
    server.replies = [stream("le", "f", "", "t", drip_s=0.05)]
    generation = endpoint(server).generate(QUESTION)
    assert server.bodies[0]["stream"] is True
    assert server.bodies[0]["stream_options"] == {"include_usage": True}
    assert (generation.text, generation.revision, generation.truncated) == ("left", "fp-7", False)
    assert (generation.prompt_tokens, generation.completion_tokens) == (11, 3)
    first_token_s = generation.timings["first_token_s"]
    assert 0.05 <= first_token_s <= generation.seconds - 0.15, "of the first text, not of the opening without one"


def test_the_first_token_of_reasoning_counts(server: RecordingServer) -> None:
    server.replies = [
        events(chunk(reasoning="It"), chunk(reasoning=" is"), chunk("left"), chunk(finish="stop"), DONE, drip_s=0.05)
    ]
    generation = endpoint(server).generate(QUESTION)
    assert generation.text == "<think>\nIt is\n</think>\n\nleft"
    assert generation.timings["first_token_s"] <= generation.seconds - 0.1


def test_an_answer_at_once_tells_no_time_of_its_first_token(server: RecordingServer) -> None:
    server.replies = [answer(False)]
    for streamed in (True, False):
        generation = endpoint(server, stream=streamed).generate(QUESTION)
        assert generation.text == "left"
        assert "first_token_s" not in generation.timings
        assert generation.timings["prepare_s"] >= 0
    assert "stream" not in server.bodies[1]


LONELY = json.dumps({"usage": {"prompt_tokens": 5}}).encode()


@pytest.mark.parametrize(
    "parts",
    [
        (chunk("left"), chunk(finish="stop")),  # transformers serve
        (chunk("left", "stop"), DONE),
        (b": ping\n\n", chunk("left", "stop"), b": ping\n\n", DONE, chunk("never read")),
        (event({"choices": []}), chunk("left"), chunk(finish="stop"), event(LONELY), DONE),
        (
            event({"choices": None, "type": "ping"}),
            chunk("left"),
            event({"choices": [{"delta": None, "finish_reason": "stop"}]}),
            DONE,
        ),
    ],
)
def test_every_end_of_a_complete_stream_is_known(server: RecordingServer, parts: Sequence[bytes]) -> None:
    server.replies = [events(*parts)]
    assert endpoint(server).generate(QUESTION).text == "left"
    assert len(server.bodies) == 1


@pytest.mark.parametrize("lost", ["closed", "short", "reset"])
@pytest.mark.parametrize("before", [(), (chunk("", role="assistant"),), (chunk("wrong"), chunk(" answer"))])
def test_a_stream_that_breaks_off_is_asked_for_again(
    server: RecordingServer, before: tuple[bytes, ...], lost: Any
) -> None:
    server.replies = [events(*before, lost=lost), stream("right")]
    assert endpoint(server).generate(QUESTION).text == "right"
    assert len(server.bodies) == 2
    assert server.bodies[0] == server.bodies[1]


@pytest.mark.parametrize("lost", ["closed", "short", "reset"])
def test_a_stream_that_always_breaks_off_is_an_error_and_no_short_answer(server: RecordingServer, lost: Any) -> None:
    server.answer = lambda _: events(chunk("le"), lost=lost)
    with pytest.raises(GenerationError, match=r"broke its answer off after 3 attempts.*the server's log"):
        endpoint(server, max_retries=2).generate(QUESTION)
    assert len(server.bodies) == 3


@pytest.mark.parametrize("lost", ["short", "reset"])
def test_what_is_lost_after_the_end_of_an_answer_does_not_matter(server: RecordingServer, lost: Any) -> None:
    server.replies = [events(chunk("left"), chunk(finish="stop"), lost=lost)]
    generation = endpoint(server).generate(QUESTION)
    assert (generation.text, generation.completion_tokens) == ("left", None)
    assert len(server.bodies) == 1


def test_an_answer_whose_end_is_known_needs_no_end_of_the_stream(server: RecordingServer) -> None:
    server.replies = [events(chunk("left"), chunk(finish="stop"), usage(), *[b": ping\n\n"] * 20, drip_s=0.1)]
    generation = endpoint(server, timeout_s=0.6).generate(QUESTION)
    assert (generation.text, generation.completion_tokens) == ("left", 3)


@pytest.mark.parametrize(
    "reported",
    [
        {"error": {"message": f"out of\nmemory {KEY}", "code": 500}},
        {"error": f"out of memory {KEY}"},
        {"object": "error", "message": f"out of memory {KEY}", "code": 400},
        {
            "error": {"message": f"out of memory {KEY}"},
            "choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}],
        },
    ],
)
def test_an_error_within_a_stream_is_one_clear_error(server: RecordingServer, reported: Any) -> None:
    server.replies = [events(chunk("le"), event(reported), DONE)]
    with pytest.raises(GenerationError, match=r"reports an error .*log: out of memory \*\*\*$") as caught:
        endpoint(server).generate(QUESTION)
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "part",
    [
        event(b"{not json"),
        event(b"\xff"),
        event([1, 2]),
        event("left"),
        event(b"null"),
        event(b"[" * 200_000),
        event({"choices": [1]}),
        event({"choices": {"a": 1}}),
        event({"choices": [{"delta": [1]}]}),
        event({"something": "else"}) + DONE,
    ],
)
def test_an_event_outside_of_the_protocol_is_named(server: RecordingServer, part: bytes) -> None:
    server.replies = [events(part)]
    with pytest.raises(GenerationError, match=r"OpenAI protocol.*vlm\.base_url"):
        endpoint(server).generate(QUESTION)
    assert len(server.bodies) == 1


def test_an_endless_repetition_is_cut_as_it_comes(server: RecordingServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    opening = '[{"label": "blue box", "bbox_2d": [1, 2, 3, 4]}, '
    tokens = itertools.chain([opening], itertools.cycle(BOX[start : start + 3] for start in range(0, len(BOX), 3)))
    server.replies = [Reply(map(chunk, tokens), content_type=EVENT_STREAM)]
    generation = endpoint(server).generate(QUESTION)
    assert generation.truncated
    assert generation.text.startswith(opening + BOX)
    assert len(generation.text) < 20 * len(BOX)
    assert (generation.prompt_tokens, generation.completion_tokens) == (None, None)
    assert "The answer for item repeated itself and was cut." in caplog.text
    assert len(server.bodies) == 1
    wait_for(lambda: server.hung_up == 1)


def test_endless_reasoning_is_cut_too(server: RecordingServer) -> None:
    parts = (chunk(reasoning_content="It is left. No, wait. ") for _ in itertools.count())
    server.replies = [Reply(parts, content_type=EVENT_STREAM)]
    generation = endpoint(server).generate(QUESTION)
    assert generation.truncated
    assert generation.text.startswith("<think>\nIt is left.")
    assert "</think>" not in generation.text

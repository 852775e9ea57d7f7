from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
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
    ask,
    chunk,
    endpoint,
    event,
    events,
    failure,
    stream,
    usage,
    wait_for,
)

from pipeline.records.errors import StoppedError

BOX = '{"label": "red cup", "bbox_2d": [120, 340, 560, 789]}, '
pytestmark = pytest.mark.usefixtures("pauses")


def test_a_stream_is_asked_for_and_put_together(server: RecordingServer) -> None:
    generation = ask(server, stream("le", "f", "", "t", drip_s=0.05))
    assert server.bodies[0]["stream"] is True
    assert server.bodies[0]["stream_options"] == {"include_usage": True}
    assert (generation.text, generation.revision, generation.truncated) == ("left", "fp-7", False)
    assert (generation.prompt_tokens, generation.completion_tokens) == (11, 3)
    first_token_s = generation.timings["first_token_s"]
    assert 0.05 <= first_token_s <= generation.seconds - 0.15, "of the first text, not of the opening without one"


def test_the_first_token_of_reasoning_counts(server: RecordingServer) -> None:
    parts = (chunk(reasoning="It"), chunk(reasoning=" is"), chunk("left"), chunk(finish="stop"), DONE)
    generation = ask(server, events(*parts, drip_s=0.05))
    assert generation.text == "<think>\nIt is\n</think>\n\nleft"
    assert generation.timings["first_token_s"] <= generation.seconds - 0.1


def test_a_whole_answer_has_no_time_to_its_first_token(server: RecordingServer) -> None:
    for streamed in (True, False):
        generation = ask(server, answer(False), stream=streamed)
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
def test_every_form_of_a_complete_stream_is_read(server: RecordingServer, parts: Sequence[bytes]) -> None:
    assert ask(server, events(*parts)).text == "left"
    assert len(server.bodies) == 1


@pytest.mark.parametrize("lost", ["closed", "short", "reset"])
@pytest.mark.parametrize("before", [(), (chunk("", role="assistant"),), (chunk("wrong"), chunk(" answer"))])
def test_a_stream_that_breaks_off_is_asked_for_again(
    server: RecordingServer, before: tuple[bytes, ...], lost: Any
) -> None:
    assert ask(server, events(*before, lost=lost), stream("right")).text == "right"
    assert server.bodies == [server.bodies[0]] * 2


@pytest.mark.parametrize("lost", ["short", "reset"])
def test_a_connection_lost_after_the_end_of_an_answer_does_not_matter(server: RecordingServer, lost: Any) -> None:
    generation = ask(server, events(chunk("left"), chunk(finish="stop"), lost=lost))
    assert (generation.text, generation.completion_tokens) == ("left", None)
    assert len(server.bodies) == 1


def test_a_complete_answer_needs_no_end_of_the_stream(server: RecordingServer) -> None:
    parts = (chunk("left"), chunk(finish="stop"), usage(), *[b": ping\n\n"] * 20)
    generation = ask(server, events(*parts, drip_s=0.1), timeout_s=0.6)
    assert (generation.text, generation.completion_tokens) == ("left", 3)


NESTED = {
    "error": {"message": f"out of memory {KEY}"},
    "choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}],
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": f"out of\nmemory {KEY}", "code": 500}},
        {"error": f"out of memory {KEY}"},
        {"object": "error", "message": f"out of memory {KEY}", "code": 400},
        {"error": {"code": 500}},
        NESTED,
    ],
)
def test_an_error_in_place_of_an_answer_or_within_it_is_one_line(
    server: RecordingServer, error: Any, streamed: bool
) -> None:
    reply = events(chunk("le"), event(error), DONE) if streamed else Reply(error)
    caught = failure(server, r"reports an error .*log: (out of memory \*\*\*|\{'code': 500\})$", reply)
    assert "\n" not in str(caught)
    assert caught.__context__ is None
    assert len(server.bodies) == 1


DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    "reply",
    [
        events(event(b"{not json")),
        events(event(b"\xff")),
        events(event([1, 2])),
        events(event("left")),
        events(event(b"null")),
        events(event(DEEP)),
        events(event({"choices": [1]})),
        events(event({"choices": {"a": 1}})),
        events(event({"choices": [{"delta": [1]}]})),
        events(event({"something": "else"}), DONE),
        Reply(b"{not json"),
        Reply(b"<html>hello</html>", content_type="text/html"),
        Reply({"choices": []}),
        Reply({"something": "else"}),
        Reply([1, 2]),
        Reply({"choices": [{"message": None}]}),
        Reply({"choices": {"a": 1}}),
        Reply(DEEP),
        Reply(b'{"choices":' + DEEP + b"]" * len(DEEP) + b"}"),
    ],
)
def test_an_answer_outside_of_the_protocol_is_named(server: RecordingServer, reply: Reply) -> None:
    failure(server, r"OpenAI protocol.*vlm\.base_url", reply)
    assert len(server.bodies) == 1


def test_an_endless_repetition_is_cut_as_it_comes(server: RecordingServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    opening = '[{"label": "blue box", "bbox_2d": [1, 2, 3, 4]}, '
    tokens = itertools.chain([opening], itertools.cycle(BOX[start : start + 3] for start in range(0, len(BOX), 3)))
    generation = ask(server, Reply(map(chunk, tokens), content_type=EVENT_STREAM))
    assert generation.truncated
    assert generation.text.startswith(opening + BOX)
    assert len(generation.text) < 20 * len(BOX)
    assert (generation.prompt_tokens, generation.completion_tokens) == (None, None)
    assert "The answer for item repeated itself and was cut." in caplog.text
    assert len(server.bodies) == 1
    wait_for(lambda: server.hung_up == 1)


def test_endless_reasoning_is_cut_too(server: RecordingServer) -> None:
    parts = (chunk(reasoning_content="It is left. No, wait. ") for _ in itertools.count())
    generation = ask(server, Reply(parts, content_type=EVENT_STREAM))
    assert generation.truncated
    assert generation.text.startswith("<think>\nIt is left.")
    assert "</think>" not in generation.text


TEXT_PARTS = {
    "text": [{"type": "text", "text": "left"}],
    "several": [{"type": "text", "text": "le"}, {"type": "text", "text": "ft"}],
    "output_text": [{"type": "output_text", "text": "left", "annotations": []}],
    "value": [{"type": "text", "text": {"value": "left", "annotations": []}}],
    "refusal": [{"type": "refusal", "refusal": "left"}],
    "with others": [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "left"}, None, 7],
    "empty first": [{"type": "text", "text": ""}, {"type": "text", "text": "left"}],
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", TEXT_PARTS)
def test_a_content_of_parts_is_their_text(server: RecordingServer, name: str, streamed: bool) -> None:
    assert ask(server, answer(streamed, TEXT_PARTS[name])).text == "left"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "thinking",
    [
        {"type": "thinking", "thinking": [{"type": "text", "text": "It is"}]},
        {"type": "thinking", "thinking": "It is"},
        {"type": "reasoning", "text": "It is"},
    ],
)
def test_thoughts_among_the_parts_are_reasoning(server: RecordingServer, thinking: Any, streamed: bool) -> None:
    said = answer(streamed, [thinking, {"type": "text", "text": "left"}])
    assert ask(server, said).text == "<think>\nIt is\n</think>\n\nleft"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "content", [["left"], [{"type": "image_url"}], [{"type": "text"}], [{"text": "left"}], [None], [[{"type": "text"}]]]
)
def test_parts_without_a_text_are_refused(server: RecordingServer, content: Any, streamed: bool) -> None:
    failure(server, "a list in place of a text", answer(streamed, content))


def test_parts_come_one_by_one(server: RecordingServer) -> None:
    parts = [chunk([{"type": "text", "text": text}]) for text in ("le", "ft")]
    assert ask(server, events(chunk([]), *parts, chunk(finish="stop"), DONE)).text == "left"


class Follows:
    """Keeps the texts that it is told, and stops after so many."""

    def __init__(self, most: float = float("inf")) -> None:
        self.texts: list[str] = []
        self.most = most

    def on_text(self, text: str) -> None:
        self.texts.append(text)

    @property
    def is_stopped(self) -> bool:
        return len(self.texts) >= self.most


def test_a_listener_hears_the_answer_as_it_comes(server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.models.vlm.listening._INTERVAL_S", 0.0)
    listener = Follows()
    server.replies = [stream("le", "ft")]
    generation = endpoint(server).generate(replace(QUESTION, listener=listener))
    assert listener.texts == ["le", "left"]
    assert generation.text == "left"


def test_an_answer_that_is_stopped_is_not_asked_for_again(
    server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.models.vlm.listening._INTERVAL_S", 0.0)
    server.replies = [stream("le", "ft")]
    with pytest.raises(StoppedError):
        endpoint(server).generate(replace(QUESTION, listener=Follows(1)))
    assert len(server.bodies) == 1

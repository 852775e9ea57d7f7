from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from models.vlm.asking import noise
from models.vlm.recording_server import (
    EVENT_STREAM,
    QUESTION,
    RecordingServer,
    Reply,
    answer,
    asks,
    chunk,
    completion,
    endpoint,
    events,
    stream,
    wait_for,
)

from pipeline.models.vlm.base import Generation, ImagePart, Request, TextPart
from pipeline.models.vlm.concurrency import answer_concurrently
from pipeline.records.errors import GenerationError, ModelUnavailableError


def asked(text: str, *seeds: int) -> Request:
    """A question about images, which is all of its text."""
    return Request((*(ImagePart(noise(seed)) for seed in seeds), TextPart(text)), text, text)


def echo(body: dict[str, Any], **settings: Any) -> Reply:
    return stream(asks(body), **settings)


def texts(outcomes: list[Any]) -> list[str]:
    return [outcome.text if isinstance(outcome, Generation) else str(outcome) for outcome in outcomes]


def test_answers_come_in_the_order_asked(server: RecordingServer) -> None:
    requests = [asked(f"question {number}") for number in range(20)]
    server.answer = lambda body: echo(body, delay_s=0.002 * (int(asks(body)[9:]) * 7 % 20))
    assert texts(endpoint(server).generate_all(requests)) == [request.question for request in requests]
    assert len(server.bodies) == 20


def test_no_requests_are_no_answers(server: RecordingServer) -> None:
    assert endpoint(server).generate_all([]) == []


@pytest.mark.parametrize("most", [1, 3, 50])
def test_no_more_requests_run_at_a_time_than_allowed(server: RecordingServer, most: int) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        wait_for(lambda: server.most_simultaneous >= min(most, 8))
        return echo(body, delay_s=0.05)

    server.answer = reply
    endpoint(server, max_concurrency=most).generate_all([asked(str(number)) for number in range(8)])
    assert server.most_simultaneous == min(most, 8)
    assert len(server.bodies) == 8


@pytest.mark.usefixtures("pauses")
def test_a_failing_request_stays_alone(server: RecordingServer) -> None:
    replies = {
        "bad": Reply({"error": {"message": "too long"}}, 400),
        "down": Reply({"error": {"message": "busy"}}, 503),
        "lost": events(chunk("le"), lost="closed"),
        "mad": Reply(b"{"),
    }
    server.answer = lambda body: replies.get(asks(body)) or echo(body)
    names = ["one", "bad", "two", "down", "lost", "mad", "three"]
    outcomes = endpoint(server).generate_all([asked(name) for name in names])
    for name, outcome in zip(names, outcomes, strict=True):
        assert isinstance(outcome, GenerationError if name in replies else Generation)
        assert name in replies or texts([outcome]) == [name]
    assert "too long" in str(outcomes[1])
    assert "status 503" in str(outcomes[3])


def test_a_request_that_waits_to_be_tried_again_stops_no_other(server: RecordingServer) -> None:
    refused = threading.Event()

    def reply(body: dict[str, Any]) -> Reply:
        if asks(body) == "slow" and not refused.is_set():
            refused.set()
            return Reply({}, 429, headers={"Retry-After": "1"})
        return echo(body)

    server.answer = reply
    outcomes = endpoint(server, max_concurrency=2).generate_all([asked("slow"), *(asked(str(n)) for n in range(5))])
    assert texts(outcomes) == ["slow", "0", "1", "2", "3", "4"]
    assert server.texts()[-1] == "slow", "all others came while it waited"


SCENES = [asked("a0", 1), asked("a1", 1, 2), asked("a2", 1), asked("b0", 2, 1), asked("none"), asked("a3", 1, 3)]
FIRST, OTHERS = {"a0", "b0", "none"}, {"a1", "a2", "a3"}


@pytest.mark.parametrize("streamed", [True, False])
def test_requests_that_begin_alike_wait_until_the_server_has_read_the_first(
    server: RecordingServer, streamed: bool
) -> None:
    came_before_text: list[str] = []
    came_before_end: list[str] = []

    def slowly() -> Iterator[bytes]:
        wait_for(lambda: len(server.bodies) == len(FIRST))
        time.sleep(0.1)
        came_before_text.extend(server.texts())
        if streamed:
            yield chunk("a0")
            wait_for(lambda: len(server.bodies) == len(SCENES))
        came_before_end.extend(server.texts())
        yield chunk(finish="stop") if streamed else json.dumps(completion("a0")).encode()

    def reply(body: dict[str, Any]) -> Reply:
        if asks(body) == "a0":
            return Reply(slowly(), content_type=EVENT_STREAM if streamed else "application/json")
        return answer(streamed, asks(body))

    server.answer = reply
    outcomes = endpoint(server, max_concurrency=8, max_retries=0, stream=streamed).generate_all(SCENES)
    assert texts(outcomes) == [request.question for request in SCENES]
    assert set(came_before_text) == FIRST
    assert set(came_before_end) == (FIRST | OTHERS if streamed else FIRST)


def test_requests_that_begin_alike_go_on_where_the_first_fails(server: RecordingServer) -> None:
    server.answer = lambda body: Reply({}, 400) if asks(body) == "0" else echo(body)
    first, *others = endpoint(server).generate_all([asked(str(number), 1) for number in range(4)])
    assert isinstance(first, GenerationError)
    assert texts(others) == ["1", "2", "3"]


def test_questions_about_one_scene_stay_together(server: RecordingServer) -> None:
    server.answer = echo
    requests = [asked(f"{scene}{number}", scene) for scene in range(5) for number in range(3)]
    endpoint(server, max_concurrency=1).generate_all(requests)
    assert server.texts() == [request.question for request in requests]


NAME, IMAGE, LAST = TextPart("Picture 1: "), ImagePart(noise(1)), TextPart("first")


@pytest.mark.parametrize(
    ("parts", "waits"),
    [
        ((NAME, IMAGE, TextPart("other")), True),
        ((TextPart("Bild 1: "), IMAGE, LAST), False),
        ((NAME, ImagePart(noise(1), max_pixels=2048), LAST), False),
        ((NAME, ImagePart(noise(2)), LAST), False),
        ((NAME, LAST), False),
    ],
)
def test_requests_with_equal_texts_and_pixels_up_to_the_first_image_begin_alike(parts: Any, waits: bool) -> None:
    first, other = (Request(each, "i", "?") for each in ((NAME, IMAGE, LAST), parts))
    together = threading.Barrier(2)

    def meet(request: Request, on_read: Any, stopped: threading.Event) -> Generation:
        try:
            together.wait(0.5)
        except threading.BrokenBarrierError:
            return Generation("alone", "m")
        return Generation("together", "m")

    assert texts(answer_concurrently([first, other], meet, 2)) == ["alone" if waits else "together"] * 2


@pytest.mark.parametrize("error", [ModelUnavailableError("no model"), RuntimeError("a mistake")])
def test_an_error_that_concerns_all_is_raised_and_stops_those_that_wait(error: Exception) -> None:
    asked_for: list[Request] = []

    def fail(request: Request, on_read: Any, stopped: threading.Event) -> Generation:
        asked_for.append(request)
        stopped.wait(0.05)
        raise error

    with pytest.raises(type(error), match=str(error)):
        answer_concurrently([QUESTION] * 10, fail, 2)
    time.sleep(0.2)
    assert len(asked_for) <= 4


PROGRAM = """
import sys
from pipeline.models.vlm.base import Request, TextPart
from pipeline.models.vlm.openai_endpoint import OpenAIEndpoint

model = OpenAIEndpoint("qwen", sys.argv[1], max_concurrency=2, stream=sys.argv[2] == "stream")
model.generate_all([Request((TextPart(str(number)),), "item", "?") for number in range(6)])
"""


@pytest.mark.parametrize("kind", ["stream", "whole"])
def test_an_interrupt_ends_the_program_at_once(server: RecordingServer, kind: str) -> None:
    server.replies = [Reply((chunk("left") for _ in range(100)), content_type=EVENT_STREAM, drip_s=0.2)]
    if kind == "whole":
        server.replies = [answer(False)]
        server.replies[0].delay_s = 20
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", PROGRAM, server.url, kind]
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True) as program:
        wait_for(lambda: len(server.bodies) == 2, limit_s=60)
        started = time.monotonic()
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=15)
    assert time.monotonic() - started < 3
    assert "KeyboardInterrupt" in said
    assert len(server.bodies) == 2, "those that waited are not asked"


def test_an_interrupt_ends_the_streams_of_a_program_that_goes_on(server: RecordingServer) -> None:
    def drip() -> Iterator[bytes]:
        for number in range(200):
            yield chunk(f"{number} ")
            time.sleep(0.05)

    server.answer = lambda _: Reply(drip(), content_type=EVENT_STREAM)
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        wait_for(lambda: len(server.bodies) == 2)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        endpoint(server, timeout_s=60, max_concurrency=2).generate_all([asked(str(number)) for number in range(6)])
    wait_for(lambda: server.hung_up == 2)
    assert time.monotonic() - started < 3
    assert len(server.bodies) == 2

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from models.vlm.recording_server import (
    QUESTION,
    RecordingServer,
    Reply,
    answer,
    endpoint,
    record_pauses,
    recording_server,
    use_key,
)

from pipeline.records.errors import GenerationError

BUSY = {"error": {"message": "busy"}}


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as record:
        yield record


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    use_key(monkeypatch)
    return record_pauses(monkeypatch)


def test_two_server_errors_and_then_an_answer(server: RecordingServer, pauses: list[float]) -> None:
    server.replies = [Reply(BUSY, 500), Reply(BUSY, 503), answer(True, "right")]
    assert endpoint(server, max_retries=2).generate(QUESTION).text == "right"
    assert len(server.bodies) == 3
    assert len(pauses) == 2


def test_the_pause_is_what_the_server_asks_for(server: RecordingServer, pauses: list[float]) -> None:
    server.replies = [Reply(BUSY, 429, headers={"Retry-After": "7"}), answer(True, "right")]
    assert endpoint(server).generate(QUESTION).text == "right"
    assert pauses == [7]


def test_a_server_that_is_busy_for_good_is_asked_as_often_as_is_set(
    server: RecordingServer, pauses: list[float]
) -> None:
    server.replies = [Reply(BUSY, 500)]
    with pytest.raises(GenerationError, match="failed after 4 attempts"):
        endpoint(server, max_retries=3).generate(QUESTION)
    assert len(server.bodies) == 4
    assert 0 < pauses[0] < pauses[-1] < 10


def test_without_retries_nothing_is_waited_for(server: RecordingServer, pauses: list[float]) -> None:
    server.replies = [Reply(BUSY, 429, headers={"Retry-After": "5"})]
    with pytest.raises(GenerationError, match=r"failed at the first attempt \(status 429\): .*busy"):
        endpoint(server, max_retries=0).generate(QUESTION)
    assert pauses == []


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("lost", ["short", "reset"])
def test_an_answer_whose_connection_is_lost_is_asked_for_again(
    server: RecordingServer, lost: Any, streamed: bool
) -> None:
    server.replies = [Reply(b'{"choices": [', lost=lost), answer(False, "right")]
    assert endpoint(server, stream=streamed).generate(QUESTION).text == "right"
    server.replies = [Reply(b'{"choices": [', lost=lost)]
    with pytest.raises(GenerationError, match=r"(No connection|broke its answer off).* after 2 attempts"):
        endpoint(server, stream=streamed).generate(QUESTION)
    assert len(server.bodies) == 4


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        ({"message": "out of\nmemory", "code": 500}, "log: out of memory$"),
        ("out of memory", "log: out of memory$"),
        ({"code": 500}, "log: {'code': 500}$"),
    ],
)
def test_an_error_in_place_of_an_answer_is_one_line(server: RecordingServer, error: Any, complaint: str) -> None:
    server.replies = [Reply({"error": error})]
    with pytest.raises(GenerationError, match=complaint):
        endpoint(server).generate(QUESTION)
    assert len(server.bodies) == 1

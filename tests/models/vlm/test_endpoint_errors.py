from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
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

from pipeline.models.vlm import endpoint_errors
from pipeline.models.vlm.endpoint_errors import MAX_RETRY_AFTER_S
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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """The bounds between which each pause is drawn; nothing is, so that what the server asks for remains."""
    bounds: list[tuple[float, float]] = []

    class NoJitter:
        def uniform(self, least: float, most: float) -> float:
            bounds.append((least, most))
            return 0.0

    monkeypatch.setattr(endpoint_errors, "_jitter", NoJitter())
    return bounds


def http_date(seconds: float, zone: str) -> str:
    """The time so many seconds from now."""
    date = datetime.now(UTC) + timedelta(seconds=seconds)
    return format_datetime(date, usegmt=True).removesuffix("GMT") + zone


def test_two_server_errors_and_then_an_answer(server: RecordingServer, pauses: list[float]) -> None:
    server.replies = [Reply(BUSY, 500), Reply(BUSY, 503), answer(True, "right")]
    assert endpoint(server, max_retries=2).generate(QUESTION).text == "right"
    assert len(server.bodies) == 3
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("header", "least_s", "most_s"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("3600", MAX_RETRY_AFTER_S, MAX_RETRY_AFTER_S),
        ("inf", MAX_RETRY_AFTER_S, MAX_RETRY_AFTER_S),
        ("nan", 0, 0),
        ("-5", 0, 0),
        ("soon", 0, 0),
        ("", 0, 0),
        (None, 0, 0),
        ((30, "GMT"), 20, 30),
        ((30, "-0000"), 20, 30),
        ((3630, "+0100"), 20, 30),
        ((-30, "GMT"), 0, 0),
        ((3600, "GMT"), MAX_RETRY_AFTER_S, MAX_RETRY_AFTER_S),
        ("Mon, 99 Foo 2026 00:00:00 GMT", 0, 0),
    ],
)
def test_the_pause_is_at_least_what_the_server_asks_for(
    server: RecordingServer, pauses: list[float], drawn: list[Any], header: Any, least_s: float, most_s: float
) -> None:
    headers = {} if header is None else {"Retry-After": header if isinstance(header, str) else http_date(*header)}
    server.replies = [Reply(BUSY, 429, headers=headers), answer(True, "right")]
    assert endpoint(server).generate(QUESTION).text == "right"
    (pause_s,) = pauses
    assert least_s <= pause_s <= most_s
    assert len(drawn) == 1, "the others that were refused wait as long, but for what is drawn on top"


def test_pauses_are_drawn_below_a_bound_that_doubles(
    server: RecordingServer, pauses: list[float], drawn: list[tuple[float, float]]
) -> None:
    server.replies = [Reply(BUSY, 500)]
    with pytest.raises(GenerationError, match="failed after 7 attempts"):
        endpoint(server, max_retries=6).generate(QUESTION)
    assert [least for least, _ in drawn] == [0] * 6
    most = [most for _, most in drawn]
    assert most[0] < 1
    assert all(second in (2 * first, most[-1]) for first, second in pairwise(most))
    assert most[-1] == most[-2] < 10
    assert len(pauses) == 6


def test_pauses_differ(server: RecordingServer, pauses: list[float]) -> None:
    server.replies = [Reply(BUSY, 500)]
    with pytest.raises(GenerationError):
        endpoint(server, max_retries=5).generate(QUESTION)
    assert len(set(pauses)) == 5
    assert all(pause_s >= 0 for pause_s in pauses)


def test_without_retries_nothing_is_waited_for(server: RecordingServer, pauses: list[float]) -> None:
    server.replies = [Reply(BUSY, 429, headers={"Retry-After": "5"})]
    with pytest.raises(GenerationError, match=r"failed at the first attempt \(status 429\): .*busy"):
        endpoint(server, max_retries=0).generate(QUESTION)
    assert pauses == []


@pytest.mark.parametrize("lost", ["short", "reset"])
def test_an_answer_whose_connection_is_lost_is_asked_for_again(server: RecordingServer, lost: Any) -> None:
    server.replies = [Reply(b'{"choices": [', lost=lost), answer(False, "right")]
    assert endpoint(server).generate(QUESTION).text == "right"
    server.replies = [Reply(b'{"choices": [', lost=lost)]
    with pytest.raises(GenerationError, match=r"broke its answer off after 2 attempts.*the server's log"):
        endpoint(server).generate(QUESTION)
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

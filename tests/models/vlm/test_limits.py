from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest
from models.vlm.recording_server import (
    EVENT_STREAM,
    QUESTION,
    RecordingServer,
    Reply,
    answer,
    chunk,
    endpoint,
    recording_server,
    use_key,
    wait_for,
)

from pipeline.models.vlm import limits
from pipeline.records.errors import GenerationError

TYPES = pytest.mark.parametrize("content_type", ["application/json", EVENT_STREAM])
TIME_OUT = r"within 0\.4 s at the first attempt: raise vlm\.timeout_s"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingServer]:
    use_key(monkeypatch)
    with recording_server() as record:
        yield record


def pieces(content_type: str) -> Iterator[bytes]:
    """An answer without an end that repeats nothing."""
    return (b" " * 50 if content_type == "application/json" else chunk(f"{number}, ") for number in itertools.count())


@TYPES
def test_an_answer_that_drips_is_late(server: RecordingServer, content_type: str) -> None:
    server.replies = [Reply(pieces(content_type), content_type=content_type, drip_s=0.05)]
    started = time.monotonic()
    with pytest.raises(GenerationError, match=TIME_OUT):
        endpoint(server, timeout_s=0.4).generate(QUESTION)
    assert 0.4 <= time.monotonic() - started < 1.5
    assert len(server.bodies) == 1
    wait_for(lambda: server.hung_up == 1)


@TYPES
@pytest.mark.parametrize("lost", ["", "short"])
def test_an_answer_that_stalls_is_late_by_the_time_of_the_whole(
    server: RecordingServer, content_type: str, lost: str
) -> None:
    def stall() -> Iterator[bytes]:
        yield chunk("le") if content_type == EVENT_STREAM else b"{"
        time.sleep(0.3)
        yield chunk("ft") if content_type == EVENT_STREAM else b'"'
        time.sleep(3)

    server.replies = [Reply(stall(), content_type=content_type, lost=lost)]
    started = time.monotonic()
    with pytest.raises(GenerationError, match=TIME_OUT):
        endpoint(server, timeout_s=0.4).generate(QUESTION)
    assert 0.4 <= time.monotonic() - started < 0.65, "not 0.4 s from the last byte"


@TYPES
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_without_an_end_is_cut_at_the_largest_size(
    server: RecordingServer, monkeypatch: pytest.MonkeyPatch, content_type: str, status: int
) -> None:
    monkeypatch.setattr(limits, "MAX_ANSWER_BYTES", 100_000)
    server.replies = [Reply(pieces(content_type), status, content_type=content_type)]
    with pytest.raises(GenerationError, match=r"larger than 16 MiB: check vlm\.base_url"):
        endpoint(server, timeout_s=30, max_new_tokens=None).generate(QUESTION)
    assert len(server.bodies) == 1
    wait_for(lambda: server.hung_up == 1)


@TYPES
def test_a_compressed_answer_is_refused(server: RecordingServer, content_type: str) -> None:
    server.replies = [Reply(b"\x1f\x8b", content_type=content_type, encoding="gzip")]
    with pytest.raises(GenerationError, match="is compressed"):
        endpoint(server).generate(QUESTION)
    assert server.headers[0]["accept-encoding"] == "identity"
    assert len(server.bodies) == 1


def test_no_alarm_is_left_behind(server: RecordingServer) -> None:
    server.replies = [answer(False), answer(True)]
    model = endpoint(server, timeout_s=60)
    before = threading.active_count()
    for _ in range(2):
        model.generate(QUESTION)
    wait_for(lambda: threading.active_count() <= before)

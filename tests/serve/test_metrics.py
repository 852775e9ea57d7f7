"""What Prometheus reads."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient
from serve.fake_service import FakeService, png

Fake = tuple[FakeService, TestClient]


def value(text: str, name: str) -> float:
    """The value of one line of metrics."""
    (found,) = re.findall(rf"(?m)^{re.escape(name)} (\S+)$", text)
    return float(found)


def test_jobs_verdicts_stages_and_requests_are_counted(fake: Fake) -> None:
    service, client = fake
    for ending in ("done", "done", "failed"):
        service.ending = ending
        client.post("/v1/ask", files={"images": ("a.png", png())}, data={"question": "Where is it?"})
    service.on_batch(3)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.text
    assert value(text, 'theodolite_jobs_total{state="done"}') == 2
    assert value(text, 'theodolite_jobs_total{state="failed"}') == 1
    assert value(text, 'theodolite_jobs_total{state="cancelled"}') == 0
    assert value(text, 'theodolite_verdicts_total{status="supported"}') == 2
    assert value(text, 'theodolite_verdicts_total{status="refuted"}') == 0
    assert value(text, 'theodolite_stage_seconds_count{stage="query"}') == 2
    assert value(text, 'theodolite_stage_seconds_sum{stage="query"}') == 0.2
    assert value(text, "theodolite_queue_jobs") == 3
    assert value(text, "theodolite_running_jobs") == 1
    assert value(text, "theodolite_ready") == 1
    assert value(text, "theodolite_batch_questions_sum") == 3
    assert value(text, 'theodolite_http_requests_total{handler="/v1/ask",method="POST",status="2xx"}') == 2
    assert value(text, 'theodolite_http_requests_total{handler="/v1/ask",method="POST",status="5xx"}') == 1


def test_nothing_of_a_request_becomes_a_label(fake: Fake) -> None:
    client = fake[1]
    client.get("/v1/results/secret-id")
    client.get("/secret-path")
    assert "secret" not in client.get("/metrics").text

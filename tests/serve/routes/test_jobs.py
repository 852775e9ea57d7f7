"""Jobs and their events."""

from __future__ import annotations

import base64
import json

import pytest
from fastapi.testclient import TestClient
from serve.fake_service import TEXT, FakeService, png

from pipeline.serve.client_events import ServerEvent, parsed
from pipeline.serve.records import Ask, Judge, MeasureDepth, Rejudge

Fake = tuple[FakeService, TestClient]
DATA = base64.b64encode(png()).decode()
CLAIM = {"relation": "left_of", "subject": "mug", "object": "book"}


def events(client: TestClient, job: str, last: int | None = None) -> list[ServerEvent]:
    """The events of a job."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    answer = client.get(f"/v1/jobs/{job}/events", headers=headers)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
    return list(parsed(answer.text.split("\n")))


@pytest.mark.parametrize(
    "plain, kind",
    [
        ({"work": "ask", "question": "one?"}, Ask),
        ({"work": "verify", "claims": [CLAIM]}, Judge),
        ({"work": "depth"}, MeasureDepth),
        ({"work": "rejudge", "result": "r"}, Rejudge),
    ],
)
def test_every_kind_of_work_becomes_a_job(fake: Fake, plain: dict[str, object], kind: type) -> None:
    service, client = fake
    answer = client.post("/v1/jobs", json={"images": [DATA], **plain})
    assert answer.status_code == 202 and isinstance(service.works[0], kind)
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert job["work"] == plain["work"] and job["state"] == "done" and len(job["results"]) == 1
    assert client.get(job["links"]["self"]).json() == job
    assert client.get(job["links"]["results.0"]).json()["scene"] == job["scene"]


def test_jobs_take_forms(fake: Fake) -> None:
    _service, client = fake
    data = {"work": "ask", "question": ["one?", "two?"]}
    answer = client.post("/v1/jobs", files={"images": ("a.png", png())}, data=data)
    assert answer.status_code == 202 and len(answer.json()["results"]) == 2


@pytest.mark.parametrize("work", [None, "sing", 3, ["ask"]])
def test_work_must_be_named(fake: Fake, work: object) -> None:
    answer = fake[1].post("/v1/jobs", json={"images": [DATA], "question": "one?", "work": work})
    assert answer.status_code == 422 and "work must be one of ask, verify" in answer.json()["detail"]


def test_events_tell_everything_in_order(fake: Fake) -> None:
    _service, client = fake
    job = client.post("/v1/jobs", json={"images": [DATA], "question": "one?", "work": "ask"}).json()["id"]
    found = events(client, job)
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    assert [event.kind for event in found] == ["stage", "text", "text", "text", "result", "state"]
    assert found[0].data == {"stage": "query"}
    assert found[3].data == {"question": 0, "attempt": 0, "text": TEXT}
    assert found[-1].data == {"state": "done"}


def test_a_stream_continues_after_the_last_event(fake: Fake) -> None:
    _service, client = fake
    job = client.post("/v1/jobs", json={"images": [DATA], "question": "one?", "work": "ask"}).json()["id"]
    assert [event.number for event in events(client, job, 4)] == [5, 6]
    assert events(client, job, 6) == []


def test_a_failed_job_says_why(fake: Fake) -> None:
    service, client = fake
    service.ending = "failed"
    job = client.post("/v1/jobs", json={"images": [DATA], "question": "one?", "work": "ask"}).json()
    assert job["state"] == "failed" and job["problem"]["detail"] == "The model could not answer."
    assert events(client, job["id"])[-1].data["problem"]["status"] == 502


def test_a_job_is_cancelled_once(fake: Fake) -> None:
    service, client = fake
    service.ending = "never"
    job = client.post("/v1/jobs", json={"images": [DATA], "question": "one?", "work": "ask"}).json()
    assert job["state"] == "running"
    assert client.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"
    assert client.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"
    assert events(client, job["id"])[-1].data == {"state": "cancelled"}


@pytest.mark.parametrize("method, path", [("GET", ""), ("GET", "/events"), ("DELETE", "")])
def test_unknown_jobs_are_a_problem_before_anything_is_sent(fake: Fake, method: str, path: str) -> None:
    answer = fake[1].request(method, f"/v1/jobs/AAAAAAAAAAAAAAAAAAAAAA{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("last", ["-1", "+1", "1.0", "1_0", "\u0663", "x", "99999999999999999999"])
def test_last_event_ids_are_numbers(fake: Fake, last: str) -> None:
    _service, client = fake
    job = client.post("/v1/jobs", json={"images": [DATA], "question": "one?", "work": "ask"}).json()["id"]
    answer = client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": last.encode()})
    assert answer.status_code == 422 and json.loads(answer.text)["status"] == 422

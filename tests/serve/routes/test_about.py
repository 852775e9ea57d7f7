"""What the server says about itself."""

from __future__ import annotations

from fastapi.testclient import TestClient
from serve.fake_service import FakeService

from pipeline.records import json_schema
from pipeline.records.relations import RELATIONS

Fake = tuple[FakeService, TestClient]


def test_the_registry_is_complete(fake: Fake) -> None:
    found = {each["name"]: each for each in fake[1].get("/v1/relations").json()["relations"]}
    assert found.keys() == RELATIONS.keys()
    assert found["between"]["objects"] == 2 and found["size"]["value"] == "required"
    assert found["left_of"]["value_need"] is None and found["in_front_of"]["value_need"] == "metric"
    assert "left of" in found["left_of"]["english"] and "左" in found["left_of"]["chinese"]


def test_the_schema_is_the_published_one(fake: Fake) -> None:
    assert fake[1].get("/v1/schema").json() == json_schema()


def test_the_process_answers_whatever_the_models_do(fake: Fake) -> None:
    service, client = fake
    for ready in (True, False):
        service.is_ready = ready
        assert client.get("/healthz").json()["status"] == "ok"


def test_readiness_is_that_of_the_models(fake: Fake) -> None:
    service, client = fake
    answer = client.get("/readyz")
    assert answer.status_code == 200 and answer.json()["ready"] and "models" in answer.json()["server"]
    service.is_ready = False
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.json()["ready"] is False and "not loaded yet" in answer.json()["detail"]

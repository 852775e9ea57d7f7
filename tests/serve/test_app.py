"""The application: problems everywhere, the OpenAPI document, and starting and stopping the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from serve.fake_service import FakeService, fake_app, png

from pipeline.records.errors import ConfigError, InputError
from pipeline.serve.problems import BusyError, GoneError
from pipeline.serve.routes.documented import result_schemas
from pipeline.serve.settings import ServeSettings

Fake = tuple[FakeService, TestClient]
PROBLEM = "application/problem+json"
TOKEN = "0123456789abcdef0123"


def test_the_service_starts_with_the_application_and_stops_with_it(tmp_path: Path) -> None:
    service, app = fake_app(tmp_path)
    assert not service.has_run
    with TestClient(app, base_url="http://127.0.0.1"):
        assert service.has_run
    assert not service.has_run


@pytest.mark.parametrize(
    "error, status, detail",
    [
        (BusyError("The queue is full.", 7), 429, "The queue is full."),
        (GoneError("It was deleted."), 410, "It was deleted."),
        (InputError("The image is torn."), 422, "The image is torn."),
        (RuntimeError("/secret/path"), 500, "The server failed; its log says why."),
    ],
)
def test_errors_become_problem_details_and_secrets_stay(fake: Fake, error: Exception, status: int, detail: str) -> None:
    service, client = fake
    service.refusal = error
    answer = client.post("/v1/ask", files={"images": ("a.png", png())}, data={"question": "Where is it?"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert {"status": status, "detail": detail, "type": "about:blank"}.items() <= answer.json().items()
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize(
    "method, path, status", [("GET", "/nothing", 404), ("PUT", "/v1/ask", 405), ("GET", "/redoc", 404)]
)
def test_what_the_framework_refuses_is_a_problem_too(fake: Fake, method: str, path: str, status: int) -> None:
    answer = fake[1].request(method, path)
    assert (answer.status_code, answer.headers["content-type"], answer.json()["status"]) == (status, PROBLEM, status)
    assert (answer.headers.get("allow") is not None) == (status == 405)


@pytest.mark.parametrize(
    "method, path, status, allowed",
    [
        ("OPTIONS", "/v1/ask", 405, "POST"),
        ("GET", "/v1/ask", 405, "POST"),
        ("PUT", "/v1/jobs/abc", 405, "GET, DELETE"),
        ("BREW", "/v1/relations", 405, "GET"),
        ("GET", "/v1/nothing", 404, None),
    ],
)
def test_beside_the_page_wrong_methods_of_the_api_are_named(
    tmp_path: Path, method: str, path: str, status: int, allowed: str | None
) -> None:
    from fastapi import FastAPI
    from starlette.routing import Mount

    from pipeline.serve.app import _Unmatched

    _, app = fake_app(tmp_path)
    assert isinstance(app, FastAPI)
    (last,) = [route for route in app.routes if isinstance(getattr(route, "app", None), _Unmatched)]
    assert app.routes[-1] is last, "the page comes after it"

    async def page(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("the page is asked")

    app.router.routes.append(Mount("/", page))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allowed)
    assert answer.headers["content-type"] == PROBLEM


def test_others_need_the_token(tmp_path: Path) -> None:
    from pipeline.serve.app import create_app

    service, _ = fake_app(tmp_path)
    settings = ServeSettings(host="0.0.0.0", page=False)
    with pytest.raises(ConfigError, match="THEODOLITE_TOKEN"):
        create_app(service, settings, None)  # type: ignore[arg-type]
    with TestClient(create_app(service, settings, TOKEN), base_url="http://127.0.0.1") as client:  # type: ignore[arg-type]
        assert client.get("/v1/relations").status_code == 401
        assert client.get("/v1/relations", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_the_document_is_openapi_3_1_and_names_every_path(fake: Fake) -> None:
    found = document(fake[1])
    assert found["openapi"].startswith("3.1")
    assert set(found["paths"]) == {
        "/v1/ask", "/v1/verify", "/v1/depth", "/v1/jobs", "/v1/jobs/{job}", "/v1/jobs/{job}/events",
        "/v1/results/{result}", "/v1/results/{result}/{artefact}", "/r/{result}", "/v1/uploads", "/v1/scenes",
        "/v1/chat/completions", "/v1/models", "/v1/relations", "/v1/schema", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    methods = {f"{method.upper()} {path}" for path, operations in found["paths"].items() for method in operations}
    assert "DELETE /v1/jobs/{job}" in methods and not any(method.startswith("HEAD") for method in methods)


def test_every_path_is_described_and_documents_its_problems(fake: Fake) -> None:
    found = document(fake[1])
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"] and operation["description"], path
            problems = {status for status in operation["responses"] if status >= "400"}
            assert {"400", "401", "403", "429"} <= problems, path
            for status in problems:
                (content,) = operation["responses"][status]["content"].items()
                assert content[0] == PROBLEM and content[1]["schema"]["$ref"].endswith("/Problem"), (path, status)
            if method == "post":
                assert {"413", "415", "422"} <= problems and operation["requestBody"]["content"], path
    assert "HTTPValidationError" not in json.dumps(found)


def test_every_reference_of_the_document_leads_somewhere(fake: Fake) -> None:
    found = document(fake[1])
    text = json.dumps(found)
    names = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names <= found["components"]["schemas"].keys()
    assert "#/$defs/" not in text


def test_examples_of_bodies_fit_their_models(fake: Fake) -> None:
    from pipeline.serve.schema.chat import ChatBody
    from pipeline.serve.schema.scenes import SceneBody
    from pipeline.serve.schema.work import BODIES, AskBody, DepthBody, VerifyBody

    models = {
        "/v1/ask": AskBody, "/v1/verify": VerifyBody, "/v1/depth": DepthBody, "/v1/scenes": SceneBody,
        "/v1/chat/completions": ChatBody,
    }  # fmt: skip
    found = document(fake[1])
    for path, model in models.items():
        example = found["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert model.model_validate(example)
    job = found["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert BODIES[job.pop("work")].model_validate(job)


def test_results_are_documented_as_the_published_schema_with_their_place() -> None:
    from pipeline.records import json_schema

    found = result_schemas()["StoredResult"]
    assert found["properties"].keys() == json_schema()["properties"].keys() | {"id", "scene", "links"}
    assert {"id", "scene", "links", "item_id"} <= set(found["required"])

"""Every path answers what its OpenAPI document allows, whatever is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.serve_fuzz import fuzz, name_known
from serve.fake_service import FakeService, png

from pipeline.serve.client import Client

Served = tuple[FakeService, str]
CASES = 144


def test_nothing_fails_and_every_answer_fits_the_schema(fake_server: Served, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="pip install schemathesis")
    _service, url = fake_server
    with Client(url) as client:
        result = client.ask(png(), "one?")
        upload = client._http.post("/v1/uploads", {}, [("file", ("a.png", png()))])["id"]
    known = {"upload": upload, "scene": result.scene, "job": "job-1-0123456789", "result": result.id}
    found = fuzz(url, CASES, known)
    assert found.faults == {} and found.server_errors == 0, found.faults
    assert found.cases >= CASES
    assert {200, 201, 307, 404, 422} <= found.statuses.keys(), "good and bad requests alike"


class Case:
    def __init__(self, path: str, body: Any, **parameters: str) -> None:
        self.path, self.body, self.path_parameters = path, body, parameters


def test_half_of_the_cases_name_what_exists() -> None:
    known = {"upload": "u", "scene": "s", "job": "j", "result": "r"}
    case = Case("/v1/ask", {"images": ["x"], "camera": {}, "after": "x", "question": "one?"}, result="x", artefact="x")
    name_known(case, known, "overlay.jpg")
    assert case.path_parameters == {"result": "r", "artefact": "overlay.jpg"}
    assert case.body == {"scene": "s", "after": "r", "question": "one?"}

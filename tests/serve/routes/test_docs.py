"""The page that shows the API to people."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from serve.fake_service import FakeService

from pipeline.serve.routes.docs import kind_of

Fake = tuple[FakeService, TestClient]


def test_the_page_shows_every_path_and_loads_nothing(fake: Fake) -> None:
    client = fake[1]
    answer = client.get("/docs")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    for path in client.get("/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in answer.text
    assert "<script" not in answer.text and "<link" not in answer.text and "<img" not in answer.text
    for address in re.findall(r'href="([^"]+)"', answer.text):
        assert client.get(address).status_code == 200, address


def test_fields_of_bodies_have_their_types_and_meaning(fake: Fake) -> None:
    text = fake[1].get("/docs").text
    assert "list of RegionGiven" in text and "none | table | image | both" in text
    assert "Known lengths, which give metres to depth of unknown scale." in text
    assert "``" not in text and "<code>results</code> holds one result each" in text
    assert "(JSON, or a form with files)" in text and "<code>Last-Event-ID</code>" in text


@pytest.mark.parametrize(
    "schema, words",
    [
        ({"type": "string"}, "text"),
        ({"$ref": "#/components/schemas/Claim"}, "Claim"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number"),
        ({"anyOf": [{"$ref": "#/x/Claim"}, {"type": "string"}]}, "Claim or text"),
        ({"type": "array", "items": {"type": "string", "format": "binary"}}, "list of file"),
        ({"enum": list("abcdefghij")}, "a | b | c | d | e | f | g | h | ..."),
        ({"const": "ask"}, "'ask'"),
        ({}, "object"),
    ],
)
def test_types_are_put_into_words(schema: dict[str, Any], words: str) -> None:
    assert kind_of(schema) == words

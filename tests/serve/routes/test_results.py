"""Stored results and their artefacts over HTTP."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from fastapi.testclient import TestClient
from serve.fake_service import FakeService, png

Fake = tuple[FakeService, TestClient]
DATA = base64.b64encode(png()).decode()


def asked(client: TestClient) -> dict[str, Any]:
    """A result."""
    found: dict[str, Any] = client.post("/v1/ask", json={"images": [DATA], "question": "one?"}).json()
    return found


def test_a_result_is_kept_and_never_changes(fake: Fake) -> None:
    client = fake[1]
    own = asked(client)["links"]["self"]
    answer = client.get(own)
    assert "immutable" in answer.headers["cache-control"] and "private" in answer.headers["cache-control"]
    again = client.get(own, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(own, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.head(own).status_code == 200


def test_artefacts_are_served_with_their_type_and_a_name_for_the_disk(fake: Fake) -> None:
    client = fake[1]
    links = asked(client)["links"]
    picture = client.get(links["overlay.jpg"])
    assert picture.headers["content-type"] == "image/jpeg" and picture.content[:3] == b"\xff\xd8\xff"
    assert picture.headers["content-disposition"].startswith("inline; filename=")
    archive = client.get(links["download.zip"])
    assert archive.headers["content-disposition"].startswith("attachment; filename=") and archive.content[:2] == b"PK"
    assert client.head(links["overlay.jpg"]).headers["content-length"] == str(len(picture.content))


def test_artefacts_are_fetched_once_and_in_ranges(fake: Fake) -> None:
    client = fake[1]
    link = asked(client)["links"]["overlay.jpg"]
    whole = client.get(link)
    assert client.get(link, headers={"If-None-Match": f'"x", W/{whole.headers["etag"]}'}).status_code == 304
    part = client.get(link, headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, whole.content[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(whole.content)}"


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "lines=1-2", "bytes=5-2", "bytes=x"])
def test_ranges_that_cannot_be_served_are_a_problem(fake: Fake, wanted: str) -> None:
    client = fake[1]
    answer = client.get(asked(client)["links"]["overlay.jpg"], headers={"Range": wanted})
    assert (answer.status_code, answer.headers["content-type"]) == (416, "application/problem+json")


def test_the_shared_address_leads_to_the_report(fake: Fake) -> None:
    client = fake[1]
    page = client.get(asked(client)["links"]["report"], follow_redirects=True)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/results/AAAAAAAAAAAAAAAAAAAAAA", "/v1/results/AAAAAAAAAAAAAAAAAAAAAA/overlay.jpg",
        "/r/AAAAAAAAAAAAAAAAAAAAAA", "/v1/results/..%2f..%2fetc", "/v1/results/x/..%2f..%2f..%2fetc%2fpasswd",
    ],
)  # fmt: skip
def test_what_is_not_there_is_unknown(fake: Fake, path: str) -> None:
    answer = fake[1].get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "name", ["other.jpg", "../result.json", "%2e%2e/result.json", "report/../../index.sqlite", ".."]
)
def test_other_names_are_no_artefacts(fake: Fake, name: str) -> None:
    client = fake[1]
    answer = client.get(f"/v1/results/{asked(client)['id']}/{name}")
    assert answer.status_code in (404, 200) and (answer.status_code == 404 or "item_id" in answer.text)


def test_a_browser_gets_a_page_where_a_shared_result_is_missing(fake: Fake) -> None:
    missing = "/r/AAAAAAAAAAAAAAAAAAAAAA"
    page = fake[1].get(missing, headers={"Accept": "text/html,*/*;q=0.8", "Accept-Language": "zh-CN"})
    assert page.status_code == 404 and page.headers["content-type"].startswith("text/html")
    assert "服务器上没有这个结果" in page.text and 'href="/"' in page.text
    assert fake[1].get(missing).headers["content-type"] == "application/problem+json"

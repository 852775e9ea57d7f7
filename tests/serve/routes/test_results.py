"""Stored results and their artefacts over HTTP."""

from __future__ import annotations

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from serve.fake_service import FakeService, png

from pipeline.serve.routes import results

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


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=5-2", "bytes=x"])
def test_ranges_that_cannot_be_served_are_a_problem(fake: Fake, wanted: str) -> None:
    client = fake[1]
    answer = client.get(asked(client)["links"]["overlay.jpg"], headers={"Range": wanted})
    assert (answer.status_code, answer.headers["content-type"]) == (416, "application/problem+json")


@pytest.mark.parametrize("wanted, status", [("lines=1-2", 200), ("Bytes=2-5", 206), (None, 200)])
def test_ranges_of_unknown_units_are_ignored(fake: Fake, wanted: str | None, status: int) -> None:
    client = fake[1]
    headers = {} if wanted is None else {"Range": wanted}
    assert client.get(asked(client)["links"]["overlay.jpg"], headers=headers).status_code == status


@pytest.mark.parametrize("step", ["_file", "made_artefact"])
def test_a_file_that_a_sweep_deletes_before_it_is_sent_is_gone(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    client = fake[1]
    link = asked(client)["links"]["overlay.jpg"]
    assert client.get(link).status_code == 200
    original = getattr(results, step)

    def swept(*given: Any) -> Any:
        found = original(*given)
        Path(found.path).unlink()
        return found

    monkeypatch.setattr(results, step, swept)
    answer = client.get(link)
    assert (answer.status_code, answer.json()["status"]) == (410, 410)


def test_who_waits_for_many_artefacts_is_refused_and_others_go_on(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fake[1]
    ids = [asked(client)["id"] for _ in range(9)]
    there = client.get(f"/v1/results/{ids[0]}/overlay.jpg")
    opened = threading.Event()
    monkeypatch.setattr(results, "find", lambda *_: opened.wait(20))
    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(client.get, f"/v1/results/{each}/view.json") for each in (*ids[:8], *ids[:8])]
        deadline = time.monotonic() + 10
        turns = client.app.state
        while getattr(turns, "turns", None) is None or len(turns.turns._making) < 8:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        refused = client.get(f"/v1/results/{ids[8]}/view.json")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert client.get(f"/v1/results/{ids[0]}/overlay.jpg").content == there.content
        assert client.get(f"/v1/results/{ids[8]}").status_code == 200
        opened.set()
        assert {each.result().status_code for each in waiting} == {410}, "nothing was made here"


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

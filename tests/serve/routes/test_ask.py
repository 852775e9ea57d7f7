"""Questions, claims and depth that are answered in the request itself."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi.testclient import TestClient
from serve.fake_service import SMALL, TEXT, FakeService, fake_app, png

from pipeline.records import Anchor, Camera, Claim, FrameSummary, Origin, Region, json_schema
from pipeline.serve.intake.json_text import parse_json
from pipeline.serve.records import Ask, JobState, Judge, MaskedRegion, MeasureDepth, RunLengths
from pipeline.serve.routes.common import links_of

Fake = tuple[FakeService, TestClient]
DATA = base64.b64encode(png()).decode()
CLAIM = {"relation": "left_of", "subject": "mug", "object": "book"}
REGION = {"label": "mug", "box_px": [0, 0, 3, 3]}


def test_a_form_with_an_image_and_a_question_is_answered_with_the_result(fake: Fake) -> None:
    service, client = fake
    answer = client.post("/v1/ask", files={"images": ("kitchen.png", png())}, data={"question": "Is the mug left?"})
    assert answer.status_code == 200
    plain = answer.json()
    jsonschema.validate(plain, json_schema())
    assert plain["answer"]["text"] == TEXT and plain["verdicts"][0]["status"] == "supported"
    assert service.works == [Ask(plain["scene"], ("Is the mug left?",))]
    assert service.store.upload(service.scenes[0].images[0]).name == "kitchen.png"
    assert plain["links"]["self"] == f"/v1/results/{plain['id']}" and plain["links"]["report"] == f"/r/{plain['id']}"
    assert {"overlay.jpg", "photo-0.jpg", "download.zip"} <= plain["links"].keys()
    assert client.get(plain["links"]["self"]).json() == plain


def test_forms_and_json_say_the_same(fake: Fake) -> None:
    service, client = fake
    fields: dict[str, Any] = {
        "depth_kind": "scale_invariant",
        "depth_scale": 0.5,
        "camera": {"fx": 10.0, "fy": 11.0, "cx": 3.5, "cy": 2.5},
        "anchors": [{"size": "mug", "measure": "height", "value": 9.5, "unit": "cm"}],
        "options": {"segment": "none"},
        "regions": [REGION],
        "hints": "none",
        "language": "zh",
        "questions": ["one?", "two, or three?"],
    }
    texts = {name: text if isinstance(text, str) else json.dumps(text) for name, text in fields.items()}
    files = [("images", ("a.png", png())), ("depth", ("d.png", png()))]
    assert client.post("/v1/ask", files=files, data=texts).status_code == 200
    plain = {**fields, "images": [f"data:image/png;base64,{DATA}"], "depth": [{"data": DATA, "name": "d.png"}]}
    assert client.post("/v1/ask", json=plain).status_code == 200
    (first, second), (asked, asked_too) = service.scenes, service.works
    assert isinstance(asked, Ask) and isinstance(asked_too, Ask)
    assert asked.questions == asked_too.questions == ("one?", "two, or three?")
    assert (asked.regions, asked.hints, asked.language) == (asked_too.regions, "none", "zh")
    assert asked.regions[0].origin is Origin.GIVEN
    for scene in (first, second):
        assert (scene.depth_kind, scene.depth_scale, scene.options) == ("scale_invariant", 0.5, {"segment": "none"})
        assert scene.camera == fields["camera"]
        assert scene.anchors == (Anchor.from_plain(fields["anchors"][0]),)
        assert [len(ids) for ids in (scene.images, scene.depth)] == [1, 1]


def test_questions_of_a_form_may_be_repeated(fake: Fake) -> None:
    _service, client = fake
    answer = client.post("/v1/ask", files={"images": ("a.png", png())}, data={"question": ["one?", "[two]?"]})
    assert [each["question"] for each in answer.json()["results"]] == ["one?", "[two]?"]


def test_of_several_questions_one_may_fail(fake: Fake) -> None:
    service, client = fake
    service.ending = "some"
    answer = client.post("/v1/ask", json={"images": [DATA], "questions": ["one?", "two?"]})
    assert answer.status_code == 200
    first, second = answer.json()["results"]
    assert first["question"] == "one?" and second is None
    assert answer.json()["problem"]["detail"] == "The model could not answer."


def test_a_job_without_a_result_is_its_problem(fake: Fake) -> None:
    service, client = fake
    service.ending = "failed"
    answer = client.post("/v1/ask", json={"images": [DATA], "question": "one?"})
    assert answer.status_code == 502
    assert answer.json()["detail"] == "The model could not answer." and answer.json()["job"]


def test_uploads_and_scenes_are_asked_about_again(fake: Fake) -> None:
    service, client = fake
    upload = client.post("/v1/uploads", files={"file": ("a.png", png())}).json()["id"]
    first = client.post("/v1/ask", json={"uploads": [upload], "question": "one?"}).json()
    second = client.post("/v1/ask", json={"scene": first["scene"], "question": "two?"}).json()
    assert first["scene"] == second["scene"] and first["id"] != second["id"] and len(service.scenes) == 1


def test_claims_are_judged_typed_or_in_words(fake: Fake) -> None:
    service, client = fake
    plain = {"images": [DATA], "claims": [CLAIM, "The mug is behind the book."], "regions": [REGION], "language": "en"}
    answer = client.post("/v1/verify", json=plain)
    assert answer.status_code == 200 and answer.json()["answer"] is None
    (work,) = service.works
    assert isinstance(work, Judge) and work.language == "en"
    assert work.claims == (Claim("left_of", "mug", "book", origin=Origin.GIVEN), "The mug is behind the book.")
    data = {"claims": ["The mug is behind the book.", json.dumps(CLAIM)], "regions": json.dumps([REGION])}
    assert client.post("/v1/verify", files={"images": ("a.png", png())}, data=data).status_code == 200
    assert service.works[1].claims == work.claims[::-1]  # type: ignore[union-attr]


def test_a_region_may_be_a_mask(fake: Fake) -> None:
    service, client = fake
    mask = {"size": [6, 8], "counts": [6, 2, 40]}
    plain = {"images": [DATA], "claims": [CLAIM], "regions": [{"label": "mug", "mask": mask}]}
    assert client.post("/v1/verify", json=plain).status_code == 200
    (region,) = service.works[0].regions  # type: ignore[union-attr]
    assert region == MaskedRegion(Region("mug", (1, 0, 2, 2), origin=Origin.GIVEN), RunLengths((6, 8), (6, 2, 40)))
    mask["counts"] = [48]
    assert "is empty" in client.post("/v1/verify", json=plain).json()["detail"]
    mask["counts"] = [47]
    refused = client.post("/v1/verify", json=plain)
    assert refused.status_code == 422 and "add up to its size 6 x 8" in refused.json()["detail"]


def test_what_a_claim_lacks_is_called_missing(fake: Fake) -> None:
    claim = {"relation": "left_of", "subject": "mug"}
    refused = fake[1].post("/v1/verify", json={"images": [DATA], "claims": [claim]})
    assert refused.status_code == 422 and refused.json()["detail"] == "The object of left_of is missing."


def test_a_mask_larger_than_any_image_is_refused_before_it_is_decoded(fake: Fake) -> None:
    service, client = fake
    mask = {"size": [14_000, 14_000], "counts": [0, 14_000**2]}
    plain = {"images": [DATA], "claims": [CLAIM], "regions": [{"label": "mug", "mask": mask}]}
    tracemalloc.start()
    try:
        refused = client.post("/v1/verify", json=plain)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.status_code == 413 and "'mug' has more than 50 million pixels" in refused.json()["detail"]
    assert not service.works and peak < 20e6


def test_depth_is_measured(fake: Fake) -> None:
    service, client = fake
    answer = client.post("/v1/depth", files={"images": ("a.png", png())})
    assert answer.status_code == 200 and service.works == [MeasureDepth(answer.json()["scene"])]


@pytest.mark.parametrize(
    "plain, detail",
    [
        ({"question": "one?"}, "Give the id of a scene, images, or ids of uploads"),
        ({"images": [DATA]}, "Give question, or questions"),
        ({"images": [DATA], "question": "  "}, "The field question is empty."),
        ({"images": [DATA], "question": "one?", "colour": 1}, "There is no field colour."),
        ({"images": [DATA], "question": "one?", "questions": ["two?"]}, "Give question, or questions"),
        ({"images": [DATA], "scene": "x", "question": "one?"}, "exactly one of these three"),
        ({"images": [DATA], "question": "one?", "fov_deg": 179.9999999}, "fov_deg"),
        ({"images": [DATA], "question": "one?", "fov_deg": 4.9}, "fov_deg"),
        ({"scene": "x", "fov_deg": 60, "question": "one?"}, "fov_deg belongs to a new scene"),
        ({"images": [DATA], "question": "one?", "regions": [{"label": "mug"}]}, "Give box_px, a mask, or both"),
        ({"images": [DATA], "question": "one?", "regions": [{"label": "m", "box_px": [3, 0, 0, 3]}]}, "left, top"),
        ({"images": [DATA], "question": "one?", "anchors": [{"size": "mug"}]}, "needs a unit"),
        ({"images": [DATA], "question": "one?", "options": {"vlm": "openai"}}, "options"),
        ({"images": [DATA], "question": "one?", "depth_kind": "millimetres"}, "depth_kind"),
        ({"images": [{"data": DATA, "url": "http://x"}], "question": "one?"}, "exactly one of data, url and path"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(fake: Fake, plain: dict[str, Any], detail: str) -> None:
    answer = fake[1].post("/v1/ask", json=plain)
    assert answer.status_code == 422, answer.text
    assert detail in answer.json()["detail"] + json.dumps(answer.json().get("errors"))


@pytest.mark.parametrize("source", [{"path": "/etc/hostname"}, {"url": "http://127.0.0.1/a.png"}])
def test_paths_and_addresses_are_refused(fake: Fake, source: dict[str, str]) -> None:
    answer = fake[1].post("/v1/ask", json={"images": [source], "question": "one?"})
    assert answer.status_code == 403 and fake[0].works == []


@pytest.mark.parametrize(
    "data, files, detail",
    [
        ({"question": "one?"}, {"picture": ("a.png", png())}, "no file field 'picture'"),
        ({"question": "one?", "uploads": "x"}, {"images": ("a.png", png())}, "not both"),
        ({"question": "one?", "camera": "wide"}, {"images": ("a.png", png())}, "'camera' must be JSON"),
        ({"question": "one?", "fov_deg": ["60", "70"]}, {"images": ("a.png", png())}, "given 2 times"),
    ],
)
def test_forms_that_do_not_fit_are_refused(fake: Fake, data: Any, files: Any, detail: str) -> None:
    answer = fake[1].post("/v1/ask", data=data, files=files)
    assert answer.status_code == 422 and detail in answer.json()["detail"]


@pytest.mark.parametrize(
    "plain",
    [
        {"question": "x" * 41},
        {"questions": ["a?", "b?", "c?"]},
        {"question": "a?", "regions": [REGION] * 3},
        {"question": "a?", "regions": [{"label": "m", "mask": {"size": [20000, 20000], "counts": [400000000]}}]},
    ],
)
def test_more_than_the_limits_allow_is_refused(tmp_path: Path, plain: dict[str, Any]) -> None:
    service, app = fake_app(tmp_path, limits=SMALL)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/v1/ask", json={"images": [DATA], **plain})
    assert answer.status_code == 413 and service.works == []


def test_a_client_that_leaves_cancels_its_question(tmp_path: Path) -> None:
    service, app = fake_app(tmp_path)
    service.ending = "never"
    body = json.dumps({"images": [DATA], "question": "one?"}).encode()
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/ask", "raw_path": b"/v1/ask", "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "root_path": "",
    }  # fmt: skip

    async def call() -> list[Any]:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            if messages:
                return messages.pop()
            while not service.works:
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await asyncio.wait_for(app(scope, receive, send), 20)
        return sent

    sent = asyncio.run(call())
    assert service.job("job-1-0123456789").state is JobState.CANCELLED
    assert sent[0]["status"] == 499


@pytest.mark.parametrize(
    "kinds, there",
    [
        (("metric",), {"depth-0.png", "points.ply", "scene.glb"}),
        (("disparity_affine",), {"depth-0.png"}),
        ((None,), set()),
        ((None, "scale_invariant"), {"depth-1.png", "points.ply", "scene.glb"}),
    ],
)
def test_links_lead_to_what_the_depth_allows(kinds: tuple[str | None, ...], there: set[str]) -> None:
    frames = [FrameSummary("a", "0" * 64, Camera.from_fov(8, 6, 60), depth_kind=kind) for kind in kinds]  # type: ignore[arg-type]
    links = links_of("r", frames)
    assert {name for name in links if name.startswith(("depth", "points", "scene.glb"))} == there
    assert [name for name in links if name.startswith("photo")] == [f"photo-{n}.jpg" for n in range(len(kinds))]
    assert links["overlay.jpg"] == "/v1/results/r/overlay.jpg" and not any("..." in name for name in links)


def test_a_connection_that_ends_cancels_its_question(fake_server: tuple[FakeService, str]) -> None:
    service, address = fake_server
    service.ending = "never"
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps({"images": [DATA], "question": "one?"}).encode()
    head = f"POST /v1/ask HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        until(lambda: bool(service.works))
    until(lambda: service.job("job-1-0123456789").state is JobState.CANCELLED)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never held")


def test_each_client_has_a_name(fake: Fake) -> None:
    service, client = fake
    client.post("/v1/ask", json={"images": [DATA], "question": "one?"})
    assert service.clients == ["testclient"]


def test_the_values_of_all_fields_of_a_form_count_together(fake: Fake) -> None:
    service, client = fake
    some = "[" + "1," * 9_999 + "1]"
    answer = client.post("/v1/verify", files=[("claims", (None, some))] * 21)
    assert answer.status_code == 413 and "values" in answer.json()["detail"]
    assert client.post("/v1/verify", json={"claims": [1] * 200_001}).status_code == 413
    assert not service.works


def test_fields_that_repeat_beyond_a_limit_are_refused(fake: Fake) -> None:
    _service, client = fake
    for path, name, text in (("/v1/ask", "question", "one?"), ("/v1/verify", "claims", json.dumps([CLAIM] * 3))):
        files = [("images", ("a.png", png())), *[(name, (None, text))] * 60]
        answer = client.post(path, files=files)
        assert answer.status_code == 413 and "are allowed" in answer.json()["detail"]


def test_lists_that_are_too_long_are_not_looked_at(fake: Fake) -> None:
    wrong = {"unknown": 1}
    for name, count in (("claims", 101), ("regions", 201), ("questions", 9)):
        path = "/v1/ask" if name == "questions" else "/v1/verify"
        answer = fake[1].post(path, json={"scene": "s", name: [wrong] * count})
        assert answer.status_code == 413 and f"has {count} {name}" in answer.json()["detail"]
    answer = fake[1].post("/v1/depth", json={"images": [DATA], "anchors": [wrong] * 33})
    assert answer.status_code == 422 and len(answer.json()["errors"]) == 1


def test_only_the_first_faults_of_a_list_are_told(fake: Fake) -> None:
    wrong = {str(number): 1 for number in range(30)}
    plain = fake[1].post("/v1/verify", json={"scene": "s", "claims": [wrong] * 90}).json()
    assert {error["at"].split(".")[1] for error in plain["errors"]} == {"0"} and len(plain["errors"]) == 8
    assert plain["detail"].endswith("There are more faults; see errors.")
    many = {"scene": "s", "claims": ["x"], **{str(number): 1 for number in range(1000)}}
    assert fake[1].post("/v1/verify", json=many).status_code == 413, "keys are faults, too"


def test_the_event_loop_goes_on_while_a_request_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop_threads, parsing = set(), set()

    def noted(*values: Any) -> Any:
        parsing.add(threading.current_thread())
        return parse_json(*values)

    monkeypatch.setattr("pipeline.serve.routes.bodies.parse_json", noted)
    _, app = fake_app(tmp_path)

    async def asked() -> int:
        loop_threads.add(threading.current_thread())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            files = [("images", ("a.png", png())), ("claims", (None, json.dumps(CLAIM)))]
            files.append(("regions", (None, json.dumps([REGION, {**REGION, "label": "book"}]))))
            return (await client.post("/v1/verify", files=files)).status_code

    assert asyncio.run(asked()) == 200 and parsing and not parsing & loop_threads

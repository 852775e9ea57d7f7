"""Uploads, and scenes made of them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from serve.fake_service import FakeService, png

from pipeline.serve.store.entries import Kind

Fake = tuple[FakeService, TestClient]


def test_an_upload_is_recognised_by_its_content_and_says_not_where_it_lies(fake: Fake) -> None:
    service, client = fake
    answer = client.post("/v1/uploads", files={"file": ("../../kitchen.txt", png(), "text/plain")})
    assert answer.status_code == 201
    found = answer.json()
    assert found.keys() == {"id", "name", "media_type", "size"}
    assert (found["name"], found["media_type"], found["size"]) == ("kitchen.txt", "image/png", len(png()))
    assert service.store.upload(found["id"]).path.read_bytes() == png()


def test_an_upload_has_the_owner_that_the_guards_name(fake: Fake) -> None:
    service, client = fake
    sent = client.post("/v1/uploads", files={"file": ("a.png", png())}).json()["id"]
    client.post("/v1/ask", json={"images": [base64.b64encode(png()).decode()], "question": "one?"})
    owners = [service.store.upload(each).owner for each in (sent, *service.scenes[0].images)]
    assert owners == ["testclient"] * 2


def test_an_upload_that_is_refused_is_deleted_at_once(fake: Fake) -> None:
    service, client = fake
    answer = client.post("/v1/uploads", files={"file": ("a.png", png()[:40])})
    assert answer.status_code == 422
    assert list((service.store.folder / "uploads").iterdir()) == []
    assert service.store._index.sizes(Kind.UPLOAD) == {}


@pytest.mark.parametrize("files", [[], [("a", ("a.png", png())), ("b", ("b.png", png()))]])
def test_a_form_holds_one_file(fake: Fake, files: list[Any]) -> None:
    answer = fake[1].post("/v1/uploads", files=files or {"x": (None, "text")})
    assert answer.status_code == 422 and "send one file in each request" in answer.json()["detail"]


def test_uploads_are_forms(fake: Fake) -> None:
    assert fake[1].post("/v1/uploads", json={}).status_code == 415


def test_a_scene_is_made_of_uploads(fake: Fake) -> None:
    service, client = fake
    upload = client.post("/v1/uploads", files={"file": ("a.png", png())}).json()["id"]
    anchor = {"to_camera_px": [3, 2], "value": 1.5, "unit": "m"}
    body = {"images": [upload], "depth": [upload], "depth_kind": "disparity_affine", "anchors": [anchor]}
    answer = client.post("/v1/scenes", json=body)
    assert answer.status_code == 201
    (scene,) = service.scenes
    assert scene.images == scene.depth == (upload,) and scene.anchors[0].points_px == ((3.0, 2.0),)
    assert client.post("/v1/ask", json={"scene": answer.json()["id"], "question": "one?"}).status_code == 200


def test_a_scene_takes_ids_under_the_names_of_the_other_paths_too(fake: Fake) -> None:
    service, client = fake
    upload = client.post("/v1/uploads", files={"file": ("a.png", png())}).json()["id"]
    assert client.post("/v1/scenes", json={"uploads": [upload], "depth_uploads": [upload]}).status_code == 201
    assert service.scenes[0].images == service.scenes[0].depth == (upload,)


@pytest.mark.parametrize(
    "body, status",
    [
        ({"images": []}, 422),
        ({"images": ["AAAAAAAAAAAAAAAAAAAAAA"]}, 404),
        ({"images": ["x"], "path": "/etc"}, 422),
        ({"images": ["x"], "uploads": ["x"]}, 422),
        ([], 422),
        ("{", 400),
    ],
)
def test_other_scenes_are_refused(fake: Fake, body: Any, status: int) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    answer = fake[1].post("/v1/scenes", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == status and answer.json()["status"] == status


def test_a_scene_takes_no_files(fake: Fake) -> None:
    assert fake[1].post("/v1/scenes", files={"images": ("a.png", png())}).status_code == 415

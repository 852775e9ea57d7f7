from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from serve.fake_store import FakeStore
from serve.files import image

from pipeline.serve.intake.sources import read_sources
from pipeline.serve.problems import ServeError
from pipeline.serve.settings import Limits, ServeSettings

TEXT = base64.b64encode(image("PNG")).decode()
SETTINGS = ServeSettings(limits=Limits(parts=3, part_mb=0.1))


def test_every_form_becomes_an_upload(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image("PNG"))
    settings = ServeSettings(read_paths=(str(tmp_path),))
    sources = [
        TEXT,
        {"data": TEXT, "name": "../my.png", "url": None},
        {"url": f"data:image/png;base64,{TEXT}"},
        {"path": str(tmp_path / "a.png")},
    ]
    uploads = read_sources(sources, FakeStore(tmp_path / "store"), settings)
    assert [upload.name for upload in uploads] == ["image 1", "my.png", "image 3", "a.png"]
    assert {upload.path.read_bytes() for upload in uploads} == {image("PNG")}


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        ([TEXT, {"path": "/etc/passwd"}], 403),
        ([{"url": "http://127.0.0.1:9/"}], 403),
        ([{"url": "file:///etc/passwd"}], 403),
        ([TEXT, "http://example.org/a.png"], 422),
        ([TEXT] * 4, 413),
        ([TEXT, "A" * 200_000], 413),
        ([None], 422),
        ([{}], 422),
        ([{"data": TEXT, "path": "/a"}], 422),
        ([{"data": 1}], 422),
        ([{"data": TEXT, "name": 1}], 422),
        ([[TEXT]], 422),
        ([""], 422),
        ([base64.b64encode(b"<html>").decode()], 415),
        ([TEXT, base64.b64encode(b"<html>").decode()], 415),
    ],
)
def test_one_source_that_is_refused_leaves_none(sources: list[Any], status: int, tmp_path: Path) -> None:
    store = FakeStore(tmp_path / "store")
    with pytest.raises(ServeError) as caught:
        read_sources(sources, store, SETTINGS)
    assert caught.value.status == status
    assert store.files == []

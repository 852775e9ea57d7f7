"""Names of artefacts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serve.artefacts import ARTEFACTS, REPORT_PAGE
from pipeline.serve.artefacts.names import wanted
from pipeline.serve.problems import UnknownError


@pytest.mark.parametrize(
    ("name", "path", "frame", "media_type"),
    [
        ("result.json", "result.json", None, "application/json"),
        ("download.zip", "download.zip", None, "application/zip"),
        ("workbench.json", "workbench.json", None, "application/json"),
        ("scene.glb", "scene.glb", None, "model/gltf-binary"),
        ("photo-0.jpg", "photo/photo-0.jpg", 0, "image/jpeg"),
        ("depth-12.png", "depth/depth-12.png", 12, "image/png"),
        (REPORT_PAGE, REPORT_PAGE, None, "text/html; charset=utf-8"),
        ("report/index.html", "report/index.html", None, "text/html; charset=utf-8"),
        ("report/data/index-000.js", "report/data/index-000.js", None, "text/javascript; charset=utf-8"),
        ("report/assets/three.min.js", "report/assets/three.min.js", None, "text/javascript; charset=utf-8"),
        ("report/assets/viewer.css", "report/assets/viewer.css", None, "text/css; charset=utf-8"),
        ("report/images/result-0-depth.jpg", "report/images/result-0-depth.jpg", None, "image/jpeg"),
    ],
)
def test_names_lead_to_their_files(name: str, path: str, frame: int | None, media_type: str) -> None:
    found = wanted(name)
    assert (found.path, found.frame, found.media_type) == (path, frame, media_type)


def test_every_listed_artefact_can_be_asked_for() -> None:
    for kind in ARTEFACTS:
        name = kind.name.replace("-N.", "-3.").replace("...", "index.html")
        assert wanted(name).kind is kind and kind.words.endswith(".")


HOSTILE = [
    "", ".", "..", "/", "../result.json", "../../etc/passwd", "/etc/passwd", "result.json/", "./result.json",
    "report", "report/", "report/..", "report/../result.json", "report/../../index.sqlite", "report//index.html",
    "report/./index.html", "report/items/../../x.html", "report/a/b/c.html", "report/.hidden.html", "report/x",
    "report/x.html\n", "report/x.html\0", "report\\..\\x.html", "%2e%2e/x", "report/%2e%2e/x.html", "photo-0.png",
    "photo--1.jpg", "photo-00.jpg", "photo-1e3.jpg", "photo-N.jpg", "photo-٣.jpg", "photo-999999.jpg", "depth-0.jpg",
    "photo", "depth", "report/...", "result.json\0", "RESULT.JSON", "result.json ", ".lock", "index.sqlite",
    "CON", "file:///etc/passwd", "report/x.svg", "report/x.json", "x" * 10_000, "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_unknown(name: str) -> None:
    with pytest.raises(UnknownError, match=r"no artefact of this name; there are result\.json"):
        wanted(name)


@given(st.lists(st.sampled_from(["report", "..", ".", "/", "items", "photo-0", ".html", "\0", "%2e", "\\", "a"])))
def test_no_name_leaves_the_folder_of_its_result(parts: list[str]) -> None:
    try:
        path = wanted("".join(parts)).path
    except UnknownError:
        return
    assert ".." not in path and not path.startswith("/") and "\0" not in path and "//" not in path

"""The archive with everything about a result."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from commands import CommandLine
from serve.kept import kept, numbered, opened, scene

from pipeline import read_run
from pipeline.serve.artefacts import artefact
from pipeline.serve.store.store import Store

ALWAYS = {
    "result.json", "results.jsonl", "scene.zip", "overlay.jpg", "view.json", "regions.json", "photo-0.jpg",
    "depth-0.png", "report/index.html", "report/items/result.html", "report/items/result.js", "report/data/order.js",
    "report/assets/three.min.js", "report/assets/viewer.js", "report/images/result-0.jpg", "report/assets/report.css",
}  # fmt: skip


def unpacked(store: Store, result_id: str, folder: Path) -> set[str]:
    with zipfile.ZipFile(artefact(store, result_id, "download.zip").path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names)) and not [name for name in names if name.startswith("/") or ".." in name]
        archive.extractall(folder)
    return set(names)


@pytest.mark.parametrize(
    ("kind", "has_points"), [("metric", True), ("scale_invariant", True), ("disparity_affine", False)]
)
def test_it_holds_everything_that_the_depth_allows(tmp_path: Path, kind: str, has_points: bool) -> None:
    with opened(tmp_path / "store") as store:
        names = unpacked(store, kept(store, 3, kind=kind), tmp_path / "out")
    assert names >= ALWAYS and "workbench.json" not in names
    assert names & {"points.ply", "scene.glb"} == ({"points.ply", "scene.glb"} if has_points else set())


def test_it_holds_what_there_is_without_depth(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        result_id = store.add_result(numbered(0), scene(kind=None), "s", "j")
        assert unpacked(store, result_id, tmp_path / "out") >= ALWAYS - {"depth-0.png"}


def test_unpacked_it_is_the_folder_of_a_run(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        unpacked(store, kept(store, 3), tmp_path / "out")
    (read,) = read_run(tmp_path / "out")
    assert read.question == "Question 3?" and read.regions == numbered(3).regions
    assert set(read.artefacts) == {"overlay", "ply", "glb", "scene", "page"}
    assert all((tmp_path / "out" / path).is_file() for path in read.artefacts.values())
    assert len(read.scene.points()) == 80 * 60
    assert json.loads((tmp_path / "out" / "result.json").read_text())["item_id"] == "item-3"


def test_the_command_for_finished_runs_reads_it(tmp_path: Path, success: CommandLine) -> None:
    with opened(tmp_path / "store") as store:
        unpacked(store, kept(store, 3), tmp_path / "out")
    success("export", str(tmp_path / "out"), "format=csv")
    assert (tmp_path / "out" / "tables" / "verdicts.csv").is_file()


def test_every_file_that_the_report_loads_is_in_it(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        unpacked(store, kept(store, 3), tmp_path / "out")
    for page in (tmp_path / "out" / "report" / "items" / "result.html", tmp_path / "out" / "report" / "index.html"):
        loaded = re.findall(r'(?:src|href)="([^"#:]+)"', page.read_text())
        assert len(loaded) > 4
        missing = [name for name in loaded if not (page.parent / name).is_file()]
        assert missing == []

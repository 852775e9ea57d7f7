"""Artefacts on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from serve.artefacts.test_names import HOSTILE
from serve.kept import kept, numbered, opened

from pipeline.records import Result, from_json
from pipeline.records.errors import ExportError
from pipeline.serve.artefacts import ARTEFACTS, REPORT_PAGE, artefact, made_artefact, making
from pipeline.serve.problems import GoneError, UnfitError, UnknownError
from pipeline.serve.store.entries import Kind
from pipeline.serve.store.store import Store

NAMES = [kind.name.replace("-N.", "-0.").replace("report/...", REPORT_PAGE) for kind in ARTEFACTS]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "store") as store:
        yield store


@pytest.mark.parametrize("name", NAMES)
def test_every_artefact_is_made_once_within_the_folder_of_its_result(store: Store, name: str) -> None:
    result_id = kept(store)
    assert (made_artefact(store, result_id, name) is None) is (name not in ("result.json", "scene.zip"))
    made = artefact(store, result_id, name)
    assert made_artefact(store, result_id, name) == made
    assert made.path.stat().st_size > 0
    assert made.download_name == f"theodolite-{result_id[:8]}-{name.replace('/', '-')}"
    assert made.path.is_relative_to(store.folder_of(result_id)) or made.path in (
        store.result_file(result_id),
        store.scene_file(result_id),
    )
    before_ns = made.path.stat().st_mtime_ns
    assert artefact(store, result_id, name) == made and made.path.stat().st_mtime_ns == before_ns
    assert not list(store.folder_of(result_id).glob(".*"))


def test_the_result_is_served_as_it_is_kept(store: Store) -> None:
    assert from_json(Result, artefact(store, kept(store, 5), "result.json").path.read_bytes()) == numbered(5)


def test_reports_share_their_scripts_and_styles(store: Store) -> None:
    one, two = kept(store, 1), kept(store, 2)
    paths = {artefact(store, each, "report/assets/three.min.js").path for each in (one, two)}
    assert len(paths) == 1 and "THREE" in paths.pop().read_text()
    assert artefact(store, one, "report/index.html").path != artefact(store, two, "report/index.html").path


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_unknown(store: Store, name: str) -> None:
    result_id = kept(store)
    before = sorted(store.folder.rglob("*"))
    with pytest.raises(UnknownError):
        artefact(store, result_id, name)
    assert sorted(store.folder.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["photo-1.jpg", "depth-1.png", "report/none.html", "report/items/none.js", "report/assets/none.js"]
)
def test_what_a_result_does_not_have_is_unknown(store: Store, name: str) -> None:
    with pytest.raises(UnknownError, match=f"no artefact {name}"):
        artefact(store, kept(store), name)


@pytest.mark.parametrize("name", [*NAMES, "report/assets/report.css"])
def test_results_that_never_were_or_are_gone_have_none(store: Store, name: str) -> None:
    for unknown in ("x" * 22, "..", "../../etc"):
        with pytest.raises(UnknownError):
            artefact(store, unknown, name)
    gone = kept(store)
    store.sweep(time.time() + 1e9)
    with pytest.raises(GoneError):
        artefact(store, gone, name)


def test_what_the_page_shows_is_read_from_the_scene_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    result_id = kept(store)
    data = json.loads(artefact(store, result_id, "workbench.json").path.read_text())
    assert data["id"] == result_id and data["frames"][0]["photo"] == f"/v1/results/{result_id}/photo-0.jpg"
    monkeypatch.setattr(making, "write_workbench", lambda *_: pytest.fail("it was made again"))
    artefact(store, result_id, "workbench.json")


@pytest.mark.parametrize("kind", ["disparity_affine", "depth_affine"])
def test_depth_without_shape_gives_no_points_but_everything_else(store: Store, kind: str) -> None:
    result_id = kept(store, kind=kind)
    for name in ("points.ply", "scene.glb"):
        for _ in range(2):
            with pytest.raises(UnfitError, match=f"{kind}, which has no shape"):
                artefact(store, result_id, name)
    for name in set(NAMES) - {"points.ply", "scene.glb"}:
        assert artefact(store, result_id, name).path.is_file()
    view = json.loads(artefact(store, result_id, "view.json").path.read_text())
    assert view["frames"][0]["relief"] is True and view["notice"]


def test_many_threads_wait_for_one_that_makes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    original = making.WRITERS["view.json"]

    def slow(path: Path, result: Result, scene: Path) -> None:
        calls.append(path.name)
        time.sleep(0.1)
        original(path, result, scene)

    monkeypatch.setitem(making.WRITERS, "view.json", slow)
    one, two = kept(store, 1), kept(store, 2)
    with ThreadPoolExecutor(12) as pool:
        paths = list(pool.map(lambda number: artefact(store, (one, two)[number % 2], "view.json").path, range(24)))
    assert len(set(paths)) == 2 and calls == ["view.json"] * 2


def test_all_artefacts_at_once_from_many_threads(store: Store) -> None:
    results = [kept(store, number) for number in range(3)]
    asked = [(result, name) for result in results for name in (*NAMES, "report/assets/viewer.js")] * 2
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda each: artefact(store, *each), asked))
    assert all(each.path.is_file() for each in made)


def test_no_more_than_two_are_written_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, going, most = threading.Lock(), 0, 0

    def slow(path: Path, result: Result, scene: Path) -> None:
        nonlocal going, most
        with lock:
            going += 1
            most = max(most, going)
        time.sleep(0.03)
        path.write_text("{}")
        with lock:
            going -= 1

    monkeypatch.setitem(making.WRITERS, "view.json", slow)
    results = [kept(store, number) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda result: artefact(store, result, "view.json"), results))
    assert most == 2


def test_one_that_fails_leaves_nothing_and_is_made_at_the_next_request(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_id = kept(store)

    def fail(path: Path, result: Result, scene: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setitem(making.WRITERS, "view.json", fail)
        with pytest.raises(ExportError, match="No space left"):
            artefact(store, result_id, "view.json")
    assert list(store.folder_of(result_id).iterdir()) == []
    assert artefact(store, result_id, "view.json").path.is_file()


def test_artefacts_count_for_the_size_of_the_store(store: Store) -> None:
    result_id = kept(store)
    before = store._index.total()
    size = artefact(store, result_id, "points.ply").path.stat().st_size
    assert size <= store._index.total() - before < size + 6000
    artefact(store, result_id, "view.json")
    assert len(store._index.sizes(Kind.ARTEFACTS)) == 1


def test_a_result_stays_while_its_artefact_is_made(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    original = making.WRITERS["view.json"]

    def swept(path: Path, result: Result, scene: Path) -> None:
        store.sweep(time.time() + 1e9)
        original(path, result, scene)

    monkeypatch.setitem(making.WRITERS, "view.json", swept)
    result_id = kept(store)
    assert artefact(store, result_id, "view.json").path.is_file()
    store.sweep(time.time() + 1e9)
    with pytest.raises(GoneError):
        artefact(store, result_id, "view.json")

"""The store."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from export.stored import result
from serve.kept import PNG, files_below, job, kept, numbered, opened, scene, upload

from pipeline.export.stored_scene import StoredScene
from pipeline.records.error_budget import DepthErrors
from pipeline.records.errors import ConfigError, ExportError, RecordError
from pipeline.serve.problems import GoneError, UnknownError
from pipeline.serve.records import JobState, SceneInput
from pipeline.serve.settings import StoreSettings
from pipeline.serve.store.entries import Entry, Kind
from pipeline.serve.store.layout import new_id
from pipeline.serve.store.store import ResultInfo, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "store") as store:
        yield store


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    given = SceneInput(("a",), options={"ocr": "rapidocr"})
    done = job(JobState.DONE)
    with opened(tmp_path) as store:
        file, scene_id, result_id = upload(store), store.add_scene(given), kept(store, 3, "Where?", done.id)
        store.add_job(done)
        before = store.upload(file)
    with opened(tmp_path) as store:
        assert store.upload(file) == before and before.path.read_bytes() == PNG
        assert (before.name, before.media_type) == ("cup.png", "image/png")
        assert store.scene(scene_id) == given and store.job(done.id) == done
        assert store.result(result_id) == numbered(3, "Where?")
        info = store.result_info(result_id)
        assert info == ResultInfo(result_id, "scene-3", done.id, info.created_s, "Where?")
        assert abs(info.created_s - time.time()) < 60


def test_the_stored_scene_is_the_one_that_was_given(store: Store) -> None:
    given = scene(3)
    read = store.stored_scene(kept(store, 3))
    assert read.errors == given.errors
    assert np.abs(read.scene.depth[0].values - given.scene.depth[0].values).max() < 1e-4
    assert read.scene.frames[0].camera == given.scene.frames[0].camera
    photos = [each.scene.frames[0].rgb.astype(int) for each in (read, given)]
    assert np.abs(photos[0] - photos[1]).mean() < 4


def test_results_of_one_scene_share_its_file(store: Store) -> None:
    same = [kept(store, 1, "a")]
    written = store.scene_file(same[0]).stat()
    same += [kept(store, 1, question) for question in ("b", "c")]
    assert store.scene_file(same[2]).stat() == written, "it is written once"
    assert len({store.scene_file(each) for each in same}) == 1
    assert store.scene_file(kept(store, 2)) != store.scene_file(same[0])
    assert sum(path.startswith("scenes/") for path in files_below(store.folder)) == 2


@pytest.mark.parametrize(
    "part",
    ["errors", "scale_error", "misfit", "disagreement", "focal", "values", "confidence", "pose", "name", "time", "id"],
)
def test_scenes_that_differ_in_any_part_have_files_of_their_own(store: Store, part: str) -> None:
    base = scene()
    (frame,), (depth,) = base.scene.frames, base.scene.depth
    other = {
        "errors": lambda: StoredScene(base.scene, (DepthErrors(scale=0.02),)),
        "scale_error": lambda: with_depth(replace(depth, scale_error=0.1)),
        "misfit": lambda: with_depth(replace(depth, misfit=2.0)),
        "disagreement": lambda: with_depth(replace(depth, disagreement=0.3)),
        "focal": lambda: with_depth(replace(depth, focal_px=99.0)),
        "values": lambda: with_depth(replace(depth, values=depth.values + 1)),
        "confidence": lambda: with_depth(replace(depth, confidence=np.ones(depth.shape, np.float32))),
        "pose": lambda: with_frame(replace(frame, pose=np.eye(4))),
        "name": lambda: with_frame(replace(frame, name="other.png")),
        "time": lambda: with_frame(replace(frame, timestamp_s=1.0)),
        "id": lambda: StoredScene(replace(base.scene, id="other"), base.errors),
    }

    def with_depth(changed: object) -> StoredScene:
        return StoredScene(replace(base.scene, depth=(changed,)), base.errors)

    def with_frame(changed: object) -> StoredScene:
        return StoredScene(replace(base.scene, frames=(changed,)), base.errors)

    one, two = (store.add_result(result(), each, "s", "j") for each in (base, other[part]()))
    assert store.scene_file(one) != store.scene_file(two)


def test_updated_jobs_are_read_in_their_new_state(store: Store) -> None:
    waiting = job()
    store.add_job(waiting)
    assert store.job(waiting.id) == waiting
    done = replace(waiting, state=JobState.DONE, results=("r",), finished_s=2.0)
    store.update_job(done)
    assert store.job(waiting.id) == done
    with pytest.raises(UnknownError):
        store.update_job(job())


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "/etc/passwd", "a\0b", "%2e%2e%2f", "x" * 22])
def test_ids_that_never_were_are_unknown(store: Store, name: str) -> None:
    for read in (
        store.upload, store.scene, store.job, store.result, store.stored_scene, store.result_info, store.folder_of,
        store.result_file, store.scene_file,
    ):  # fmt: skip
        with pytest.raises(UnknownError):
            read(name)
    with pytest.raises(UnknownError), store.held(name):
        pass


def test_what_an_id_names_is_not_found_as_something_else(store: Store) -> None:
    file = upload(store)
    for read in (store.scene, store.job, store.result):
        with pytest.raises(UnknownError):
            read(file)


def test_a_second_store_of_the_folder_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        with pytest.raises(ConfigError, match="Another server uses"):
            Store(StoreSettings(folder=str(tmp_path)))
        store.close()
        Store(StoreSettings(folder=str(tmp_path))).close()


def test_a_store_that_cannot_be_opened_keeps_no_lock(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match="cannot be used"):
        Store(StoreSettings(folder=str(tmp_path)))
    (tmp_path / "index.sqlite").unlink()
    Store(StoreSettings(folder=str(tmp_path))).close()


def test_other_users_cannot_enter(store: Store) -> None:
    folder = store.folder_of(kept(store))
    for each in (store.folder, folder, *(path for path in store.folder.iterdir() if path.is_dir())):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700


def test_numbers_that_are_not_finite_are_refused(store: Store) -> None:
    with pytest.raises(RecordError):
        store.add_scene(SceneInput(("a",), fov_deg=float("nan"), camera={"fx": float("inf")}))
    with pytest.raises(RecordError):
        store.add_job(job(created_s=float("nan")))


def test_a_result_that_cannot_be_written_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ExportError("full")

    with monkeypatch.context() as patch:
        patch.setattr(store._index, "add", fail)
        with pytest.raises(ExportError, match="full"):
            kept(store, 1)
    assert files_below(store.folder) == set()
    shared = kept(store, 1)
    with monkeypatch.context() as patch:
        patch.setattr(store._index, "add", fail)
        with pytest.raises(ExportError, match="full"):
            kept(store, 1, "another question")
    assert len(files_below(store.folder)) == 2
    store.stored_scene(shared)


def test_a_scene_whose_last_result_went_while_another_failed_can_be_added_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kept(store, 1)

    def sweep_and_fail(*_: object) -> None:
        store.sweep(time.time() + 1e9)
        raise ExportError("full")

    with monkeypatch.context() as patch:
        patch.setattr(store._index, "add", sweep_and_fail)
        with pytest.raises(ExportError, match="full"):
            kept(store, 1)
    with pytest.raises(GoneError):
        store.result(first)
    assert files_below(store.folder) == set()
    store.stored_scene(kept(store, 1))


def test_a_file_that_is_missing_or_unreadable_is_gone(store: Store) -> None:
    missing, unreadable = kept(store, 1), kept(store, 2)
    store.result_file(missing).unlink()
    store.result_file(unreadable).write_text("{}")
    for each in (missing, unreadable):
        with pytest.raises(GoneError):
            store.result(each)


def test_a_record_that_another_version_wrote_is_gone(store: Store) -> None:
    store._index.add(
        Entry(Kind.JOB, "job", 0.0, record='{"kind": "fly"}'), Entry(Kind.SCENE, "scene", 0.0, record="{}")
    )
    with pytest.raises(GoneError):
        store.job("job")
    with pytest.raises(GoneError):
        store.scene("scene")


def test_threads_that_add_read_and_sweep_see_whole_results(store: Store) -> None:
    going = threading.Event()

    def sweeping() -> None:
        while not going.wait(0.005):
            store.sweep()

    def work(number: int) -> None:
        with store.new_upload() as incoming:
            incoming.write(PNG)
            file = incoming.finish(f"{number}.png").id
        result_id = kept(store, number % 3, f"Question {number}?")
        assert store.result(result_id).question == f"Question {number}?"
        assert store.stored_scene(result_id).scene.frames[0].name == f"photo-{number % 3}.png"
        assert store.upload(file).name == f"{number}.png"

    sweeper = threading.Thread(target=sweeping)
    sweeper.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(60)))
    finally:
        going.set()
        sweeper.join()
    assert len(list((store.folder / "scenes").iterdir())) == 3


def test_threads_in_a_store_that_is_always_full_see_whole_results_or_none(tmp_path: Path) -> None:
    with opened(tmp_path, size_gb=60e-6) as store:

        def work(number: int) -> bool:
            result_id = kept(store, number % 5)
            try:
                assert store.stored_scene(result_id).scene.frames[0].name == f"photo-{number % 5}.png"
                return store.result(result_id).item_id == f"item-{number % 5}"
            except GoneError:
                return True

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(80)))
        last = kept(store, 1)
        store.stored_scene(last)
        sizes = [(tmp_path / path).stat().st_size for path in files_below(tmp_path)]
        assert sum(sizes) <= 60_000


def test_ids_cannot_be_guessed_from_each_other(store: Store) -> None:
    ids = [kept(store), kept(store), upload(store), store.add_scene(SceneInput(("a",))), new_id()]
    assert len({each[:6] for each in ids}) == len(ids)

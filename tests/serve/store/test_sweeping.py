"""What is deleted by age and by size."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serve.kept import files_below, job, kept, opened, upload

from pipeline.serve.problems import GoneError
from pipeline.serve.records import JobState, SceneInput
from pipeline.serve.settings import GB, StoreSettings
from pipeline.serve.store.entries import Entry, Kind
from pipeline.serve.store.index import Index
from pipeline.serve.store.layout import Layout
from pipeline.serve.store.store import Store
from pipeline.serve.store.sweeping import make_room, sweep

HOUR_S = 3600.0


def is_there(read: object, name: str) -> bool:
    try:
        read(name)  # type: ignore[operator]
    except GoneError:
        return False
    return True


@pytest.mark.parametrize(
    ("hours", "has_upload", "has_result"),
    [(0.9, True, True), (1.1, False, True), (9.9, False, True), (10.1, False, False)],
)
def test_uploads_and_results_go_at_their_own_age(
    tmp_path: Path, hours: float, has_upload: bool, has_result: bool
) -> None:
    with opened(tmp_path, upload_hours=1.0, result_hours=10.0) as store:
        file, result = upload(store), kept(store)
        store.sweep(time.time() + hours * HOUR_S)
        assert is_there(store.upload, file) is has_upload
        assert is_there(store.result, result) is has_result
        assert len(files_below(tmp_path)) == has_upload + 2 * has_result


def test_jobs_that_have_not_ended_stay_and_their_scenes_go_with_age(tmp_path: Path) -> None:
    now_s = time.time()
    with opened(tmp_path) as store:
        going, done = job(JobState.RUNNING, created_s=now_s), job(JobState.DONE, created_s=now_s)
        store.add_job(going)
        store.add_job(done)
        scene = store.add_scene(SceneInput(("a",)))
        store.sweep(now_s + 719 * HOUR_S)
        assert is_there(store.scene, scene) and is_there(store.job, done.id)
        store.sweep(now_s + 721 * HOUR_S)
        assert is_there(store.job, going.id) and not is_there(store.job, done.id) and not is_there(store.scene, scene)


def test_ids_are_forgotten_after_as_long_again(tmp_path: Path) -> None:
    now_s = time.time()
    with opened(tmp_path, result_hours=10.0) as store:
        result = kept(store)
        store.sweep(now_s + 11 * HOUR_S)
        assert not is_there(store.result, result)
        store.sweep(now_s + 20 * HOUR_S)
        assert not is_there(store.result, result)
        store.sweep(now_s + 22 * HOUR_S)
        with pytest.raises(Exception, match="no result with this id"):
            store.result(result)


def test_what_is_held_stays_until_it_is_let_go(tmp_path: Path) -> None:
    later_s = time.time() + 10_000 * HOUR_S
    with opened(tmp_path) as store:
        result = kept(store)
        with store.held(result):
            store.sweep(later_s)
            store.stored_scene(result)
        store.sweep(later_s)
        assert not is_there(store.result, result) and files_below(tmp_path) == set()


@given(
    st.lists(st.tuples(st.sampled_from((Kind.UPLOAD, Kind.RESULT, Kind.JOB)), st.integers(0, 40_000)), max_size=30),
    st.integers(1, 300_000),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_the_size_is_kept_and_the_newest_survive(
    tmp_path_factory: pytest.TempPathFactory, added: list[tuple[Kind, int]], most: int
) -> None:
    layout = Layout(tmp_path_factory.mktemp("store"))
    index = Index(Path(":memory:"))
    entries = [
        Entry(kind, f"id-{number}", float(number), 0 if kind is Kind.JOB else size, "r" * (size % 99))
        for number, (kind, size) in enumerate(added)
    ]
    index.add(*entries)
    make_room(index, layout, StoreSettings(size_gb=most / GB), 1e6)
    left = {entry.id for entry in index.select("gone_s IS NULL")}
    expected, room = set(), most + 1e-3
    for entry in reversed(entries):
        room -= entry.on_disk
        if room < 0:
            break
        expected.add(entry.id)
    assert left == expected
    index.close()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(2, 30))
@settings(max_examples=15)
def test_a_real_store_never_takes_more_than_its_size(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], blocks: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    most = blocks * 4096
    with opened(folder, size_gb=most / GB) as store:
        results = [kept(store, number) for number in numbers]
        there = [is_there(store.result_info, each) for each in results]
        assert there == sorted(there), "the newest survive"
        assert sum((folder / path).stat().st_size for path in files_below(folder)) <= most
        for result, exists in zip(results, there, strict=True):
            if exists:
                store.result(result)
                store.stored_scene(result)
        assert len(list((folder / "results").iterdir())) == sum(there)


def test_jobs_that_have_not_ended_stay_however_little_room_there_is(tmp_path: Path) -> None:
    with opened(tmp_path, size_gb=1e-9) as store:
        going, done = job(JobState.WAITING), job(JobState.CANCELLED)
        store.add_job(going)
        store.add_job(done)
        assert is_there(store.job, going.id) and not is_there(store.job, done.id)


def test_artefacts_of_old_results_go_before_newer_results(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        first = kept(store, 1)
        (store.folder_of(first) / "big").write_bytes(bytes(200_000))
        store.note_artefacts(first)
        second = kept(store, 2)
        total = store._index.total()
        small = StoreSettings(folder=str(tmp_path), size_gb=(total - 50_000) / GB)
        assert make_room(store._index, store._layout, small, time.time()) == 1, "the first result, with its artefacts"
        assert not is_there(store.result, first) and is_there(store.result, second)


def test_artefacts_made_last_stay_longest(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        results = [kept(store, number) for number in range(3)]
        for result in (results[2], results[0]):
            (store.folder_of(result) / "big").write_bytes(bytes(100_000))
            store.note_artefacts(result)
        room = StoreSettings(folder=str(tmp_path), size_gb=(store._index.total() - 1) / GB)
        for _ in range(2):
            make_room(store._index, store._layout, room, time.time())
        assert [is_there(store.result, each) for each in results] == [False, True, True]


def test_a_sweep_of_an_empty_store_deletes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert isinstance(store, Store) and store.sweep() == 0
        assert sweep(store._index, store._layout, store.settings, 1e12) == 0

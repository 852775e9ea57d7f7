"""What a store finds when it is opened."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from serve.kept import files_below, job, kept, opened, upload

from pipeline.serve.problems import GoneError, UnknownError
from pipeline.serve.records import Job, JobState, Rejudge
from pipeline.serve.store.entries import Entry, Kind
from pipeline.serve.store.layout import new_id


def test_files_that_the_index_does_not_name_are_removed_and_those_of_others_stay(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        result, file = kept(store), upload(store)
        before = files_below(tmp_path)
    own = [
        f"uploads/{new_id()}", f"uploads/.{new_id()}.123.part", f"results/{new_id()}.json",
        f"results/.{new_id()}.12-34.json", f"scenes/{'0' * 40}.zip", f"artefacts/{new_id()}/view.json",
    ]  # fmt: skip
    foreign = ["uploads/notes.txt", "results/thesis.json", "scenes/holiday.zip", "artefacts/mine/view.json", "letter"]
    for name in (*own, *foreign):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    with opened(tmp_path) as store:
        assert files_below(tmp_path) == before | set(foreign)
        store.result(result)
        store.stored_scene(result)
        assert store.upload(file).path.is_file()


@pytest.mark.parametrize("folder", ["results", "scenes", "uploads"])
@pytest.mark.parametrize("damage", ["missing", "short"])
def test_an_entry_without_its_whole_file_is_gone(tmp_path: Path, folder: str, damage: str) -> None:
    with opened(tmp_path) as store:
        results, file = [kept(store, 0), kept(store, 0), kept(store, 1)], upload(store)
        lost = {
            "results": store.result_file(results[0]),
            "scenes": store.scene_file(results[0]),
            "uploads": store.upload(file).path,
        }[folder]
    lost.unlink() if damage == "missing" else os.truncate(lost, lost.stat().st_size - 1)
    with opened(tmp_path) as store:
        gone = {"results": results[:1], "scenes": results[:2], "uploads": []}[folder]
        for each in results:
            if each in gone:
                with pytest.raises(GoneError):
                    store.result(each)
            else:
                store.result(each)
                store.stored_scene(each)
        if folder == "uploads":
            with pytest.raises(GoneError):
                store.upload(file)
        sizes = {kind: store._index.sizes(kind) for kind in Kind}
        assert len(files_below(tmp_path)) == sum(
            len(sizes[kind]) for kind in (Kind.RESULT, Kind.STORED, Kind.UPLOAD)
        ), "no file stays without its entry"


def test_jobs_that_were_cut_off_are_interrupted_and_ended_ones_stay(tmp_path: Path) -> None:
    jobs = {state: job(state, stage="query", position=2) for state in JobState}
    with opened(tmp_path) as store:
        for each in jobs.values():
            store.add_job(each)
    with opened(tmp_path) as store:
        for state, each in jobs.items():
            found = store.job(each.id)
            if state.is_final:
                assert found == each
            else:
                assert (found.state, found.position, found.stage) == (JobState.INTERRUPTED, None, None)
                assert found.finished_s is not None and found.results == (None,)


def test_results_that_came_just_before_the_end_belong_to_their_questions(tmp_path: Path) -> None:
    questions = ("Same?", "Other?", "Same?")
    cut, whole, judged = job(JobState.RUNNING, questions), job(JobState.RUNNING, questions), new_id()
    with opened(tmp_path) as store:
        store.add_job(Job(judged, Rejudge("s", "r"), "c", JobState.RUNNING, cut.created_s))
        rejudged = kept(store, 9, "Any?", judged)
        first = kept(store, 0, "Same?", cut.id)
        store.add_job(Job(**{**vars(cut), "results": (first, None, None)}))
        third = kept(store, 0, "Same?", cut.id)
        store.add_job(whole)
        other, one, two = (kept(store, 0, question, whole.id) for question in ("Other?", "Same?", "Same?"))
    with opened(tmp_path) as store:
        assert store.job(cut.id).results == (first, None, third)
        assert store.job(cut.id).state is JobState.INTERRUPTED
        assert store.job(whole.id).results == (one, other, two)
        assert store.job(whole.id).state is JobState.DONE
        assert (store.job(judged).results, store.job(judged).state) == ((rejudged,), JobState.DONE)


def test_a_job_that_cannot_be_read_is_dropped(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number, record in enumerate(("{", "[]", '{"kind": "fly"}', "null")):
            store._index.add(Entry(Kind.JOB, f"job-{number}", 0.0, record=record, is_open=True))
    with opened(tmp_path) as store:
        for number in range(4):
            with pytest.raises(GoneError):
                store.job(f"job-{number}")


def test_artefacts_stay_but_half_made_ones_go(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        results = [kept(store, number) for number in range(3)]
        folders = [store.folder_of(each) for each in results]
        for folder in folders[:2]:
            (folder / "view.json").write_text("{}")
            (folder / ".making-abc").mkdir()
            (folder / ".making-abc" / "scene.glb").write_text("half")
        store.note_artefacts(results[0])
        (folders[0] / "not-noted").write_bytes(bytes(9000))
        (tmp_path / "artefacts" / ".gone-abc").mkdir()
        store.assets.mkdir()
    with opened(tmp_path) as store:
        assert sorted(path.name for path in folders[0].iterdir()) == ["not-noted", "view.json"]
        assert [path.name for path in folders[1].iterdir()] == ["view.json"]
        assert {path.name for path in folders[0].parent.iterdir()} == set(results[:2])
        assert store._index.sizes(Kind.ARTEFACTS) == {results[0]: 4 * 4096, results[1]: 4096}
        assert not store.assets.exists()
    shutil.rmtree(folders[0])
    with opened(tmp_path) as store:
        assert results[0] not in store._index.sizes(Kind.ARTEFACTS)


def test_what_is_too_old_or_too_much_goes_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        file, one, two = upload(store), kept(store, 1), kept(store, 2)
        taken = store._index.total()
    with opened(tmp_path, upload_hours=1e-9) as store, pytest.raises(GoneError):
        store.upload(file)
    with opened(tmp_path, size_gb=0.6 * taken / 1e9) as store:
        with pytest.raises(GoneError):
            store.result(one)
        store.result(two)


def test_artefacts_of_another_version_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as store:
        result = kept(store)
        (store.folder_of(result) / "view.json").write_text("{}")
        store.note_artefacts(result)
    monkeypatch.setattr("pipeline.serve.store.opening.versions", lambda: {"theodolite": "99"})
    with opened(tmp_path) as store:
        assert list(store.folder_of(result).iterdir()) == []
        assert store._index.sizes(Kind.ARTEFACTS) == {}
        store.result(result)


def test_an_unknown_id_stays_unknown(tmp_path: Path) -> None:
    with opened(tmp_path) as store, pytest.raises(UnknownError):
        store.job(new_id())

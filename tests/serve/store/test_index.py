"""The index of the store."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.errors import ConfigError, ExportError
from pipeline.serve.problems import GoneError, UnknownError
from pipeline.serve.store.entries import Entry, Kind
from pipeline.serve.store.index import Index


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "index.sqlite")


def result(name: str, scene: str = "scene", created_s: float = 0.0, job: str = "job") -> Entry:
    return Entry(Kind.RESULT, name, created_s, 5000, "{}", job=job, scene=scene)


def test_an_entry_is_found_as_it_was_added(index: Index) -> None:
    entry = Entry(Kind.JOB, "a-B_9", 12.25, 77, '{"a": "杯"}', "job", "scene", True)
    index.add(entry)
    assert index.find(Kind.JOB, "a-B_9") == entry
    with pytest.raises(UnknownError, match="no scene with this id"):
        index.find(Kind.SCENE, "a-B_9")


@pytest.mark.parametrize("name", ["", "..", "a/../b", "a'; DROP TABLE entries; --", "\0", "\ud800", "x" * 10_000])
def test_hostile_ids_are_unknown(index: Index, name: str) -> None:
    index.add(result("a"))
    with pytest.raises(UnknownError):
        index.find(Kind.RESULT, name)


def test_an_entry_added_again_is_replaced(index: Index) -> None:
    index.add(Entry(Kind.JOB, "a", 1.0, is_open=True))
    index.add(Entry(Kind.JOB, "a", 1.0, record="done"))
    assert index.find(Kind.JOB, "a").record == "done" and not index.find(Kind.JOB, "a").is_open
    assert index.total() == index.find(Kind.JOB, "a").on_disk


def test_removed_ids_are_gone_and_forgotten_later(index: Index) -> None:
    entries = [result(name) for name in ("a", "b", "c")]
    index.add(*entries)
    for number, entry in enumerate(entries):
        index.remove([entry], 100.0 + number)
        with pytest.raises(GoneError):
            index.find(Kind.RESULT, entry.id)
    index.forget(101.0, 100)
    with pytest.raises(UnknownError):
        index.find(Kind.RESULT, "a")
    with pytest.raises(GoneError):
        index.find(Kind.RESULT, "b")
    index.forget(0.0, 1)
    with pytest.raises(UnknownError):
        index.find(Kind.RESULT, "b")
    with pytest.raises(GoneError):
        index.find(Kind.RESULT, "c")


def test_a_stored_scene_goes_with_its_last_result(index: Index) -> None:
    index.add(Entry(Kind.STORED, "scene", 0.0, 9000), result("a"), result("b"))
    assert index.remove([index.find(Kind.RESULT, "a")], 1.0) == []
    assert index.size_of(Kind.STORED, "scene") == 9000
    assert index.remove([index.find(Kind.RESULT, "b")], 1.0) == ["scene"]
    assert index.size_of(Kind.STORED, "scene") is None and index.total() == 0


def test_a_stored_scene_that_is_being_added_again_stays(index: Index) -> None:
    index.add(Entry(Kind.STORED, "scene", 0.0, 9000), result("a"))
    with index.held(Kind.STORED, "scene"), index.held(Kind.STORED, "scene"):
        assert index.remove([index.find(Kind.RESULT, "a")], 1.0) == []
    assert index.size_of(Kind.STORED, "scene") == 9000
    assert index.remove_scene("scene")


def test_artefacts_go_with_their_result(index: Index) -> None:
    index.add(result("a"), Entry(Kind.ARTEFACTS, "a", 5.0, 100))
    index.remove([index.find(Kind.RESULT, "a")], 1.0)
    assert index.sizes(Kind.ARTEFACTS) == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Kind), st.integers(0, 9999), st.booleans())))
def test_the_total_is_the_sum_of_what_is_there(changes: list[tuple[str, Kind, int, bool]]) -> None:
    index = Index(Path(":memory:"))
    for name, kind, size, is_added in changes:
        entry = Entry(kind, name, 0.0, size, "r" * (size % 7))
        if is_added:
            index.add(entry)
        else:
            index.remove([entry], 1.0)
    assert index.total() == sum(entry.on_disk for entry in index.select("gone_s IS NULL"))
    index.close()


def test_all_changes_of_a_transaction_happen_or_none(index: Index) -> None:
    index.add(result("a"))
    with pytest.raises(ZeroDivisionError), index.transaction() as connection:
        connection.execute("DELETE FROM entries")
        raise ZeroDivisionError
    assert index.find(Kind.RESULT, "a")
    with pytest.raises(ExportError, match="cannot be written"):
        index.add(Entry(Kind.RESULT, "b", 0.0), Entry(Kind.RESULT, None, 0.0))  # type: ignore[arg-type]
    assert index.sizes(Kind.RESULT) == {"a": 5000}


def test_results_of_a_job_come_in_their_order(index: Index) -> None:
    index.add(result("z", created_s=3.0), result("other", job="else"), result("a", created_s=1.0))
    assert [entry.id for entry in index.of_job("job")] == ["z", "a"]


def test_facts_are_kept(index: Index) -> None:
    assert index.fact("version") is None
    index.note("version", "1")
    index.note("version", "2")
    assert index.fact("version") == "2"


def test_threads_lose_nothing(index: Index) -> None:
    def work(number: int) -> None:
        index.add(result(f"r-{number}"))
        assert index.find(Kind.RESULT, f"r-{number}").id == f"r-{number}"
        if number % 2:
            index.remove([result(f"r-{number}")], 1.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    assert sorted(index.sizes(Kind.RESULT)) == sorted(f"r-{number}" for number in range(0, 200, 2))


def test_what_is_written_is_there_after_opening_again(tmp_path: Path) -> None:
    index = Index(tmp_path / "i")
    index.add(result("a"))
    index.close()
    index.close()
    assert Index(tmp_path / "i").find(Kind.RESULT, "a").scene == "scene"


def test_an_index_that_cannot_be_used_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match=r"cannot be used: .*serve\.store\.folder"):
        Index(tmp_path / "damaged")
    connection = sqlite3.connect(tmp_path / "newer")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="another version"):
        Index(tmp_path / "newer")
    first = Index(tmp_path / "open")
    with pytest.raises(ConfigError, match="Another server"):
        Index(tmp_path / "open")
    first.close()

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.store import index as index_module
from pipeline.stages.store.index import DamagedIndexError, Index
from pipeline.stages.store.layout import Found, Name, name_of

NAMES = [name_of("ocr", ("model", str(number))) for number in range(20)]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path / "index.sqlite", timeout_s=0.1)
    yield made
    made.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock [s since 1970]."""

    def set_to(at: float) -> None:
        monkeypatch.setattr(time, "time", lambda: at)

    set_to(1000.0)
    return set_to


def order(index: Index) -> list[int]:
    """Numbers of the outputs, those that were not used for longest first."""
    return [NAMES.index(row.name) for row in index.rows()]


def found(number: int, size_bytes: int = 10, modified_s: float = 500.0, temporary: bool = False) -> Found:
    return Found(None if temporary else NAMES[number], "path", size_bytes, modified_s)


def test_it_is_a_file_with_a_rollback_journal(index: Index) -> None:
    connection = sqlite3.connect(str(index.path))
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] in ("delete", "truncate")
    connection.close()


def test_sizes_add_up_however_often_an_output_is_stored(index: Index) -> None:
    index.record({NAMES[0]: 10, NAMES[1]: 20})
    index.record({NAMES[0]: 15})
    index.record({NAMES[1]: None, NAMES[2]: None})
    assert index.total_bytes() == 35
    assert order(index) == [0, 1], "a read output that the index does not know may be gone"


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 50)), max_size=30))
def test_the_total_is_that_of_the_rows_and_the_order_that_of_use(uses: list[tuple[int, int | None]]) -> None:
    index, sizes = Index(None), dict[int, int]()
    for number, size in uses:
        index.record({NAMES[number]: size})
        size = sizes.pop(number, None) if size is None else (sizes.pop(number, None), size)[1]
        if size is not None:
            sizes[number] = size
    assert [(NAMES.index(row.name), row.size_bytes) for row in index.rows()] == list(sizes.items())
    assert index.total_bytes() == sum(sizes.values())


def test_what_was_not_used_for_longest_goes_first(index: Index) -> None:
    index.record({name: 10 for name in NAMES[:6]})
    index.record({NAMES[0]: None, NAMES[2]: None})
    gone: list[int] = []
    assert index.evict(60, lambda name: True) == (0, 0)
    done = index.evict(59, lambda name: gone.append(NAMES.index(name)) is None, down_to_bytes=35)
    assert done == (3, 30)
    assert gone == [1, 3, 4]
    assert (order(index), index.total_bytes()) == ([5, 0, 2], 30)


def test_more_than_one_batch_can_be_removed() -> None:
    index = Index(None)
    index.record({name_of("ocr", ("m", str(number))): 1 for number in range(500)})
    assert index.evict(100, lambda name: True) == (400, 400)
    assert len(list(index.rows())) == 100


def test_what_cannot_be_removed_counts_neither_as_removed_nor_as_there(index: Index) -> None:
    index.record({name: 10 for name in NAMES[:4]})
    assert index.evict(20, lambda name: name != NAMES[0]) == (1, 10)
    assert order(index) == [2, 3]


def test_unused_outputs_are_removed_by_age(index: Index, clock: Callable[[float], None]) -> None:
    for number, at in enumerate((1000.0, 2000.0, 3000.0)):
        clock(at)
        index.record({NAMES[number]: 10})
    assert index.evict_unused(2000.0, lambda name: True) == (1, 10)
    assert order(index) == [1, 2]


def test_a_clock_that_goes_backwards_does_not_change_the_order(index: Index, clock: Callable[[float], None]) -> None:
    for number, at in enumerate((5000.0, 100.0, 50.0, 6000.0, 6000.0, 0.0)):
        clock(at)
        index.record({NAMES[number]: 10})
    assert order(index) == [0, 1, 2, 3, 4, 5]


def test_a_scan_corrects_what_is_wrong_and_keeps_what_is_known(index: Index, clock: Callable[[float], None]) -> None:
    index.record({NAMES[0]: 10, NAMES[1]: 10, NAMES[2]: 99})
    assert index.is_incomplete()
    index.merge([found(1), found(2), found(3, 40, 700.0), found(4, 40, 10.0**12), found(5, temporary=True)])
    assert not index.is_incomplete()
    assert {NAMES.index(row.name): (row.size_bytes, row.used_s) for row in index.rows()} == {
        1: (10, pytest.approx(1000.0, abs=0.01)),
        2: (10, pytest.approx(1000.0, abs=0.01)),
        3: (40, 700.0),
        4: (40, 1000.0),
    }
    assert index.total_bytes() == 100


def test_outputs_that_are_stored_during_a_scan_stay(index: Index, tmp_path: Path) -> None:
    other = Index(tmp_path / "index.sqlite")
    index.record({NAMES[0]: 10})

    def scan() -> Iterator[Found]:
        yield found(1)
        other.record({NAMES[2]: 30})

    index.merge(scan())
    assert sorted(order(index)) == [1, 2]
    other.close()


def test_a_scan_is_due_after_a_day_or_once_a_writer_ended_without_a_word(
    index: Index, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    index.merge([])
    index.enter("mine")
    assert (index.writers(), index.is_incomplete()) == (1, False)
    clock(1000.0 + 86_500)
    assert index.is_incomplete()
    clock(1000.0 - 86_500)
    assert index.is_incomplete(), "the clock was wrong once"
    clock(1000.0)
    index.leave("mine")
    assert index.writers() == 0
    # Processes with this number, none at all, and one of another machine.
    for pid, host, due in ((os.getpid(), None, True), (2**22 + 1, None, True), (1, "elsewhere", False)):
        with monkeypatch.context() as changed:
            changed.setattr(os, "getpid", lambda pid=pid: pid)
            if host:
                changed.setattr(index_module.socket, "gethostname", lambda host=host: host)
            index.enter("theirs")
            index_module._own.discard("theirs")
        assert index.is_incomplete() == due
        index.merge([])
        assert (index.is_incomplete(), index.writers()) == (False, 0 if due else 1)


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 2",
        "DROP TABLE total",
        "DELETE FROM total",
        "ALTER TABLE outputs RENAME TO others",
        "UPDATE outputs SET digest = 'text', bytes = 'many', used = 'never'",
        "UPDATE outputs SET digest = X'00'",
        "UPDATE total SET bytes = 'many'",
    ],
)
def test_an_index_with_other_tables_or_values_gives_errors_and_no_wrong_names(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "index.sqlite"
    index = Index(path)
    index.record({NAMES[0]: 10})
    index.close()
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    removed: list[Name] = []
    try:
        index = Index(path)
        index.evict(5, lambda name: removed.append(name) is None)
        index.record({NAMES[1]: 10})
    except (sqlite3.Error, TypeError, ValueError):
        pass
    assert not [name for name in removed if name.is_possible and name != NAMES[0]]


def test_another_database_is_not_taken_for_an_index(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "index.sqlite")
    connection.execute("CREATE TABLE mine (a)")
    connection.commit()
    connection.close()
    with pytest.raises(DamagedIndexError):
        Index(tmp_path / "index.sqlite")


def test_a_link_in_place_of_the_index_is_not_followed(tmp_path: Path) -> None:
    os.symlink(tmp_path / "mine.sqlite", tmp_path / "index.sqlite")
    Index(tmp_path / "index.sqlite").close()
    assert not (tmp_path / "mine.sqlite").exists()
    assert not (tmp_path / "index.sqlite").is_symlink()


def test_an_index_that_was_deleted_or_replaced_says_so(index: Index, tmp_path: Path) -> None:
    assert not index.is_moved
    (tmp_path / "index.sqlite").unlink()
    assert index.is_moved
    Index(tmp_path / "index.sqlite").close()
    assert index.is_moved
    assert not Index(None).is_moved


def test_one_writer_waits_for_another_for_a_while(index: Index, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        index.record({NAMES[0]: 10})
    assert 0.05 < time.monotonic() - start < 2
    other.execute("COMMIT")
    other.close()
    index.record({NAMES[0]: 10})
    assert index.total_bytes() == 10

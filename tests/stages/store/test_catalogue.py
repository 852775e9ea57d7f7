from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.stages.store import catalogue as catalogue_module
from pipeline.stages.store.catalogue import Catalogue
from pipeline.stages.store.entry_file import write_entry
from pipeline.stages.store.index import Index
from pipeline.stages.store.layout import INDEX, Name, make_folder, name_of, on_disk, walk

BLOCK = 4096


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "v2"


def put(root: Path, number: int, size_bytes: int = 3000, age_s: float = 0.0) -> dict[Name, int | None]:
    """Store an output; returns what the catalogue is told."""
    name = name_of("ocr", ("model", str(number)))
    path = root / name.path
    make_folder(root, str(path.parent))
    size_bytes = write_entry(str(path), name.digest, [bytes(size_bytes)])
    os.utime(path, (time.time() - age_s,) * 2)
    return {name: on_disk(size_bytes)}


def numbers(root: Path, most: int = 100) -> list[int]:
    on_disk_now = {found.name for found in walk(root)}
    return [number for number in range(most) if name_of("ocr", ("model", str(number))) in on_disk_now]


def test_the_bound_is_kept_and_little_more_than_needed_goes(root: Path) -> None:
    catalogue = Catalogue(root, 100 * BLOCK)
    for number in range(100):
        assert catalogue.record(put(root, number))
    assert len(numbers(root)) == 100
    catalogue.record(put(root, 100))
    assert numbers(root, 101) == list(range(3, 101)), "down to 98 %"


def test_without_a_bound_nothing_goes(root: Path) -> None:
    catalogue = Catalogue(root)
    for number in range(50):
        catalogue.record(put(root, number))
    assert len(numbers(root)) == 50


def delete(root: Path) -> None:
    (root / INDEX).unlink()


def tear(root: Path) -> None:
    content = (root / INDEX).read_bytes()
    (root / INDEX).write_bytes(content[:100] + os.urandom(len(content) - 100))


def overwrite(root: Path) -> None:
    (root / INDEX).write_bytes(b"no database " * 500)


def empty(root: Path) -> None:
    (root / INDEX).write_bytes(b"")


def drop(root: Path) -> None:
    connection = sqlite3.connect(root / INDEX)
    connection.executescript("DROP TABLE outputs; PRAGMA user_version = 1")
    connection.close()


def from_the_future(root: Path) -> None:
    connection = sqlite3.connect(root / INDEX)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    "spoil, is_open",
    [
        *((spoil, True) for spoil in (delete, tear, overwrite, empty, drop)),
        *((spoil, False) for spoil in (delete, tear, overwrite, empty, drop, from_the_future)),
    ],
)
def test_an_index_that_is_deleted_or_damaged_is_made_again_from_the_files(
    root: Path, spoil: Callable[[Path], None], is_open: bool
) -> None:
    catalogue = Catalogue(root, 20 * BLOCK)
    for number in range(20):
        catalogue.record(put(root, number, age_s=1000 - number))
    if not is_open:
        catalogue.close()
    spoil(root)
    for number in range(20, 40):
        assert catalogue.record(put(root, number))
    assert 18 <= len(numbers(root)) <= 20
    assert set(range(25, 40)) < set(numbers(root)), "the latest"
    catalogue.close()
    index = Index(root / INDEX)
    assert len(list(index.rows())) == len(numbers(root))
    assert index.total_bytes() == sum(found.size_bytes for found in walk(root))
    index.close()


def test_an_index_that_cannot_be_made_costs_a_warning_and_the_bound_is_kept(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        put(root, number, age_s=1000 - number)
    (root / INDEX).mkdir()
    catalogue = Catalogue(root, 20 * BLOCK)
    for number in range(20, 40):
        assert catalogue.record(put(root, number))
    assert 18 <= len(numbers(root)) <= 20 and 39 in numbers(root) and 0 not in numbers(root)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "without it the cache takes longer" in caplog.text
    catalogue.close()


def test_a_process_that_only_reads_needs_no_index_and_no_warning(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (name,) = put(root, 0)
    (root / INDEX).mkdir()
    catalogue = Catalogue(root, 20 * BLOCK)
    assert catalogue.record({name: None}) and catalogue.record({name: None})
    assert caplog.text == ""


def test_a_folder_that_is_gone_needs_no_index(root: Path) -> None:
    assert Catalogue(root, BLOCK).record({name_of("ocr", ("m", "a")): 10})
    assert not root.exists()


def test_an_index_that_others_hold_is_tried_again_and_then_done_without(
    root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_module, "Index", lambda path: Index(path, timeout_s=0.05))
    catalogue = Catalogue(root, 20 * BLOCK)
    for number in range(20):
        catalogue.record(put(root, number, age_s=1000 - number))
    other = sqlite3.connect(root / INDEX, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    uses = put(root, 20) | put(root, 21)
    assert not catalogue.record(uses) and not catalogue.record(uses)
    assert caplog.text == "" and len(numbers(root)) == 22
    assert catalogue.record(uses), "the third attempt looks at the files instead"
    assert "without it" in caplog.text
    assert numbers(root) == list(range(3, 22))
    other.execute("ROLLBACK")
    other.close()


def test_an_index_that_is_free_again_gets_what_it_missed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "Index", lambda path: Index(path, timeout_s=0.05))
    catalogue = Catalogue(root, 20 * BLOCK)
    catalogue.record(put(root, 0))
    other = sqlite3.connect(root / INDEX, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    uses = put(root, 1)
    assert not catalogue.record(uses)
    other.execute("ROLLBACK")
    other.close()
    assert catalogue.record(uses)
    assert catalogue.refreshed(lambda index: len(list(index.rows()))) == 2


def test_what_a_killed_process_stored_counts(root: Path, repository: Path) -> None:
    put(root, 0)
    program = """
import os, sys
from pathlib import Path
from pipeline.stages.store.catalogue import Catalogue
from pipeline.stages.store.entry_file import write_entry
from pipeline.stages.store.layout import make_folder, name_of
root = Path(sys.argv[1])
catalogue = Catalogue(root, 10**9)
for number in range(1, 11):
    name = name_of("ocr", ("model", str(number)))
    make_folder(root, str((root / name.path).parent))
    write_entry(str(root / name.path), name.digest, [bytes(3000)])
    if number == 1:
        catalogue.record({name: 4096})
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program, str(root)], cwd=repository, check=False)
    assert len(numbers(root)) == 11
    catalogue = Catalogue(root, 10 * BLOCK)
    catalogue.record(put(root, 11))
    assert len(numbers(root)) == 9
    catalogue.close()
    index = Index(root / INDEX)
    assert (index.writers(), index.is_incomplete()) == (0, False)
    index.close()


def test_other_machines_that_write_to_a_network_drive_are_seen_from_time_to_time(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_module, "is_on_network", lambda path: True)
    monkeypatch.setattr(catalogue_module, "index_path", lambda path: tmp_path / "local.sqlite")
    monkeypatch.setattr(catalogue_module, "_RESTS", 0.0)
    catalogue = Catalogue(root, 20 * BLOCK)
    catalogue.record(put(root, 0))
    for number in range(1, 40):
        put(root, number, age_s=100 - number)
    catalogue.record(put(root, 40))
    assert numbers(root) == [0, *range(23, 41)], "19 files are 98 % of the bound"
    assert not (root / INDEX).exists()


def test_how_many_processes_write_is_known_once_the_index_was_told_something(root: Path) -> None:
    one, other = Catalogue(root, 100 * BLOCK), Catalogue(root, 100 * BLOCK)
    assert one.writers > 2, "at first, caution"
    one.record(put(root, 0))
    assert one.writers == 1
    other.record(put(root, 1))
    one.record(put(root, 2))
    assert one.writers == other.writers == 2
    other.close()
    one.record(put(root, 3))
    assert one.writers == 1


def test_files_that_killed_writers_left_go_with_a_scan_once_they_are_old(root: Path) -> None:
    put(root, 0)
    folder = next(path for path in root.glob("ocr/*/*"))
    old, new = folder / f".{'0' * 16}.1.tmp", folder / f".{'0' * 16}.2.tmp"
    old.write_text("")
    new.write_text("")
    os.utime(old, (time.time() - 4000,) * 2)
    Catalogue(root).refreshed(lambda index: None)
    assert not old.exists() and new.exists()


def test_nothing_outside_is_removed_for_an_index_with_wrong_names(root: Path, tmp_path: Path) -> None:
    uses = put(root, 0)
    mine = tmp_path / "mine"
    mine.write_text("mine")
    catalogue = Catalogue(root, 10**6)
    catalogue.record(uses)
    catalogue.close()
    connection = sqlite3.connect(root / INDEX)
    connection.execute("INSERT INTO outputs VALUES (X'00', '..', '../mine', 10000000, 0)")
    connection.commit()
    connection.close()
    catalogue.record(put(root, 1))
    assert mine.read_text() == "mine"
    assert numbers(root) == [0, 1]

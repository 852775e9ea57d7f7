from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks.batch_cache import share_cache
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.store.entry_file import write_entry
from pipeline.stages.store.index import Index
from pipeline.stages.store.layout import INDEX, Name, identity_of, name_of, walk
from pipeline.stages.store.store import Store

NAME = name_of("ocr", ("model", "pixels"))


def named(number: int) -> Name:
    return name_of("ocr", ("model", str(number)))


def path_in(folder: Path, name: Name = NAME) -> Path:
    return folder / "v2" / name.path


def content(store: Store, name: Name = NAME) -> bytes | None:
    found = store.get(name)
    return None if found is None else bytes(found)


def rows(folder: Path) -> dict[Name, int]:
    index = Index(folder / "v2" / INDEX)
    found = {row.name: row.size_bytes for row in index.rows()}
    index.close()
    return found


@given(st.dictionaries(st.integers(0, 9), st.binary(max_size=100)))
def test_what_is_put_is_got(tmp_path_factory: pytest.TempPathFactory, outputs: dict[int, bytes]) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    assert content(store, named(0)) is None
    for number, output in outputs.items():
        store.put(named(number), [output[:3], output[3:]])
    assert {number: content(store, named(number)) for number in outputs} == outputs


def test_a_get_makes_no_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    assert store.get(NAME) is None
    store.flush()
    store.close()
    assert not (tmp_path / "cache").exists()


def test_only_a_stage_and_identity_with_outputs_are_held(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not store.holds("ocr", NAME.identity)
    store.put(NAME, [b"x"])
    assert store.holds("ocr", identity_of("model"))
    assert not store.holds("ocr", identity_of("other")) and not store.holds("vlm", identity_of("model"))
    path_in(tmp_path).unlink()
    assert not store.holds("ocr", NAME.identity), "its folders may stay"


def test_a_bad_file_is_removed_with_a_warning_and_can_be_put_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    store.put(NAME, [b"output"])
    path_in(tmp_path).write_bytes(b"")
    assert content(store) is None
    assert not path_in(tmp_path).exists()
    assert "is computed again: it has 0 bytes" in caplog.text
    store.put(NAME, [b"output"])
    assert content(store) == b"output"
    path_in(tmp_path).unlink()
    path_in(tmp_path).symlink_to(tmp_path / "mine")
    (tmp_path / "mine").write_text("mine")
    assert content(store) is None
    assert (tmp_path / "mine").read_text() == "mine" and not path_in(tmp_path).is_symlink()


def test_a_folder_in_place_of_a_file_costs_warnings_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    path_in(tmp_path).mkdir(parents=True)
    for _ in range(3):
        assert content(store) is None
        store.put(NAME, [b"x"])
    assert caplog.text.count("Cannot write") == caplog.text.count("Cannot remove") == 1


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def as_another_user(work: Callable[[], None]) -> None:
    """Do something in a process that has no rights to the files of this one."""
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_cache_of_another_user_is_read_and_costs_one_warning_to_write(
    open_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = Store(open_folder)
    before.put(NAME, [b"x"])
    os.utime(path_in(open_folder), (1e9, 1e9))
    before.close()
    folders = [open_folder, *(path for path in open_folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)

    def work() -> None:
        store = Store(open_folder, 10**6)
        assert content(store) == b"x"
        store.close()
        assert caplog.text == ""
        for number in range(3):
            store.put(named(number), [b"x"])
        assert content(store) == b"x"
        store.close()
        assert [record.levelname for record in caplog.records] == ["WARNING"], caplog.text
        assert "Cannot write" in caplog.text

    as_another_user(work)
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_an_index_of_another_user_is_done_without(open_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = Store(open_folder)
    before.put(NAME, [b"x"])
    before.close()
    for folder in [open_folder, *(path for path in open_folder.rglob("*") if path.is_dir())]:
        folder.chmod(0o777)

    def work() -> None:
        store = Store(open_folder, 10 * 4096)
        for number in range(30):
            store.put(named(number), [b"x"])
        store.close()
        assert caplog.text.count("without it the cache takes longer") == 1, caplog.text
        assert sum(found.size_bytes for found in walk(open_folder / "v2")) <= 10 * 4096

    as_another_user(work)


@pytest.mark.parametrize("number, text", [(28, "No space left on device"), (30, "Read-only file system")])
def test_a_full_or_read_only_disk_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, number: int, text: str
) -> None:
    store = Store(tmp_path, 10**6)
    store.put(NAME, [b"x"])

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(number, text)

    with monkeypatch.context() as changed:
        changed.setattr("pipeline.stages.store.store.write_entry", refuse)
        for each in range(5):
            store.put(named(each), [b"y"])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert text in caplog.text and "cache_dir" in caplog.text
    assert content(store) == b"x"
    store.put(named(1), [b"z"])
    assert content(store, named(1)) == b"z", "the disk has room again"


def test_a_file_that_cannot_be_read_costs_one_warning_and_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.put(NAME, [b"x"])

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as changed:
        changed.setattr("pipeline.stages.store.store.read_entry", refuse)
        assert content(store) is content(store) is None
    assert caplog.text.count("Permission denied") == 1
    assert content(store) == b"x"


def test_the_index_learns_of_uses_at_the_end(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(NAME, [bytes(5000)])
    assert not (tmp_path / "v2" / INDEX).exists(), "a put does not wait for the index"
    del store
    gc.collect()
    assert rows(tmp_path) == {NAME: 8192}


def test_the_index_learns_of_uses_when_the_process_ends(tmp_path: Path, repository: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from pipeline.stages.store.store import Store;"
        "from pipeline.stages.store.layout import name_of;"
        "store = Store(Path(sys.argv[1])); store.put(name_of('ocr', ('model', 'pixels')), [bytes(5000)])"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=repository, check=True)
    assert rows(tmp_path) == {NAME: 8192}
    index = Index(tmp_path / "v2" / INDEX)
    assert index.writers() == 0
    index.close()


def test_a_closed_store_can_be_used_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(named(0), [b"x"])
    store.close()
    store.put(named(1), [b"x"])
    store.close()
    assert set(rows(tmp_path)) == {named(0), named(1)}


@pytest.mark.parametrize("large", [False, True])
def test_the_bound_is_kept_at_all_times(tmp_path: Path, large: bool) -> None:
    size_bytes = 300_000 if large else 3000
    bound_bytes = 1_000_000
    store = Store(tmp_path, bound_bytes)
    for number in range(30 if large else 600):
        store.put(named(number), [bytes(size_bytes)])
        held = sum(found.size_bytes for found in walk(tmp_path / "v2"))
        assert held <= 1.03 * bound_bytes
    assert held >= (0.9 if not large else 0.6) * bound_bytes
    assert content(store, named(number)) is not None, "the latest stays"


def test_what_is_read_often_stays(tmp_path: Path) -> None:
    store = Store(tmp_path, 100 * 4096)
    for number in range(400):
        store.put(named(number), [b"x"])
        assert content(store, named(0)) == b"x"
    assert content(store, named(200)) is None


def test_an_output_larger_than_the_bound_is_not_stored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path, 8192)
    store.put(named(0), [b"x"])
    for _ in range(2):
        store.put(named(1), [bytes(9000)])
    assert (content(store, named(0)), content(store, named(1))) == (b"x", None)
    assert caplog.text.count("cache_gb") == 1


def test_the_cache_works_while_others_hold_or_delete_its_index(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(named(0), [b"x"])
    store.flush()
    other = sqlite3.connect(tmp_path / "v2" / INDEX, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store.put(named(1), [b"y"])
    assert (content(store, named(0)), content(store, named(1))) == (b"x", b"y")
    other.execute("ROLLBACK")
    other.close()
    (tmp_path / "v2" / INDEX).unlink()
    store.put(named(2), [b"z"])
    store.close()
    assert [content(store, named(number)) for number in range(3)] == [b"x", b"y", b"z"]


def test_threads_share_a_store(tmp_path: Path) -> None:
    store, wrong = Store(tmp_path, 50 * 4096), []

    def work(seed: int) -> None:
        for step in range(200):
            number = (seed * 7 + step) % 90
            expected = bytes([number]) * 100
            store.put(named(number), [expected])
            if content(store, named(number)) not in (None, expected):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    store.close()
    assert sum(found.size_bytes for found in walk(tmp_path / "v2")) <= 52 * 4096


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_leaves_the_uses_of_its_parent_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(named(0), [b"x"])
    store.flush()
    store.put(named(1), [b"x"])
    with store._lock:
        child = os.fork()
        if child == 0:
            # The lock is free here, though a thread of the parent holds it.
            store.put(named(2), [b"y"])
            store.close()
            os._exit(0 if content(store, named(1)) == b"x" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert set(rows(tmp_path)) == {named(0), named(2)}
    store.close()
    assert set(rows(tmp_path)) == {named(0), named(1), named(2)}


def test_folders_that_vanish_are_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(NAME, [b"x"])
    path_in(tmp_path).unlink()
    path_in(tmp_path).parent.rmdir()
    store.put(NAME, [b"x"])
    assert content(store) == b"x"


def test_two_processes_with_eviction_read_nothing_wrong_and_keep_the_bound(tmp_path: Path) -> None:
    shared = share_cache(tmp_path, 3000, bound_bytes=4_000_000, outputs=400)
    assert shared.bad_reads == 0
    assert shared.puts > 500
    assert shared.most_share <= 1.05
    assert 0.9 <= shared.last_share <= 1.05
    assert set(rows(tmp_path)) >= {found.name for found in walk(tmp_path / "v2")}


def test_killed_writers_leave_no_bad_file(tmp_path: Path, repository: Path) -> None:
    program = """
import sys
from pathlib import Path
from pipeline.stages.store.layout import name_of
from pipeline.stages.store.store import Store
store, number = Store(Path(sys.argv[1]), 10_000_000), 0
print("ready", flush=True)
while True:
    store.put(name_of("ocr", ("model", str(number % 60))), [bytes([number % 251]) * 400_000])
    number += 1
"""
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], cwd=repository, stdout=subprocess.PIPE
        ) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            threading.Event().wait(0.1)
            worker.kill()
    store, read = Store(tmp_path, 10_000_000), 0
    for number in range(60):
        found = content(store, named(number))
        read += found is not None
        assert found is None or found == found[:1] * 400_000
    assert read
    store.put(named(99), [b"x"])
    store.close()
    held = sum(found.size_bytes for found in walk(tmp_path / "v2") if found.name)
    assert held <= 1.05 * 10_000_000, "what they did not say is found"


def test_a_file_of_another_key_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    store.put(NAME, [b"x"])
    write_entry(str(path_in(tmp_path)), named(1).digest, [b"other"])
    assert content(store) is None
    assert "another key" in caplog.text

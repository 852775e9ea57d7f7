"""Files of lines that survive a kill."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.export.line_file import LineFile
from pipeline.records.errors import ExportError

LINES = [b"keep 1", b"drop 2", "keep 桌\u2028\r".encode(), b"", b"drop 5", b"keep \xff\x006"]
KEPT = b"".join(line + b"\n" for line in LINES if not line.startswith(b"drop"))
MIB = 1 << 20


def is_unwanted(line: bytes) -> bool:
    return line.startswith(b"drop")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in LINES))
    return path


def test_what_stays_is_what_it_was_byte_for_byte(path: Path) -> None:
    before = path.read_bytes()
    path.chmod(0o600)
    with closing(LineFile(path, resume=True)) as file:
        assert file.drop(is_unwanted) == 2
        assert path.read_bytes() == KEPT
        assert path.with_suffix(".previous.jsonl").read_bytes() == before
        assert path.stat().st_mode & 0o777 == 0o600
        file.append("next")
        assert (path.read_bytes(), file.size) == (KEPT + b"next\n", len(KEPT) + 5)
        assert file.drop(lambda line: line == b"next") == 1, "the new file is read"
    assert path.read_bytes() == KEPT
    assert sorted(os.listdir(path.parent)) == ["a.jsonl", "a.previous.jsonl"]


def test_every_line_is_judged_once_and_in_order(path: Path) -> None:
    seen: list[bytes] = []
    with closing(LineFile(path, resume=True)) as file:
        assert file.drop(lambda line: bool(seen.append(line)) or is_unwanted(line)) == 2
    assert seen == LINES


def test_a_file_that_stays_whole_is_not_touched(path: Path) -> None:
    before = path.stat()
    with closing(LineFile(path, resume=True)) as file:
        assert file.drop(lambda line: False) == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert os.listdir(path.parent) == ["a.jsonl"]


def test_a_kill_before_the_file_is_replaced_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def killed(source: Path, target: Path) -> None:
        assert path.read_bytes() == before and Path(source).read_bytes() == KEPT
        raise OSError("killed")

    with closing(LineFile(path, resume=True)) as file:
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            with pytest.raises(ExportError, match="killed"):
                file.drop(is_unwanted)
        assert path.read_bytes() == before
        file.append("next")
        assert path.read_bytes() == before + b"next\n"
    assert sorted(os.listdir(path.parent)) == ["a.jsonl", "a.previous.jsonl"]


def test_a_large_file_never_stands_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as out:
        for number in range(400):
            out.write(b"%d " % number + b"x" * 20_000 + b"\n")
    with closing(LineFile(path, resume=True)) as file:
        for unwanted, count in ((b"none", 0), (b"1 ", 1)):
            tracemalloc.start()
            assert file.drop(lambda line, start=unwanted: line.startswith(start)) == count  # type: ignore[misc]
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < MIB
    assert path.stat().st_size > 7 * MIB


def test_who_had_the_file_open_before_goes_on_in_the_new_one(path: Path) -> None:
    with closing(LineFile(path, resume=True)) as other, closing(LineFile(path, resume=True)) as file:
        assert file.drop(is_unwanted) == 2
        other.append("other")
        file.append("own")
        assert other.drop(lambda line: line == b"own") == 1
        file.append("last")
    assert path.read_bytes() == KEPT + b"other\nlast\n"


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").mkdir()
    link = tmp_path / "link" / "b.jsonl"
    link.symlink_to(path)
    with closing(LineFile(link, resume=True)) as file:
        assert file.drop(is_unwanted) == 2
    assert link.is_symlink() and path.read_bytes() == KEPT


def test_a_file_system_that_renames_files_at_each_opening_ends_no_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)
    with closing(LineFile(path, resume=True)) as file:
        assert file.drop(is_unwanted) == 2
        file.append("next")
    assert path.read_bytes() == KEPT + b"next\n"

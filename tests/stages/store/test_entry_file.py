from __future__ import annotations

import hashlib
import os
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.store.entry_file import HEADER_BYTES, BadEntryError, read_entry, write_entry

DIGEST, OTHER = "ab" * 32, "cd" * 32
PAYLOAD = bytes(range(256)) * 4


def written(folder: Path, payload: bytes = PAYLOAD) -> Path:
    path = folder / "output"
    write_entry(str(path), DIGEST, [payload])
    return path


def by_hand(payload: bytes, digest: str = DIGEST, magic: bytes = b"\x93THDC2\r\n", length: int | None = None) -> bytes:
    """The file as its documentation has it."""
    start = magic + bytes.fromhex(digest) + struct.pack("<Q", len(payload) if length is None else length)
    return start + hashlib.blake2b(start + payload, digest_size=16).digest() + payload


def test_the_file_is_as_documented(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert path.read_bytes() == by_hand(PAYLOAD)
    assert HEADER_BYTES == 64
    assert [each.name for each in tmp_path.iterdir()] == ["output"]


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    path = str(tmp_path_factory.getbasetemp() / "one")
    assert write_entry(path, DIGEST, parts) == os.path.getsize(path)
    found = read_entry(path, DIGEST)
    assert found is not None and bytes(found) == b"".join(parts)


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read_entry(str(tmp_path / "a"), DIGEST) is None
    (tmp_path / "file").write_text("")
    assert read_entry(str(tmp_path / "file" / "a"), DIGEST) is None


@pytest.mark.parametrize("position", [*range(HEADER_BYTES), HEADER_BYTES, HEADER_BYTES + 500, -1])
@pytest.mark.parametrize("change", [1, 0x80])
def test_no_changed_bit_goes_unnoticed(tmp_path: Path, position: int, change: int) -> None:
    path = written(tmp_path)
    content = bytearray(path.read_bytes())
    content[position] ^= change
    path.write_bytes(content)
    with pytest.raises(BadEntryError):
        read_entry(str(path), DIGEST)


@pytest.mark.parametrize("length", [0, 1, 40, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, -1])
def test_a_cut_file_is_bad(tmp_path: Path, length: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BadEntryError):
        read_entry(str(path), DIGEST)


@pytest.mark.parametrize(
    "content, reason",
    [
        (by_hand(PAYLOAD) + b"x", "incomplete"),
        (by_hand(PAYLOAD, OTHER), "another key"),
        (by_hand(PAYLOAD, magic=b"\x93THDC3\r\n"), "another format"),
        (by_hand(PAYLOAD, length=2**63), "incomplete"),
        (by_hand(PAYLOAD)[:64] + bytes(len(PAYLOAD)), "checksum"),
        (b'{"text": "a record of version 1"}' * 9, "another format"),
        (b"PK\x03\x04" * 100, "another format"),
        (bytes(4096), "another format"),
    ],
)
def test_a_foreign_file_is_bad(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "output"
    path.write_bytes(content)
    with pytest.raises(BadEntryError, match=reason):
        read_entry(str(path), DIGEST)


def test_a_file_that_claims_terabytes_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    os.truncate(path, 2**40)
    with pytest.raises(BadEntryError, match="1099511627776 bytes"):
        read_entry(str(path), DIGEST)


def test_links_pipes_and_folders_are_bad_and_nobody_waits_for_them(tmp_path: Path) -> None:
    os.symlink(written(tmp_path), tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        with pytest.raises(BadEntryError):
            read_entry(str(tmp_path / name), DIGEST)


def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    os.symlink(tmp_path / "mine", tmp_path / "output")
    path = written(tmp_path)
    assert not path.is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"


def test_the_mask_of_the_user_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert stat.S_IMODE(written(tmp_path).stat().st_mode) == 0o640
    finally:
        os.umask(before)


@pytest.mark.parametrize("age_s, renewed", [(60, False), (3540, False), (3700, True), (86_400, True), (-7200, True)])
def test_a_use_renews_the_time_at_most_once_an_hour(tmp_path: Path, age_s: float, renewed: bool) -> None:
    path, then = written(tmp_path), time.time() - age_s
    os.utime(path, (then, then))
    read_entry(str(path), DIGEST, is_use=False)
    assert path.stat().st_mtime == pytest.approx(then)
    read_entry(str(path), DIGEST)
    assert (abs(path.stat().st_mtime - time.time()) < 30) == (renewed or abs(age_s) < 30)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, b"before")

    def full(descriptor: int, content: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        write_entry(str(path), DIGEST, [PAYLOAD])
    found = read_entry(str(path), DIGEST)
    assert found is not None and bytes(found) == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["output"]


def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:100]))
    path = written(tmp_path)
    monkeypatch.undo()
    assert path.read_bytes() == by_hand(PAYLOAD)


KILLED = """
import os, sys
from pipeline.stages.store.entry_file import write_entry
moment, path, digest = sys.argv[1:]
write = os.write

def half(descriptor, content):
    write(descriptor, content[: len(content) // 2])
    os.kill(os.getpid(), 9)

def never(*paths):
    os.kill(os.getpid(), 9)

if moment == "write":
    os.write = half
else:
    os.replace = never
write_entry(path, digest, [bytes(100_000)])
"""


@pytest.mark.parametrize("moment", ["write", "rename"])
def test_a_killed_writer_leaves_the_file_as_it_was(tmp_path: Path, repository: Path, moment: str) -> None:
    path = written(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, moment, str(path), DIGEST], cwd=repository, check=False)
    assert done.returncode == -9
    found = read_entry(str(path), DIGEST)
    assert found is not None and bytes(found) == PAYLOAD
    assert sorted(each.suffix for each in tmp_path.iterdir()) == ["", ".tmp"]

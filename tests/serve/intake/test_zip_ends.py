from __future__ import annotations

import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from serve.files import image, zip_of

from pipeline.serve.intake.archives import is_npz, is_record3d, unpack
from pipeline.serve.intake.depth_headers import check_depth
from pipeline.serve.intake.zip_ends import check_directory, has_end
from pipeline.serve.problems import TooLargeError
from pipeline.serve.settings import Limits

EMPTY = b"PK\5\6" + bytes(18)


def entry(name: bytes = b"a") -> bytes:
    """An entry of the directory (APPNOTE.TXT, 4.3.12) of an empty file."""
    return b"PK\1\2" + struct.pack("<6H3L5H2L", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name


def end(files: int, size: int, offset: int = 0, comment: bytes = b"") -> bytes:
    return b"PK\5\6" + struct.pack("<4H2LH", 0, 0, files, files, size, offset, len(comment)) + comment


def end_64(files: int, size: int, offset: int, at: int, extra: bytes = b"") -> bytes:
    """The end in 64 bits, which lies ``at`` there, its locator, and an end in 32 bits of ones."""
    whole = b"PK\6\6" + struct.pack("<Q2H2L4Q", 44 + len(extra), 45, 45, 0, 0, files, files, size, offset) + extra
    return whole + b"PK\6\7" + struct.pack("<LQL", 0, at, 1) + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        (tmp_path / "a.zip").write_bytes(content)
        return tmp_path / "a.zip"

    return write


def test_archives_of_usual_size_are_let_in(written: Callable[[bytes], Path]) -> None:
    names = [b"%0100d" % number for number in range(20_000)]
    directory = b"".join(map(entry, names))
    for content in (
        zip_of({"a": b"x"}),
        EMPTY,
        directory + end(20_000, len(directory)),
        directory + end(20_000, len(directory), comment=b"made by a device"),
        directory + end_64(20_000, len(directory), 0, len(directory)),
        b"no archive",
        b"",
    ):
        check_directory(written(content), "a.zip")
    path = written(directory + end_64(20_000, len(directory), 0, len(directory)))
    assert zipfile.is_zipfile(path), "the end is one for readers, too"
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 20_000


@pytest.mark.parametrize(
    "content",
    [
        end(20_001, 0),
        end(1, 4_000_001),
        end(1, 0xFFFFFFFF),
        b"x" * 99 + end(20_001, 0, comment=b"c" * 65_535),
        b"x" * 99 + end_64(20_001, 0, 0, 99),
        b"x" * 99 + end_64(1, 4_000_001, 0, 99),
        b"x" * 99 + end_64(1, 4_000_001, 0, 99, extra=b"e" * 40),
        b"x" * 99 + end_64(1, 4_000_001, 0, 7),
        end(1, 0) + b"x" + end(20_001, 0) + b"PK\5\6",
    ],
)
def test_directories_that_are_too_large_are_refused(content: bytes, written: Callable[[bytes], Path]) -> None:
    with pytest.raises(TooLargeError, match=r"^a\.zip has more than 20000 files"):
        check_directory(written(content), "a.zip")


def test_every_reader_checks_the_directory_first(written: Callable[[bytes], Path], tmp_path: Path) -> None:
    directory = entry() * 400_000
    path = written(b"PK\3\4" + directory + end_64(400_000, len(directory), 4, 4 + len(directory)))
    began_s = time.monotonic()
    for read in (
        lambda: is_npz(path, "a.zip"),
        lambda: is_record3d(path, "a.zip"),
        lambda: unpack(path, tmp_path / "into", "a.zip", Limits()),
        lambda: check_depth(path, ".npz", "a.zip", Limits()),
    ):
        with pytest.raises(TooLargeError):
            read()
    assert time.monotonic() - began_s < 1


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        (zip_of({"a": b"x"}), True),
        (EMPTY, True),
        (b"GIF89a" + EMPTY, True),
        (image("PNG") + zip_of({"a": b"x"}) + bytes(100), True),
        (EMPTY + b"PK\5\6 and no end" + bytes(20), True),
        (b"x" + end_64(1, 60, 0, 1), True),
        (image("PNG"), False),
        (b"PK\5\6 by chance, with nothing before it", False),
        (EMPTY[:-1], False),
        (b"", False),
    ],
)
def test_an_end_shows_without_the_archive_being_opened(
    content: bytes, ends: bool, written: Callable[[bytes], Path]
) -> None:
    assert has_end(written(content)) is ends

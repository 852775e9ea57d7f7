from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from serve.files import zip_of

from pipeline.records.errors import InputError
from pipeline.serve.intake.archives import is_npz, is_record3d, unpack
from pipeline.serve.problems import TooLargeError, UnfitError
from pipeline.serve.settings import Limits

LIMITS = Limits(part_mb=0.01)


def unpacked(tmp_path: Path, content: bytes) -> dict[str, bytes]:
    (tmp_path / "upload").write_bytes(content)
    folder = tmp_path / "into" / "folder"
    folder.mkdir(parents=True)
    try:
        unpack(tmp_path / "upload", folder, "a.zip", LIMITS)
    finally:
        everything = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "upload"]
        assert all(path.is_relative_to(folder) for path in everything), "nothing leaves the folder"
        assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in everything}


def test_folders_are_unpacked_as_they_are(tmp_path: Path) -> None:
    content = {"scan/rgb/0.jpg": b"a", "scan/poses.txt": b"b", "scan/床.txt": b"c"}
    assert unpacked(tmp_path, zip_of(content)) == content


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "a\\..\\evil",
        "C:evil",
        "a/b/c/d/e/f/g/h/i",
        "x" * 300,
        "a\nb",
        "./..",
        "a\x1bb",
    ],
)
def test_no_file_leaves_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match=r"^a\.zip"):
        unpacked(tmp_path, zip_of({"good.txt": b"x", name: b"evil"}))


def test_links_and_locked_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitError):
        unpacked(tmp_path, zip_of({}, links={"link": "/etc/passwd"}))
    locked = bytearray(zip_of({"a": b"x"}))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UnfitError):
        unpacked(tmp_path / "second" if (tmp_path / "second").mkdir() is None else tmp_path, bytes(locked))


@pytest.mark.parametrize(
    "files", [{"a": bytes(40_001)}, {str(number): bytes(10_000) for number in range(5)}], ids=["one", "several"]
)
def test_bombs_are_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        unpacked(tmp_path, zip_of(files))


def test_very_many_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        unpacked(tmp_path, zip_of({str(number): b"" for number in range(20_001)}))


def test_a_size_that_is_a_lie_does_not_help(tmp_path: Path) -> None:
    content = bytearray(zip_of({"a": bytes(1_000_000)}))
    for start, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(start) + offset
        content[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises((TooLargeError, InputError)):
        unpacked(tmp_path, bytes(content))
    assert sum(path.stat().st_size for path in (tmp_path / "into").rglob("*") if path.is_file()) <= 10


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(InputError):
        unpacked(tmp_path, stream.getvalue())


@pytest.mark.parametrize("content", [b"PK\x03\x04", zip_of({"a": b"x" * 500})[:-30], b"PK\x03\x04" + bytes(100)])
def test_a_damaged_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        unpacked(tmp_path, content)


@pytest.mark.parametrize(
    ("files", "record3d", "npz"),
    [
        ({"metadata": b"", "rgbd/0.jpg": b""}, True, False),
        ({"depth.npy": b"", "other.npy": b""}, False, True),
        ({"scan/metadata": b"", "a.npy": b""}, False, False),
        ({}, False, False),
    ],
)
def test_recordings_and_arrays_are_told_by_their_names(
    files: dict[str, bytes], record3d: bool, npz: bool, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(zip_of(files))
    assert (is_record3d(tmp_path / "a"), is_npz(tmp_path / "a")) == (record3d, npz)

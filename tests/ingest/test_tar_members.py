from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest.tars import special, write_tar

from pipeline.ingest.tar_members import read_member, tar_members
from pipeline.records.errors import InputError

FILES = {"a.jpg": b"abc", "folder/b.json": b"x" * 512, "c.txt": b"", "d.png": b"y" * 1025}


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_stand_where_tarfile_put_them(tmp_path: Path, format: int) -> None:
    names = {**FILES, f"{'long/' * 50}{'n' * 90}.jpg": b"z", "日本.jpg": b"ja"}
    if format == tarfile.USTAR_FORMAT:
        names = FILES
    tar = write_tar(tmp_path / "a.tar", names, format)
    members = list(tar_members(tar))
    assert {member.name: read_member(tar, member) for member in members} == names
    assert all(member.problem is None for member in members)


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar")
@pytest.mark.parametrize("format", ["gnu", "ustar", "posix", "v7"])
def test_an_archive_of_gnu_tar_is_read_without_its_folders(tmp_path: Path, format: str) -> None:
    (tmp_path / "in" / "folder").mkdir(parents=True)
    for name, data in FILES.items():
        (tmp_path / "in" / name).write_bytes(data)
    subprocess.run(["tar", f"--format={format}", "-cf", tmp_path / "a.tar", "-C", tmp_path / "in", "."], check=True)
    found = {
        member.name.removeprefix("./"): read_member(tmp_path / "a.tar", member)
        for member in tar_members(tmp_path / "a.tar")
    }
    assert found == FILES


@pytest.mark.parametrize(
    "kind, said",
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.GNUTYPE_SPARSE, "a sparse file"),
    ],
)
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, kind: bytes, said: str) -> None:
    tar = write_tar(tmp_path / "a.tar", {"x": special("a.jpg", kind), "b.jpg": b"abc"})
    first, second = tar_members(tar)
    assert said in (first.problem or "") and second.problem is None and read_member(tar, second) == b"abc"


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar")
def test_a_sparse_file_in_an_extended_header_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "hole.npy").open("wb") as file:
        file.truncate(1 << 30)
    subprocess.run(["tar", "--format=posix", "-S", "-cf", tmp_path / "a.tar", "-C", tmp_path, "hole.npy"], check=True)
    (member,) = tar_members(tmp_path / "a.tar")
    assert "a sparse file" in (member.problem or "")


@pytest.mark.parametrize(
    "name", ["/etc/a.jpg", "../a.jpg", "a/../../b.jpg", "a\\b.jpg", "C:a.jpg", "a\nb.jpg", "a\x1b.jpg", "n" * 201]
)
def test_names_that_no_file_may_have_are_told(tmp_path: Path, name: str) -> None:
    (member,) = tar_members(write_tar(tmp_path / "a.tar", {name: b"abc"}, tarfile.PAX_FORMAT))
    assert "its name" in (member.problem or "")


def test_a_member_that_was_cut_off_is_told_and_a_missing_end_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tar = write_tar(tmp_path / "a.tar", {"a.jpg": b"x" * 600, "b.jpg": b"y" * 600})
    whole = tar.read_bytes()
    tar.write_bytes(whole[: 512 + 1024 + 512 + 100])
    members = tar_members(tar)
    first, second = next(members), next(members)
    with pytest.raises(InputError, match="from byte 2148 on: the archive was cut off"):
        next(members)
    assert first.problem is None and second.problem == "the archive ends after 100 of its 600 bytes; it was cut off"
    caplog.clear()
    tar.write_bytes(whole[: 2 * (512 + 1024)])
    assert len(list(tar_members(tar))) == 2 and "no mark at its end" in caplog.text
    tar.write_bytes(whole[: 512 + 700])
    with pytest.raises(InputError, match="from byte 1212 on: the archive was cut off"):
        list(tar_members(tar))
    tar.write_bytes(whole[: 512 + 1024 + 300])
    with pytest.raises(InputError, match="from byte 1536 on: truncated header"):
        list(tar_members(tar))


def test_archives_that_were_joined_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tar = write_tar(tmp_path / "a.tar", {"a.jpg": b"x"})
    assert len(list(tar_members(tar))) == 1 and not caplog.records
    tar.write_bytes(tar.read_bytes() * 2)
    assert len(list(tar_members(tar))) == 1 and "goes on after the mark of its end, at byte 1024" in caplog.text


def header(name: str = "a.jpg", size: int = 3, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "data, said",
    [
        (gzip.compress(header(), mtime=0), "compressed with gzip"),
        (b"BZh91AY&SY" + bytes(600), "compressed with bzip2"),
        (b"\xfd7zXZ\x00" + bytes(600), "compressed with xz"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "compressed with zstd"),
        (b"\xff\xd8\xff" + bytes(range(256)) * 4, "cannot be read from byte 0"),
        (b"", "empty file"),
        (header(size=-5), "its size is negative"),
        (header(size=1 << 40, kind=tarfile.GNUTYPE_LONGNAME), "is too long"),
        (header(size=1 << 40, kind=tarfile.XHDTYPE), "is too long"),
        (header(size=600, kind=tarfile.XHDTYPE) + b"17 path=a", "cut off"),
        (header(size=9, kind=tarfile.XHDTYPE) + b"nonsense!".ljust(512, b"\0"), "damaged"),
        (header(size=9, kind=tarfile.XHDTYPE) + b"99 path=a".ljust(512, b"\0"), "damaged"),
        (header(size=9, kind=tarfile.XHDTYPE) + b"0 path=ab".ljust(512, b"\0"), "damaged"),
        (header(size=10, kind=tarfile.XHDTYPE) + b"10 size=-\n".ljust(512, b"\0") + header(), "damaged"),
    ],
)  # fmt: skip
def test_what_is_no_tar_is_an_error_of_one_line(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(InputError, match=said) as refused:
        list(tar_members(tmp_path / "a.tar"))
    assert "\n" not in str(refused.value)


def test_a_huge_size_is_no_reason_to_read(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(header(size=1 << 60))
    assert "cut off" in (next(tar_members(tmp_path / "a.tar")).problem or "")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tar")
    with pytest.raises(InputError, match="pipe"):
        list(tar_members(tmp_path / "a.tar"))


@given(st.binary(max_size=3000), st.integers(0, 3000), st.integers(0, 255))
def test_no_bytes_give_anything_but_members_or_an_error_of_one_line(data: bytes, place: int, value: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        tar = write_tar(Path(folder) / "a.tar", {"a.jpg": data, "long/" * 40 + "b.jpg": b"x"}, tarfile.PAX_FORMAT)
        damaged = bytearray(tar.read_bytes())
        damaged[place % len(damaged)] = value
        tar.write_bytes(bytes(damaged))
        try:
            members = list(tar_members(tar))
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert all(member.problem or len(read_member(tar, member)) == member.size for member in members)

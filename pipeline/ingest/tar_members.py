"""The members of a tar archive, read one header at a time, without their data.

The format is that of POSIX (ustar and pax) and of GNU tar:
https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html and
https://www.gnu.org/software/tar/manual/html_node/Standard.html. Python's ``tarfile`` reads long headers whole and keeps
every member, so only its parser of one block is used here.
"""

from __future__ import annotations

import logging
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.ingest.files import existing_file, one_line, printable
from pipeline.records.errors import InputError

logger = logging.getLogger(__name__)

_BLOCK = tarfile.BLOCKSIZE
_MOST_HEADER_BYTES = 1 << 20
# GNU tar fills the last record, of this size, with zeros.
_RECORD_BYTES = tarfile.RECORDSIZE
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_PAX_RECORD = re.compile(rb"(\d{1,8}) ([^=\n]+)=")
_KINDS = {
    tarfile.LNKTYPE: "a link",
    tarfile.SYMTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


@dataclass(frozen=True)
class Member:
    """One member of an archive.

    Args:
        name: Its name, as it stands.
        start: Where its data starts in the archive [bytes].
        size: Length of the data [bytes].
        problem: Why it cannot be read; None if it can.
    """

    name: str
    start: int
    size: int
    problem: str | None = None


def tar_members(tar: Path) -> Iterator[Member]:
    """The members of an archive that are no folders, in order.

    Args:
        tar: The archive; it is not compressed, so that data can be skipped and read later.

    Raises:
        InputError: Where a header cannot be read, with its place; what follows is lost.
    """
    file = existing_file(tar, "a tar archive")
    length = file.stat().st_size
    with file.open("rb", buffering=0) as stream:
        _check_start(stream, file)
        position, extended = 0, dict[str, str]()
        while position < length:
            header = _header(stream, file, position)
            if header is None:
                _warn_about_more(stream, file, position, length)
                return
            start, size = position + _BLOCK, header.size
            if "size" in extended:
                size = _size_of(extended["size"], file, position)
            if size < 0:
                raise _broken(file, position, "its size is negative")
            position = start + -(-size // _BLOCK) * _BLOCK
            if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME):
                data = _long_header(stream, file, start, size, length)
                is_name = header.type == tarfile.GNUTYPE_LONGNAME
                extended |= {"path": _decoded(data.split(b"\0")[0])} if is_name else _records(data, file, start)
                continue
            if header.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
                continue
            name, problem = extended.get("path", header.name), _KINDS.get(header.type)
            if any(key.startswith("GNU.sparse") for key in extended):
                problem = "a sparse file"
            extended = {}
            if header.type == tarfile.DIRTYPE:
                continue
            reason = None if problem is None else f"it is {problem}, which is not read"
            if reason is None and start + size > length:
                reason = f"the archive ends after {max(0, length - start)} of its {size} bytes; it was cut off"
            yield Member(name, start, size, reason or _unsafe(name))
        if position > length:
            raise _broken(file, length, "the archive was cut off")
    logger.warning("%s has no mark at its end; it may be cut off.", file)


def read_member(tar: Path, member: Member) -> bytes:
    """The data of a member.

    Raises:
        InputError: If the archive does not hold it any more.
    """
    with tar.open("rb") as stream:
        stream.seek(member.start)
        data = stream.read(member.size)
    if len(data) < member.size:
        raise InputError(f"{tar} was cut off while it was read; run again with the whole file.")
    return data


def _check_start(stream: IO[bytes], file: Path) -> None:
    start = stream.read(6)
    for magic, name in _COMPRESSED.items():
        if start.startswith(magic):
            raise InputError(
                f"{file} is compressed with {name}; unpack it to a plain .tar, whose samples can be found."
            )


def _header(stream: IO[bytes], file: Path, position: int) -> tarfile.TarInfo | None:
    """The header at a place; None at the mark of the end."""
    stream.seek(position)
    try:
        return tarfile.TarInfo.frombuf(stream.read(_BLOCK), "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
        return None
    except (tarfile.HeaderError, ValueError, OverflowError) as error:
        raise _broken(file, position, one_line(error)) from error


def _warn_about_more(stream: IO[bytes], file: Path, position: int, length: int) -> None:
    stream.seek(position)
    if stream.read(_RECORD_BYTES).strip(b"\0") or length - position > 2 * _RECORD_BYTES:
        logger.warning("%s goes on after the mark of its end, at byte %d; that is not read.", file, position)


def _long_header(stream: IO[bytes], file: Path, start: int, size: int, length: int) -> bytes:
    if size > _MOST_HEADER_BYTES:
        raise _broken(file, start, f"a header of {size} bytes is too long")
    if start + size > length:
        raise _broken(file, start, "the archive was cut off")
    stream.seek(start)
    return stream.read(size)


def _records(data: bytes, file: Path, start: int) -> dict[str, str]:
    """The records of an extended header: their length, a blank, key=value, and a line break."""
    records, place = {}, 0
    while place < len(data) and data[place] != 0:
        match = _PAX_RECORD.match(data, place)
        if match is None or not (end := place + int(match[1])) > match.end() or end > len(data):
            raise _broken(file, start, "an extended header is damaged")
        records[_decoded(match[2])] = _decoded(data[match.end() : end - 1])
        place = end
    return records


def _size_of(text: str, file: Path, position: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise _broken(file, position, "an extended header is damaged")
    return int(text)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _unsafe(name: str) -> str | None:
    """Why no file may have the name; None if it may."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\\" in name or re.match(r"[A-Za-z]:", name):
        return "its name leads out of the archive"
    if not name.isprintable() or len(parts[-1].encode("utf-8", "replace")) > 200:
        return "its name is too long or has control characters"
    return None


def _broken(file: Path, position: int, why: str) -> InputError:
    return InputError(f"{printable(str(file))} cannot be read from byte {position} on: {why}.")

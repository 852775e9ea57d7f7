"""The end of a ZIP archive, which tells how much its directory holds before that is read.

Fields: APPNOTE.TXT of PKWARE (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), 4.3.14 to 4.3.16.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from pipeline.serve.problems import TooLargeError
from pipeline.serve.settings import MB

MOST_FILES = 20_000
"""Files of one archive."""
_MOST_DIRECTORY_BYTES = 4 * MB

# Signature, numbers of disks, entries here and in all, size and offset of the directory, length of the comment.
_END = struct.Struct("<4s4H2LH")
# Signature, disk, offset of the 64-bit end, number of disks.
_LOCATOR = struct.Struct("<4sLQL")
# Signature, size, versions, disks, entries here and in all, size and offset of the directory.
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_MARK, _LOCATOR_MARK, _END_64_MARK = b"PK\5\6", b"PK\6\7", b"PK\6\6"
_LONGEST_COMMENT = 0xFFFF
_TAIL_BYTES = _LONGEST_COMMENT + _END.size + _LOCATOR.size + _END_64.size


@dataclass(frozen=True)
class Directory:
    """What the end of an archive says about its directory.

    Args:
        files: Number of entries.
        size: In bytes.
    """

    files: int
    size: int


def check_directory(path: Path, name: str) -> None:
    """Check an archive before its directory is read.

    Args:
        path: The archive; one without an end is left to its reader.
        name: What to call it.

    Raises:
        TooLargeError: If it has more than 20000 files, or a directory of more than 4 MB.
    """
    if any(each.files > MOST_FILES or each.size > _MOST_DIRECTORY_BYTES for each in _directories(path)):
        raise TooLargeError(f"{name} has more than {MOST_FILES} files; send a shorter recording.")


def has_end(path: Path) -> bool:
    """Whether a file ends as an archive, whatever it begins with; it need not have entries."""
    size, tail = _tail(path)
    start, at = size - len(tail), tail.find(_END_MARK)
    while 0 <= at <= len(tail) - _END.size:
        *_, directory_size, offset, _ = _END.unpack_from(tail, at)
        is_64 = tail[max(at - _LOCATOR.size, 0) : at].startswith(_LOCATOR_MARK)
        # Four bytes may be there by chance; a directory before them may not.
        if is_64 or directory_size + offset <= start + at:
            return True
        at = tail.find(_END_MARK, at + 1)
    return False


def _directories(path: Path) -> list[Directory]:
    """All that the last end says, in 32 and in 64 bits; readers differ in what they believe."""
    size, tail = _tail(path)
    at = tail.rfind(_END_MARK, 0, max(len(tail) - _END.size + len(_END_MARK), 0))
    if at < 0:
        return []
    _, _, _, _, files, directory_size, _, _ = _END.unpack_from(tail, at)
    found = []
    if at >= _LOCATOR.size and tail.startswith(_LOCATOR_MARK, at - _LOCATOR.size):
        _, _, offset, _ = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
        with path.open("rb") as stream:
            for place in (size - len(tail) + at - _LOCATOR.size - _END_64.size, offset):
                if 0 <= place <= size - _END_64.size:
                    stream.seek(place)
                    mark, *_, files_64, size_64, _ = _END_64.unpack(stream.read(_END_64.size))
                    found += [Directory(files_64, size_64)] if mark == _END_64_MARK else []
    # Of these, the fields in 32 bits that are too small hold ones.
    if found and directory_size == 0xFFFFFFFF:
        directory_size = 0
    if found and files == 0xFFFF:
        files = 0
    return [*found, Directory(files, directory_size)]


def _tail(path: Path) -> tuple[int, bytes]:
    """The size of a file, and its last bytes, in which the end of an archive lies."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(size - _TAIL_BYTES, 0))
        return size, stream.read(_TAIL_BYTES)

"""Exports of devices in ZIP archives: recordings of Record3D as they are, folders unpacked within limits."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from pipeline.ingest.files import decoding
from pipeline.serve.problems import TooLargeError, UnfitError
from pipeline.serve.settings import MB, Limits

_MOST_FILES = 20_000
_DEEPEST = 8
_LONGEST_PART = 200
# Images and films, which fill exports, do not compress; texts do, and are small.
_MOST_GROWTH = 4


def is_record3d(path: Path) -> bool:
    """Whether an archive is a recording of Record3D, which is read without being unpacked."""
    with decoding(path, "an archive"), zipfile.ZipFile(path) as archive:
        return "metadata" in archive.NameToInfo and any(name.startswith("rgbd/") for name in archive.NameToInfo)


def is_npz(path: Path) -> bool:
    """Whether an archive holds arrays of NumPy and nothing else."""
    with decoding(path, "an archive"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        return bool(names) and all(name.endswith(".npy") for name in names)


def unpack(path: Path, folder: Path, name: str, limits: Limits) -> None:
    """Unpack an archive into an empty folder.

    Args:
        path: The archive.
        folder: Where its files go; nothing is written elsewhere.
        name: What to call the archive.
        limits: ``part_mb`` counts; unpacked, four times as much is allowed.

    Raises:
        UnfitError: If a file of it would lie elsewhere, is a link or is encrypted.
        TooLargeError: If it has too many files, or too large ones.
        InputError: If it is damaged.
    """
    most_bytes = int(_MOST_GROWTH * limits.part_mb * MB)
    with decoding(path, "an archive"), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        # Of a file, zipfile reads no more bytes than its header states.
        if len(members) > _MOST_FILES or sum(member.file_size for member in members) > most_bytes:
            raise _too_large(name, most_bytes)
        for member in members:
            target = folder.joinpath(*_parts(member, name))
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as packed, target.open("xb") as unpacked:
                shutil.copyfileobj(packed, unpacked)


def _too_large(name: str, most_bytes: int) -> TooLargeError:
    most = f"{_MOST_FILES} files or {most_bytes / MB:g} MB"
    return TooLargeError(f"{name} has more than {most} when it is unpacked; send a shorter recording.")


def _parts(member: zipfile.ZipInfo, name: str) -> tuple[str, ...]:
    """The folders and the name of a file of an archive."""
    text = member.filename
    parts = PurePosixPath(text).parts
    mode = stat.S_IFMT(member.external_attr >> 16)
    is_plain = (
        not text.startswith("/")
        and not {"\\", "\0", ":"} & set(text)
        and 0 < len(parts) <= _DEEPEST
        and all(part not in ("..", ".") and part.isprintable() for part in parts)
        and all(len(part.encode()) <= _LONGEST_PART for part in parts)
        and mode in (0, stat.S_IFREG)
        and not member.flag_bits & 1
    )
    if not is_plain:
        raise UnfitError(f"{name} has a file that leads out of it, is a link or is encrypted; pack the export again.")
    return parts

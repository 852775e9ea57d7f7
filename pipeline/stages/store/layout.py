"""Where the files of a cache lie, and what belongs to it.

``cache_dir/v2/STAGE/IDENTITY/D/IGEST`` is one output: IDENTITY is the hash of what made it (backend, model, revision,
settings), D and IGEST that of everything its content depends on. ``v2`` is the version of the format: what other
versions wrote is never read. Its file ``CACHEDIR.TAG`` (https://bford.info/cachedir) marks it as a cache; backup
programs leave such folders out.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

FORMAT = "v2"
MARKER = "CACHEDIR.TAG"
INDEX = "index.sqlite"
_MARK = b"Signature: 8a477f597d28d172789f06886806bc55\n# Cache of stage outputs, made by Theodolite.\n"
# Disks store whole blocks: a record of 300 bytes takes one.
_BLOCK_BYTES = 4096
# A write takes milliseconds; a temporary file this old was left by a process that was killed.
STALE_S = 3600.0

_STAGE = re.compile(r"[a-z][a-z_]{0,31}")
_IDENTITY = re.compile(r"[0-9a-f]{16}")
# A sixteenth of the outputs: folders of a million files are slow on network drives.
_SHARD = re.compile(r"[0-9a-f]")
_REST = re.compile(r"[0-9a-f]{63}")
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.[0-9a-f]+\.tmp")
# Version 1 had neither a folder of its own nor checksums.
_OLD_STAGES = ("depth", "ocr", "segment", "vlm")
_OLD_FILE = re.compile(r"[0-9a-f]{64}\.(json|npz)")


class Name(NamedTuple):
    """What a stored output is called.

    Args:
        stage: The stage that made it: lower-case letters and underscores.
        identity: 16 hexadecimal digits of the hash of what made it.
        digest: SHA-256 of stage, identity and all other parts of the key, as 64 hexadecimal digits.
    """

    stage: str
    identity: str
    digest: str

    @property
    def path(self) -> str:
        """Path of its file below the folder of the format."""
        return f"{self.stage}/{self.identity}/{self.digest[0]}/{self.digest[1:]}"

    @property
    def is_possible(self) -> bool:
        """Whether the parts look as they must; others name no file of the cache."""
        return bool(
            _STAGE.fullmatch(self.stage)
            and _IDENTITY.fullmatch(self.identity)
            and _SHARD.fullmatch(self.digest[:1])
            and _REST.fullmatch(self.digest[1:])
        )


class Found(NamedTuple):
    """A file of a cache as found on disk.

    Args:
        name: Its name; None of a temporary file.
        path: Its path.
        size_bytes: What it takes on disk.
        modified_s: When it was written or last used, within an hour [s since 1970].
    """

    name: Name | None
    path: str
    size_bytes: int
    modified_s: float


def name_of(stage: str, parts: tuple[str, ...]) -> Name:
    """The name of the output with a key.

    Args:
        stage: The stage that makes it.
        parts: What its content depends on; the first is the identity of what made it.

    Raises:
        ValueError: If the stage has another name than lower-case letters and underscores; nothing would find its files.
    """
    if not _STAGE.fullmatch(stage):
        raise ValueError(f"{stage!r} cannot name a folder of the cache; use lower-case letters and underscores.")
    whole = hashlib.sha256()
    for part in (stage, *parts):
        encoded = part.encode("utf-8", "surrogatepass")
        # With the lengths, no part can pass for the start of the next one.
        whole.update(len(encoded).to_bytes(8, "little") + encoded)
    return Name(stage, identity_of(parts[0]), whole.hexdigest())


@lru_cache(maxsize=64)
def identity_of(identity: str) -> str:
    """The part of a name that stands for an identity."""
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def on_disk(size_bytes: int) -> int:
    """What a file of this size takes on disk [bytes]: whole blocks of 4 KiB."""
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


def make_folder(root: Path, folder: str) -> None:
    """Make a folder below the folder of the format, and mark the latter as a cache.

    Raises:
        OSError: If it cannot be made.
    """
    os.makedirs(folder, exist_ok=True)
    with suppress(FileExistsError), open(root / MARKER, "xb") as file:
        file.write(_MARK)


def is_cache(root: Path) -> bool:
    """Whether the folder of the format is marked as a cache of this program."""
    marker = root / MARKER
    try:
        is_own = not root.is_symlink() and stat.S_ISREG(marker.lstat().st_mode)
        return is_own and marker.read_bytes()[: len(_MARK)] == _MARK
    except OSError:
        return False


def remove(root: Path, name: Name) -> bool:
    """Remove the file of an output, unless a link on the way leads out of the cache.

    Returns:
        Whether it is gone.
    """
    if not name.is_possible:
        return False
    *folders, _ = name.path.split("/")
    path = str(root)
    try:
        for folder in ("", *folders):
            path = f"{path}/{folder}" if folder else path
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                return False
        os.unlink(root / name.path)
    except FileNotFoundError:
        return True
    except OSError as error:
        logger.debug("%s stays in the cache: %s", root / name.path, error)
        return False
    return True


def walk(root: Path) -> Iterator[Found]:
    """Every file of the cache. Links and files with other names are no part of it.

    Args:
        root: The folder of the format; it need not exist.
    """
    for stage in _stages(root):
        for identity in _folders(stage.path, _IDENTITY):
            for shard in _folders(identity.path, _SHARD):
                for entry in _entries(shard.path):
                    is_output = _REST.fullmatch(entry.name) is not None
                    if not (is_output or _TEMPORARY.fullmatch(entry.name)):
                        continue
                    # Another process may have removed the file.
                    with suppress(OSError):
                        state = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(state.st_mode):
                            name = Name(stage.name, identity.name, shard.name + entry.name) if is_output else None
                            yield Found(name, entry.path, on_disk(state.st_size), state.st_mtime)


def walk_old(folder: Path) -> Iterator[Found]:
    """Every file that version 1 of the format left in a cache; nothing reads them.

    Args:
        folder: The cache; it need not exist.
    """
    for stage in _OLD_STAGES:
        for parent in _folders(f"{folder}/{stage}", _IDENTITY) if not os.path.islink(f"{folder}/{stage}") else ():
            for entry in _entries(parent.path):
                with suppress(OSError):
                    state = entry.stat(follow_symlinks=False)
                    if _OLD_FILE.fullmatch(entry.name) and stat.S_ISREG(state.st_mode):
                        yield Found(None, entry.path, on_disk(state.st_size), state.st_mtime)


def is_stale(found: Found) -> bool:
    """Whether a temporary file was left behind."""
    return found.name is None and time.time() - found.modified_s > STALE_S


def remove_empty_folders(root: Path) -> None:
    """Remove folders of the cache without any file; a process that is about to write into one makes it again."""
    for stage in _stages(root):
        for identity in _folders(stage.path, _IDENTITY):
            for empty in (*(shard.path for shard in _folders(identity.path, _SHARD)), identity.path):
                with suppress(OSError):
                    os.rmdir(empty)
        with suppress(OSError):
            os.rmdir(stage.path)


def has_output(root: Path, stage: str, identity: str) -> bool:
    """Whether any output of a stage with this identity is stored."""
    shards = _folders(str(root / stage / identity), _SHARD)
    return any(_REST.fullmatch(entry.name) for shard in shards for entry in _entries(shard.path))


def _stages(root: Path) -> list[os.DirEntry[str]]:
    return [] if root.is_symlink() else _folders(str(root), _STAGE)


def _folders(parent: str, pattern: re.Pattern[str]) -> list[os.DirEntry[str]]:
    return [entry for entry in _entries(parent) if pattern.fullmatch(entry.name) and _is_folder(entry)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []

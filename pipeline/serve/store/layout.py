"""Where the files of the store lie."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.export.files import locked
from pipeline.records.errors import ConfigError

BLOCK_BYTES = 4096
"""Files take whole blocks of this size on most file systems."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Names that the store gives: ids, and digests of scenes.
_OWN = re.compile(r"[A-Za-z0-9_-]{22}|[0-9a-f]{40}")
_OWNER_ONLY = 0o700


def new_id() -> str:
    """A random id that nobody can guess: 128 bits in 22 characters."""
    return secrets.token_urlsafe(16)


def is_id(text: object) -> bool:
    """Whether a text may be an id, of this store or of jobs that others named."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def is_own(name: str) -> bool:
    """Whether the store may have given a file or folder that name."""
    return _OWN.fullmatch(name) is not None


class Layout:
    """Paths below the store's folder; ids and digests are the only names in them.

    Args:
        folder: The folder; it is made if needed.

    Raises:
        ConfigError: If it cannot be made or kept from other users.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = folder / "index.sqlite"
        self.uploads, self.results, self.scenes = (folder / name for name in ("uploads", "results", "scenes"))
        self.artefacts = folder / "artefacts"
        self.assets = folder / "assets"
        try:
            folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
            if folder.stat().st_mode & 0o777 != _OWNER_ONLY:
                folder.chmod(_OWNER_ONLY)
            for each in (self.uploads, self.results, self.scenes, self.artefacts):
                each.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        except OSError as error:
            raise unusable(folder, error) from error

    def upload(self, upload_id: str) -> Path:
        """The file of an upload."""
        return self.uploads / upload_id

    def result(self, result_id: str) -> Path:
        """The JSON form of a result."""
        return self.results / f"{result_id}.json"

    def scene(self, digest: str) -> Path:
        """A stored scene."""
        return self.scenes / f"{digest}.zip"

    def artefacts_of(self, result_id: str) -> Path:
        """The folder of a result's artefacts; it may not exist."""
        return self.artefacts / result_id

    def remove_artefacts(self, result_id: str) -> None:
        """Remove the artefacts of a result; whoever looks sees all of them or none."""
        folder, hidden = self.artefacts_of(result_id), self.artefacts / f".gone-{secrets.token_hex(8)}"
        with suppress(OSError):
            os.rename(folder, hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def bytes_below(folder: Path) -> int:
    """Bytes of a folder's files on disk, in whole blocks; those being made, whose names begin with a dot, do not count.

    A folder that does not exist has none.
    """
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    total += BLOCK_BYTES + bytes_below(Path(entry.path))
                else:
                    total += -(-entry.stat(follow_symlinks=False).st_size // BLOCK_BYTES) * BLOCK_BYTES
    except OSError:
        return total
    return total


@contextmanager
def only_server(folder: Path) -> Iterator[None]:
    """Keep other servers out of a folder while the block runs.

    Raises:
        ConfigError: If another server uses it, or it cannot be written.
    """
    try:
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise unusable(folder, error) from error
    with file, locked(file.fileno(), wait=False) as is_ours:
        if not is_ours:
            raise in_use(folder)
        yield


def in_use(folder: Path) -> ConfigError:
    """The error of a folder that another server uses."""
    return ConfigError(f"Another server uses {folder}; stop it, or set serve.store.folder to another folder.")


def unusable(folder: Path, error: Exception) -> ConfigError:
    """The error of a folder that cannot be used, with its cause."""
    cause = error.strerror if isinstance(error, OSError) and error.strerror else error
    return ConfigError(f"The folder {folder} cannot be used: {cause}; set serve.store.folder to another one.")

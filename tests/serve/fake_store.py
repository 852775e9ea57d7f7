"""A store in a folder that keeps uploads only."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

from pipeline.serve.records import Upload


class FakeStore:
    """Takes uploads; ``uploads`` holds those that were finished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uploads: dict[str, Upload] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._count = 0

    def new_upload(self, client: str = "") -> Any:
        self._count += 1
        return _Incoming(self, f"upload{self._count}")

    def put(self, name: str, content: bytes) -> Upload:
        """An upload of these bytes."""
        with self.new_upload() as incoming:
            incoming.write(content)
            return incoming.finish(name)

    @property
    def files(self) -> list[Path]:
        """Everything on the disk."""
        return list(self.folder.iterdir())


class _Incoming:
    def __init__(self, store: FakeStore, id: str) -> None:
        self._store, self._id = store, id
        self._path, self._done = store.folder / f"{id}.part", False

    def __enter__(self) -> _Incoming:
        self._file = self._path.open("xb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def finish(self, name: str) -> Upload:
        self._file.close()
        path = self._path.rename(self._store.folder / self._id)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        upload = Upload(self._id, path, name, "application/octet-stream", digest, len(content), time.time())
        self._store.uploads[self._id] = upload
        return upload

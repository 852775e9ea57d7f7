"""An upload while it comes in."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from types import TracebackType

from pipeline.export.files import write_errors
from pipeline.export.text import one_line
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import Upload
from pipeline.serve.store.layout import Layout, new_id
from pipeline.serve.store.media_types import HEAD_BYTES, media_type
from pipeline.serve.store.shares import Shares

_LONGEST_NAME = 200


class Incoming:
    """Takes the bytes of an upload; left without ``finish``, nothing of it stays.

    Args:
        layout: Where files lie.
        add: Adds the finished upload to the index.
        owner: The client that sends it.
        shares: Counts it for the client's share; None for no bounds.
    """

    def __init__(
        self, layout: Layout, add: Callable[[Upload], None], owner: str = "", shares: Shares | None = None
    ) -> None:
        self.id = new_id()
        self.size = 0
        self._path = layout.upload(self.id)
        # Named as other temporary files, which the next start removes if this process is killed.
        self._temporary = self._path.with_name(f".{self.id}.{os.getpid()}.part")
        self._add = add
        self._owner, self._shares, self._taken = owner, shares, 0
        self._head = b""
        self._digest = hashlib.sha256()

    def __enter__(self) -> Incoming:
        """Open the file.

        Raises:
            ExportError: If it cannot be made.
        """
        with write_errors(self._temporary):
            self._file = self._temporary.open("xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not finished."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)
        self._give_back()

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            TooLargeError: If the file is larger than the share of a client.
            BusyError: If all files that the client sends at the moment are.
            ExportError: If they cannot be written.
        """
        if self._shares is not None:
            self._shares.take(self._owner, len(data), self.size)
            self._taken += len(data)
        with write_errors(self._temporary):
            self._file.write(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self._digest.update(data)
        self.size += len(data)

    def finish(self, name: str) -> Upload:
        """Keep the upload.

        Args:
            name: The client's name for it; folders in it are left out.

        Returns:
            The upload, its media type recognised by its content.

        Raises:
            UnfitError: If it is empty.
            ExportError: If it cannot be written.
        """
        shown = display_name(name)
        if not self.size:
            raise UnfitError(f"The file {shown} is empty; choose another one.")
        with write_errors(self._path):
            self._file.close()
            os.replace(self._temporary, self._path)
        kind = media_type(self._head)
        upload = Upload(self.id, self._path, shown, kind, self._digest.hexdigest(), self.size, time.time(), self._owner)
        try:
            if self._shares is not None:
                self._shares.settle(self._owner)
            self._add(upload)
        except BaseException:
            self._path.unlink(missing_ok=True)
            raise
        self._give_back()
        return upload

    def _give_back(self) -> None:
        if self._shares is not None:
            self._shares.give_back(self._owner, self._taken)
            self._taken = 0


def display_name(name: str) -> str:
    r"""A client's name for a file without folders and control characters, for display only.

    >>> display_name("C:\\photos\\a b.jpg"), display_name("../../etc/passwd"), display_name("..")
    ('a b.jpg', 'passwd', 'file')
    """
    last = one_line(re.split(r"[/\\]", name)[-1]).encode("utf-8", "replace").decode()
    return last[:_LONGEST_NAME] if last.strip(". ") else "file"

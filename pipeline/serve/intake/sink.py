"""A file that is being received: counted, recognised and written to the store bit by bit."""

from __future__ import annotations

from typing import Protocol

from pipeline.serve.intake.kinds import HEAD_BYTES, KINDS, kind_of
from pipeline.serve.intake.names import clean_name
from pipeline.serve.problems import TooLargeError, UnfitError, UnsupportedError
from pipeline.serve.records import Upload
from pipeline.serve.settings import MB, Limits

_NAMES = list(dict.fromkeys(name for kind in KINDS for name in kind.names))
READ = f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]}"
"""The kinds of files that are read, for people."""


class Incoming(Protocol):
    """A file of the store that is being written."""

    def write(self, data: bytes) -> object:
        """Append bytes."""

    def finish(self, name: str) -> Upload:
        """Keep the file."""


class Sink:
    """Writes one file into the store, within the limits.

    Args:
        incoming: Where it goes.
        name: The client's name for it.
        limits: ``part_mb`` counts.
    """

    def __init__(self, incoming: Incoming, name: str, limits: Limits) -> None:
        self.name = clean_name(name)
        self._incoming = incoming
        self._most_bytes = int(limits.part_mb * MB)
        self._size = 0
        self._head = b""

    def check_size(self, more: int) -> None:
        """Check that so many bytes may follow, before they are decoded.

        Raises:
            TooLargeError: If not.
        """
        if self._size + more > self._most_bytes:
            raise TooLargeError(f"{self.name} is larger than {self._most_bytes / MB:g} MB; send a smaller file.")

    def write(self, data: bytes) -> None:
        """Write bytes.

        Raises:
            TooLargeError: If the file is larger than allowed.
            UnsupportedError: If its first bytes are those of no file that is read.
        """
        self.check_size(len(data))
        was_known = len(self._head) == HEAD_BYTES
        self._head += data[: HEAD_BYTES - len(self._head)]
        if not was_known and len(self._head) == HEAD_BYTES:
            self._check_kind()
        self._size += len(data)
        self._incoming.write(data)

    def check(self) -> None:
        """Check that the file, now whole, can be kept.

        Raises:
            UnfitError: If it is empty.
            UnsupportedError: As ``write``.
        """
        if not self._size:
            raise UnfitError(f"{self.name} is an empty file; send it again.")
        self._check_kind()

    def finish(self) -> Upload:
        """Keep the file; of several that belong together, all are checked before."""
        return self._incoming.finish(self.name)

    def _check_kind(self) -> None:
        if kind_of(self._head) is None:
            raise UnsupportedError(f"{self.name} is not of a supported type; send {READ}.")

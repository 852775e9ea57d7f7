"""What the uploads of one client may take of the store, so that it leaves room for others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from pipeline.serve.problems import BusyError, TooLargeError
from pipeline.serve.settings import MB

# After so many bytes of a file, finished uploads make room for those that come in.
_STEP_BYTES = 8 * MB


class Shares:
    """Counts the bytes that come in, by client; they count for its share before they are finished.

    Args:
        most_bytes: The share of one client.
        make_room: Deletes the oldest finished uploads of a client until they take no more than so many bytes.
    """

    def __init__(self, most_bytes: float, make_room: Callable[[str, float], object]) -> None:
        self._most_bytes = most_bytes
        self._make_room = make_room
        self._coming: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, owner: str, more: int, size: int) -> None:
        """Count bytes that come in.

        Args:
            owner: The client; an empty one has no bounds.
            more: How many.
            size: Those of the same file before.

        Raises:
            TooLargeError: If the file alone is larger than the share.
            BusyError: If all files that come in are.
        """
        if not owner:
            return
        if size + more > self._most_bytes:
            raise TooLargeError(
                f"The file is larger than what one client may store, {self._most_bytes / MB:g} MB; send a smaller one."
            )
        with self._lock:
            if self._coming[owner] + more > self._most_bytes:
                raise BusyError("This client uploads too much at once; send it again when other files have come in.")
            self._coming[owner] += more
        if size // _STEP_BYTES != (size + more) // _STEP_BYTES:
            self.settle(owner)

    def give_back(self, owner: str, size: int) -> None:
        """Count bytes no longer, because their file is finished or given up."""
        with self._lock:
            self._coming[owner] -= size
            if self._coming[owner] <= 0:
                del self._coming[owner]

    def settle(self, owner: str) -> None:
        """Let finished uploads of a client make room for those that come in."""
        if owner:
            with self._lock:
                coming = self._coming[owner]
            self._make_room(owner, self._most_bytes - coming)

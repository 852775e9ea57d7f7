"""What follows an answer while a model writes it, and may stop it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

Parts = TypeVar("Parts")

# Text arrives no more often than this [s]; decoding all tokens for each new one would cost more than it.
_INTERVAL_S = 0.05
# A character whose bytes are not complete yet.
_INCOMPLETE = "�"


class Listener(Protocol):
    """What follows an answer while a model writes it; called from the model's thread, it returns at once."""

    def on_text(self, text: str) -> None:
        """Receive the answer so far, from its beginning."""

    @property
    def is_stopped(self) -> bool:
        """Whether nobody waits for the answer any more."""
        ...


class SharedListener:
    """Several listeners of one answer, which ends early only if all of them are stopped.

    Args:
        listeners: The listeners.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def on_text(self, text: str) -> None:
        """Receive the answer so far."""
        for listener in self._listeners:
            listener.on_text(text)

    @property
    def is_stopped(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return all(listener.is_stopped for listener in self._listeners)


def shared(listeners: Sequence[Listener | None]) -> Listener | None:
    """One listener for several; None if somebody waits for the answer without listening.

    >>> shared([None, None]) is None
    True
    """
    known = [listener for listener in listeners if listener is not None]
    if len(known) == 1 == len(listeners):
        return known[0]
    if not known:
        return None
    return SharedListener(known if len(known) == len(listeners) else [*known, _Waiting()])


def quiet(listener: Listener | None) -> Listener | None:
    """A listener that is told nothing, but may stop the answer as the given one; None for None."""
    return None if listener is None else _Quiet(listener)


class _Quiet:
    """Stops as another listener.

    Args:
        listener: The other one.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def on_text(self, text: str) -> None:
        """Ignore it."""

    @property
    def is_stopped(self) -> bool:
        """Whether the other one is."""
        return self._listener.is_stopped


class _Waiting:
    """Waits for an answer to its end."""

    is_stopped = False

    def on_text(self, text: str) -> None:
        """Ignore it."""


class Feed(Generic[Parts]):
    """Gives a listener the text of an answer as it comes, a few times a second.

    Args:
        listener: The listener.
        text_of: The text of the answer's parts: tokens, or events of a stream.
        opening: Text before the first part.
        now_s: Clock [s].
    """

    def __init__(
        self,
        listener: Listener,
        text_of: Callable[[Parts], str],
        opening: str = "",
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener, self._text_of, self._opening, self._now_s = listener, text_of, opening, now_s
        self._next_s = -float("inf")

    def goes_on(self, parts: Parts) -> bool:
        """Pass the text on where it is time; whether somebody still waits for more."""
        if (now := self._now_s()) >= self._next_s:
            self._next_s = now + _INTERVAL_S
            self._listener.on_text(self._opening + self._text_of(parts).rstrip(_INCOMPLETE))
        return not self._listener.is_stopped

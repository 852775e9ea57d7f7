"""Work that is done ahead, with its outcomes in the order of its items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def in_order(submit: Callable[[Item], Future[Value]], items: Iterable[Item], most: int) -> Iterator[Value]:
    """The outcomes of items in their order, while the next ones are worked on.

    Args:
        submit: Begins the work on an item.
        items: The items; taken from one thread, as they are needed.
        most: How many may be begun and not yet taken.

    Yields:
        One outcome per item.

    Raises:
        Exception: Whatever the work on an item raised, in its turn; what has not begun by then is dropped.
    """
    begun: deque[Future[Value]] = deque()
    try:
        for item in items:
            begun.append(submit(item))
            while begun and (len(begun) >= most or begun[0].done()):
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()

"""A queue in which clients take turns."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items of several clients: each client has one served in turn, its own in the order in which they came.

    Not safe for several threads at once.

    >>> queue = FairQueue[str]()
    >>> for client, item in ("a", "a1"), ("a", "a2"), ("b", "b1"):
    ...     queue.push(client, item)
    >>> list(queue)
    ['a1', 'b1', 'a2']
    """

    def __init__(self) -> None:
        # The clients in the order of their turns.
        self._clients: OrderedDict[str, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def __iter__(self) -> Iterator[Item]:
        """The items in the order in which they would be served."""
        for turn in range(max(map(len, self._clients.values()), default=0)):
            yield from [items[turn] for items in self._clients.values() if turn < len(items)]

    def count(self, client: str) -> int:
        """Number of items of a client."""
        return len(self._clients.get(client, ()))

    def push(self, client: str, item: Item) -> None:
        """Add an item of a client."""
        self._clients.setdefault(client, deque()).append(item)

    def pop(self) -> Item:
        """Take the next item out; its client's turn comes again after all others.

        Raises:
            IndexError: If there is none.
        """
        if not self._clients:
            raise IndexError("the queue is empty")
        client, items = self._clients.popitem(last=False)
        item = items.popleft()
        if items:
            self._clients[client] = items
        return item

    def remove(self, client: str, item: Item) -> bool:
        """Take an item out, wherever it stands; whether it was there."""
        items = self._clients.get(client, deque())
        if item not in items:
            return False
        items.remove(item)
        if not items:
            del self._clients[client]
        return True

    def take(self, client: str, item: Item) -> None:
        """Take an item out as served: its client's turn comes again after all others."""
        if self.remove(client, item) and client in self._clients:
            self._clients.move_to_end(client)

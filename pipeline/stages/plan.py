"""Which items of a source a run takes, and what it does with results of an earlier configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.ingest.item import BadItem, Item
from pipeline.records import Result
from pipeline.records.errors import InputError
from pipeline.records.settings import SettingError, shown

_SHARD = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})\Z")


@dataclass(frozen=True)
class Shard:
    """Every ``count``-th item, from the ``number``-th on, counted from one."""

    number: int = 1
    count: int = 1

    def holds(self, index: int) -> bool:
        """Whether the item at an index, counted from zero, belongs to it."""
        return index % self.count == self.number - 1

    def size(self, total: int) -> int:
        """Number of its items among so many."""
        return max(0, (total - self.number) // self.count + 1)


@dataclass(frozen=True)
class RunPlan:
    """What a run does besides the stages' work.

    Args:
        shard: The part of the items that it takes.
        only: Ids of the items that it takes; None takes all.
        needs_all: Whether an id in ``only`` that no item has is an error.
        configuration: Digest of the configuration, which results name; None names none.
        earlier: An earlier result of an item and question whose answer is judged again instead of asking.
        command: The command that runs one item alone, for its failure.
    """

    shard: Shard = Shard()
    only: frozenset[str] | None = None
    needs_all: bool = True
    configuration: str | None = None
    earlier: Callable[[str, str | None], Result | None] = lambda item_id, question: None
    command: Callable[[str], str | None] = lambda item_id: None

    def items(self, items: Iterable[Item | BadItem]) -> Iterator[Item | BadItem]:
        """Those of a source's items that the run takes; stops once ``only`` is complete.

        Raises:
            InputError: If ``only`` names an item that is not there.
        """
        missing = set(self.only or ())
        for index, item in enumerate(items):
            if not self.shard.holds(index) or (self.only is not None and item.id not in self.only):
                continue
            missing.discard(item.id)
            yield item
            if self.only is not None and not missing:
                return
        if missing and self.needs_all:
            raise InputError(f"The input has no item {min(missing)!r}, which only= names; use the ids of its items.")

    def total(self, items: int | None) -> int | None:
        """Number of items that the run takes of so many; None if that is unknown."""
        if self.only is not None:
            return len(self.only)
        return None if items is None else self.shard.size(items)


def parse_shard(value: Any) -> Shard:
    """The shard of a setting: ``i/n`` with 1 <= i <= n, or None for all items.

    Raises:
        SettingError: If it is something else.
    """
    if value is None:
        return Shard()
    match = _SHARD.match(value) if isinstance(value, str) else None
    if match is None or int(match[1]) > int(match[2]):
        raise SettingError("shard", f"must be i/n with i from 1 to n, such as 2/8, not {shown(value)}.")
    return Shard(int(match[1]), int(match[2]))


def parse_only(value: Any) -> frozenset[str] | None:
    """The ids of a setting: one id or a list of them, or None for all items.

    Raises:
        SettingError: If it is something else.
    """
    if value is None:
        return None
    ids = value if isinstance(value, list | tuple) else [value]
    if not ids or not all(isinstance(one, str | int) and not isinstance(one, bool) and str(one) for one in ids):
        raise SettingError("only", f"must be a list of item ids, or null, not {shown(value)}.")
    return frozenset(map(str, ids))

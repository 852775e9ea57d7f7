"""A queue in which clients take turns."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serve.engine.fair_queue import FairQueue


def filled(names: str) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue()
    counts: Counter[str] = Counter()
    for client in names:
        counts[client] += 1
        queue.push(client, f"{client}{counts[client]}")
    return queue


def drained(queue: FairQueue[str]) -> list[str]:
    return [queue.pop() for _ in range(len(queue))]


@pytest.mark.parametrize(
    "pushed, served",
    [
        ("", ""),
        ("aaa", "a1 a2 a3"),
        ("aaabc", "a1 b1 c1 a2 a3"),
        ("abab", "a1 b1 a2 b2"),
        ("aabbbc", "a1 b1 c1 a2 b2 b3"),
    ],
)
def test_clients_take_turns_and_the_order_is_known_before(pushed: str, served: str) -> None:
    queue = filled(pushed)
    assert list(queue) == served.split()
    assert drained(queue) == served.split()
    with pytest.raises(IndexError):
        queue.pop()


def test_who_was_served_comes_after_those_who_came_meanwhile() -> None:
    queue = filled("aab")
    assert queue.pop() == "a1"
    queue.push("c", "c1")
    assert drained(queue) == ["b1", "a2", "c1"]


def test_each_clients_items_are_counted() -> None:
    queue = filled("aab")
    assert [queue.count(client) for client in "abc"] == [2, 1, 0]


def test_what_is_removed_is_not_served_and_what_is_taken_costs_the_turn() -> None:
    queue = filled("aabb")
    assert queue.remove("a", "a1") and not queue.remove("a", "a1") and not queue.remove("z", "z1")
    assert list(queue) == ["a2", "b1", "b2"]
    queue = filled("aabb")
    queue.take("a", "a1")
    assert list(queue) == ["b1", "a2", "b2"]
    assert len(queue) == 3


@given(st.text("abcd", max_size=30))
def test_no_client_is_served_twice_while_another_waits_that_was_not(pushed: str) -> None:
    served = drained(filled(pushed))
    totals, counts = Counter(pushed), defaultdict(int)
    for item in served:
        counts[item[0]] += 1
        for client, total in totals.items():
            assert counts[client] >= min(counts[item[0]] - 1, total)
    assert counts == totals

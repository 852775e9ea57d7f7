from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pipeline.batch.in_order import in_order


def test_outcomes_come_in_the_order_of_items_whatever_ends_first() -> None:
    gate = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert gate.wait(10)
        else:
            gate.set()
        return number * 10

    with ThreadPoolExecutor(2) as threads:
        assert list(in_order(lambda number: threads.submit(work, number), range(5), 2)) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_items_are_taken_than_may_be_begun(most: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    def begin(number: int) -> Future[int]:
        future: Future[int] = Future()
        # Only the last of those begun ends, as none before it can be waited for.
        threading.Timer(0.01, future.set_result, [number]).start()
        return future

    for number in in_order(begin, items(), most):
        assert len(taken) - number <= most


def test_an_error_comes_in_its_turn_and_drops_what_has_not_begun() -> None:
    futures: list[Future[int]] = [Future() for _ in range(4)]
    # It ends when the others have begun.
    threading.Timer(0.05, futures[0].set_result, [0]).start()
    futures[1].set_exception(ZeroDivisionError())
    outcomes = in_order(lambda number: futures[number], range(4), 4)
    assert next(outcomes) == 0
    with pytest.raises(ZeroDivisionError):
        next(outcomes)
    assert all(future.cancelled() for future in futures[2:])

"""Threads that run calls in their order."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.serve.engine.threads import Threads


def test_one_thread_runs_calls_in_their_order_and_never_two_at_once() -> None:
    threads = Threads(1, "test")
    inside: list[int] = []

    def call(number: int) -> int:
        inside.append(number)
        time.sleep(0.002)
        assert inside[-1] == number
        return 2 * number

    assert [future.result(5) for future in [threads.submit(call, number) for number in range(20)]] == list(
        range(0, 40, 2)
    )
    assert inside == list(range(20))
    threads.close(1)


def test_errors_stay_with_their_call() -> None:
    threads = Threads(1, "test")
    bad, good = threads.submit(lambda: 1 / 0), threads.submit(lambda: 1)
    with pytest.raises(ZeroDivisionError):
        bad.result(5)
    assert good.result(5) == 1


def test_closing_runs_what_waits_but_not_longer_than_it_may() -> None:
    threads, gate = Threads(2, "test"), threading.Event()
    done = [threads.submit(gate.wait, 20) for _ in range(2)] + [threads.submit(lambda: True)]
    start = time.monotonic()
    threads.close(0.1)
    assert time.monotonic() - start < 2
    gate.set()
    assert all(future.result(5) for future in done)

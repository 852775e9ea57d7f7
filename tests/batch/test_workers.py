"""Processes that run calls."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from pipeline.batch.workers import WorkerError, WorkerPool, portable
from pipeline.records.errors import InputError, MessageError, TheodoliteError
from pipeline.stages.timing import StageError


@dataclass
class Counter:
    """What the factory makes, which counts its calls."""

    start: int
    calls: int = 0


def counted(made: Counter, number: int) -> tuple[int, int, int]:
    made.calls += 1
    return made.start + number, made.calls, os.getpid()


def ended(made: Counter) -> None:
    os._exit(7)


def slept(made: Counter, seconds: float) -> str:
    time.sleep(seconds)
    return "awake"


def hit(made: Counter, number: int) -> str:
    os.kill(os.getpid(), number)
    return "alive"


def failed(made: Counter, kind: str) -> None:
    if kind == "input":
        raise InputError("The input is odd.")
    if kind == "message":
        raise MessageError("empty_answer")
    raise ZeroDivisionError("division by zero")


def doubled(made: Counter, values: np.ndarray) -> np.ndarray:
    values *= 2
    return values


def unpicklable(made: Counter) -> object:
    return lambda: None


def threads(made: Counter) -> tuple[str | None, int]:
    import cv2

    return os.environ.get("OMP_NUM_THREADS"), cv2.getNumThreads()


class Unreadable(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def broken() -> Counter:
    raise InputError("There is nothing to make.")


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(2, partial(Counter, 100)) as made:
        yield made


def test_the_factory_makes_one_thing_in_each_process(pool: WorkerPool) -> None:
    outcomes = [future.result() for future in [pool.submit(counted, number) for number in range(8)]]
    assert [value for value, _, _ in outcomes] == [100 + number for number in range(8)]
    assert os.getpid() not in {process for *_, process in outcomes}
    for process in {process for *_, process in outcomes}:
        assert [calls for _, calls, by in outcomes if by == process] != []


def test_processes_compute_with_one_thread_and_the_environment_stays(pool: WorkerPool) -> None:
    before = os.environ.get("OMP_NUM_THREADS")
    assert pool.call(threads) == ("1", 1)
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_arrays_come_back_writable_and_the_caller_keeps_its_own(pool: WorkerPool) -> None:
    values = np.arange(6.0).reshape(2, 3)
    found = pool.call(doubled, values)
    found += 1
    assert found.tolist() == [[1, 3, 5], [7, 9, 11]]
    assert values.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "kind, error, words",
    [
        ("input", InputError, "The input is odd."),
        ("other", ZeroDivisionError, "division by zero"),
        ("message", MessageError, "."),
    ],
)
def test_an_error_of_a_call_is_raised_here(pool: WorkerPool, kind: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        pool.call(failed, kind)
    assert pool.call(counted, 1)[0] == 101


def test_a_result_that_cannot_be_sent_is_an_error_and_the_worker_lives(pool: WorkerPool) -> None:
    with pytest.raises(Exception, match=r"pickle|lambda"):
        pool.call(unpicklable)
    assert pool.call(counted, 1)[0] == 101


def test_the_death_of_a_worker_fails_only_its_call_and_the_pool_replaces_it() -> None:
    with WorkerPool(1, partial(Counter, 0)) as pool:
        first = pool.call(counted, 0)[2]
        with pytest.raises(WorkerError, match=r"ended during the call \(exit code 7\)"):
            pool.call(ended)
        value, calls, second = pool.call(counted, 5)
        assert (value, calls) == (5, 1)
        assert second != first


def test_a_worker_that_ended_between_calls_fails_none(pool: WorkerPool) -> None:
    process = pool.call(counted, 0)[2]
    os.kill(process, signal.SIGKILL)
    while process in {child.pid for child in multiprocessing.active_children()}:
        time.sleep(0.01)
    assert [pool.call(counted, number)[0] for number in range(2)] == [100, 101]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_no_worker(pool: WorkerPool, number: signal.Signals) -> None:
    assert pool.call(hit, number) == "alive"


def test_calls_that_wait_survive_the_death_of_a_worker() -> None:
    with WorkerPool(1, partial(Counter, 0)) as pool:
        pool.call(counted, 0)
        futures = [pool.submit(ended), *(pool.submit(counted, number) for number in range(3))]
        with pytest.raises(WorkerError):
            futures[0].result(30)
        assert [future.result(30)[0] for future in futures[1:]] == [0, 1, 2]


def test_a_call_that_takes_too_long_is_ended() -> None:
    with WorkerPool(1, partial(Counter, 0)) as pool:
        pool.call(counted, 0)
        start = time.monotonic()
        with pytest.raises(WorkerError, match=r"longer than 0.2 s"):
            pool.call(slept, 60.0, timeout_s=0.2)
        assert time.monotonic() - start < 20
        assert pool.call(slept, 0.0, timeout_s=60) == "awake"


def test_a_factory_that_fails_says_so_in_every_call() -> None:
    with WorkerPool(1, broken) as pool:
        for _ in range(2):
            with pytest.raises(InputError, match="nothing to make"):
                pool.call(counted, 0)


def test_closing_ends_the_processes_and_refuses_calls() -> None:
    pool = WorkerPool(2, partial(Counter, 0))
    process = pool.call(counted, 0)[2]
    pool.close()
    with pytest.raises(WorkerError, match="closed"):
        pool.call(counted, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    pool.close()


def test_closing_lets_a_call_in_flight_finish() -> None:
    pool = WorkerPool(1, partial(Counter, 0))
    pool.call(counted, 0)
    outcome: list[str] = []
    thread = threading.Thread(target=lambda: outcome.append(pool.call(slept, 0.5)))
    thread.start()
    time.sleep(0.2)
    pool.close(10)
    thread.join(10)
    assert outcome == ["awake"]


def test_closing_ends_a_call_that_does_not_finish() -> None:
    pool = WorkerPool(1, partial(Counter, 0))
    pool.call(counted, 0)
    outcome: list[BaseException] = []

    def call() -> None:
        try:
            pool.call(slept, 60.0)
        except TheodoliteError as error:
            outcome.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.2)
    start = time.monotonic()
    pool.close(0.1)
    thread.join(10)
    assert time.monotonic() - start < 8
    assert [type(error) for error in outcome] == [WorkerError]


def test_calls_from_several_threads_come_back_in_order(pool: WorkerPool) -> None:
    assert list(pool.mapped(lambda number: pool.call(counted, number)[0], range(4))) == [100, 101, 102, 103]


@pytest.mark.parametrize(
    "error, expected, words",
    [
        (InputError("It is odd."), InputError, "It is odd."),
        (StageError("depth", InputError("It is odd."), is_fatal=True), StageError, "It is odd."),
        (Unreadable("It is", "odd."), WorkerError, "Unexpected Unreadable: It is odd."),
        (
            StageError("depth", Unreadable("It is", "odd."), is_fatal=True),
            StageError,
            "Unexpected Unreadable: It is odd.",
        ),
    ],
)
def test_an_error_that_cannot_be_read_elsewhere_keeps_its_words(
    error: Exception, expected: type[Exception], words: str
) -> None:
    found = pickle.loads(pickle.dumps(portable(error)))
    assert (type(found), str(found), getattr(found, "is_fatal", None)) == (
        expected, words, getattr(error, "is_fatal", None),
    )  # fmt: skip


def test_a_program_ends_its_workers_though_it_does_not_close_the_pool() -> None:
    program = "from pipeline.batch.workers import WorkerPool; pool = WorkerPool(1, dict); print(pool.call(len))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")

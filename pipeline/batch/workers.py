"""Processes that each set something up once and then run calls."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import numpy as np

from pipeline.records.errors import TheodoliteError
from pipeline.stages.timing import StageError

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Value = TypeVar("Value")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Of libraries that compute with several threads."""

_changing = threading.Lock()


class WorkerError(TheodoliteError):
    """A worker process ended during a call, or the call took too long; only this call failed."""


class WorkerPool:
    """Processes with one thread each, which run one call at a time.

    A worker that ends, or whose call takes too long, is replaced. Interrupts do not end workers; the pool does, at the
    latest when the program ends. The pool is safe to use from several threads. Arguments and results are pickled;
    arrays in them are sent without a copy.

    Args:
        count: Number of processes, at least one.
        factory: Makes what the calls receive as their first argument; called once in each process. It is pickled, as
            the functions of calls are. Where its outcome has a method ``close``, that is called at the end.
        timeout_s: Most time of a call [s], unless the call sets its own; None sets no bound.
    """

    def __init__(self, count: int, factory: Callable[[], Any], timeout_s: float | None = None) -> None:
        self._factory, self._timeout_s = factory, timeout_s
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.Lock()
        self._closed = False
        self._workers: set[_Worker] = set()
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="workers")
        # Before that of multiprocessing, which waits for ever for processes that ignore SIGTERM.
        atexit.register(self.close)
        for _ in range(count):
            self._add()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def call(self, function: Callable[..., Value], *arguments: Any, timeout_s: float | None = None) -> Value:
        """Run ``function(made, *arguments)`` in a worker, where ``made`` is what the factory made there.

        Waits for a free worker; that time does not count.

        Args:
            function: A function that can be pickled.
            *arguments: Its further arguments.
            timeout_s: Most time of this call [s]; None takes that of the pool.

        Raises:
            WorkerError: If the worker ended, the call took too long, or the pool is closed.
            Exception: Whatever the function, or the factory, raised.
        """
        buffers: list[pickle.PickleBuffer] = []
        content = pickle.dumps((function, arguments), protocol=5, buffer_callback=buffers.append)
        worker = self._taken()
        try:
            outcome = worker.ask(content, buffers, self._timeout_s if timeout_s is None else timeout_s)
        except BaseException:
            self._replace(worker)
            raise
        self._idle.put(worker)
        is_value, value = outcome
        if is_value:
            result: Value = value
            return result
        raise value

    def submit(self, function: Callable[..., Value], *arguments: Any, timeout_s: float | None = None) -> Future[Value]:
        """The outcome of ``call`` as a future."""
        return self._threads.submit(lambda: self.call(function, *arguments, timeout_s=timeout_s))

    def mapped(self, function: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Value]:
        """Apply a function that waits for calls to several items at once, in as many threads as there are workers.

        Args:
            function: Runs in this process.
            items: The items.

        Returns:
            The values, in order.
        """
        return self._threads.map(function, items)

    def close(self, seconds: float = 5.0) -> None:
        """End the workers; calls in flight have so long to finish [s], and fail then."""
        with self._lock:
            self._closed = True
            workers = list(self._workers)
        atexit.unregister(self.close)
        self._threads.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + seconds
        for worker in workers:
            worker.end(max(deadline - time.monotonic(), 0))

    def _taken(self) -> _Worker:
        while True:
            with self._lock:
                if self._closed:
                    raise WorkerError("The workers are closed; no further call can run.")
            try:
                worker = self._idle.get(timeout=0.5)
            except queue.Empty:
                continue
            if worker.is_alive:
                return worker
            # It ended between two calls, and none of them is to blame.
            self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        worker.end(0)
        with self._lock:
            self._workers.discard(worker)
        self._add()

    def _add(self) -> None:
        with self._lock:
            if self._closed:
                return
            worker = _Worker(self._context, self._factory)
            self._workers.add(worker)
        self._idle.put(worker)


class _Worker:
    """One process, seen from outside."""

    def __init__(self, context: Any, factory: Callable[[], Any]) -> None:
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, factory), daemon=True, name="theodolite worker")
        with environment(dict.fromkeys(THREAD_VARIABLES, "1")):
            self._process.start()
        theirs.close()
        self._lock = threading.Lock()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return not wait([self._process.sentinel], 0)

    def ask(self, content: bytes, buffers: Sequence[pickle.PickleBuffer], timeout_s: float | None) -> tuple[bool, Any]:
        """Whether the call gave a value, and that or its error."""
        try:
            with self._lock:
                _send(self._connection, content, buffers)
                if not wait([self._connection, self._process.sentinel], timeout_s):
                    raise WorkerError(f"The call took longer than {timeout_s:g} s and was ended.")
                outcome: tuple[bool, Any] = _received(self._connection)
                return outcome
        except (OSError, EOFError) as error:
            self._process.join(1)
            code = self._process.exitcode
            raise WorkerError(
                f"A worker process ended during the call{'' if code is None else f' (exit code {code})'}; "
                "its memory may not have sufficed."
            ) from error

    def end(self, seconds: float) -> None:
        """Let a call in flight finish for so long [s], and end the process."""
        if self._lock.acquire(timeout=seconds):
            # It ends by itself once nobody can ask any more.
            self._connection.close()
            self._lock.release()
            self._process.join(min(seconds, 1))
        if self._process.is_alive():
            self._process.kill()
        self._process.join(5)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables while the block runs, for the processes that it starts."""
    with _changing:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _work(connection: Connection, factory: Callable[[], Any]) -> None:
    """Run calls until nobody can ask any more."""
    # They reach all processes of a terminal or job; the one that began the others finishes what is in work.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)
    made: Any = None
    failure: Exception | None = None
    try:
        made = factory()
    except Exception as error:
        failure = error
    while True:
        try:
            function, arguments = _received(connection)
            outcome = (True, function(made, *arguments)) if failure is None else (False, portable(failure))
        except EOFError:
            if (close := getattr(made, "close", None)) is not None:
                close()
            return
        except Exception as error:
            outcome = (False, portable(error))
        _answer(connection, outcome)


def _answer(connection: Connection, outcome: tuple[bool, Any]) -> None:
    buffers: list[pickle.PickleBuffer] = []
    try:
        content = pickle.dumps(outcome, protocol=5, buffer_callback=buffers.append)
    except Exception as error:
        buffers, content = [], pickle.dumps((False, portable(error)))
    _send(connection, content, buffers)


def portable(error: Exception) -> Exception:
    """The error, or one with its words where another process could not read it."""
    if isinstance(error, StageError):
        return portable_failure(error)
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception as unreadable:
        logger.debug("%s cannot be sent: %r.", type(error).__name__, unreadable)
    if isinstance(error, TheodoliteError):
        return TheodoliteError(str(error))
    return WorkerError(f"Unexpected {type(error).__name__}: {error}")


def portable_failure(error: StageError) -> StageError:
    """The failure with a cause that another process can read; it stays fatal if it was."""
    return StageError(error.stage, portable(error.cause), is_fatal=error.is_fatal)


def _send(connection: Connection, content: bytes, buffers: Sequence[pickle.PickleBuffer]) -> None:
    raws = [buffer.raw() for buffer in buffers]
    connection.send_bytes(pickle.dumps([raw.nbytes for raw in raws]))
    connection.send_bytes(content)
    for raw in raws:
        connection.send_bytes(raw)


def _received(connection: Connection) -> Any:
    sizes = pickle.loads(connection.recv_bytes())
    content = connection.recv_bytes()
    # Arrays of their own, as those of bytes could not be written to.
    buffers = [np.empty(size, np.uint8) for size in sizes]
    for buffer in buffers:
        connection.recv_bytes_into(buffer.data)
    return pickle.loads(content, buffers=buffers)

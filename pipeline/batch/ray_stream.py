"""Items through Ray Data: a stream of rows, in the order of the items."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipeline.batch.ray_feed import Feed
from pipeline.batch.ray_work import Phase, Unit
from pipeline.batch.reading import Unfinished
from pipeline.batch.whole_items import Outcome
from pipeline.batch.workers import WorkerError
from pipeline.stages.timing import StageError

logger = logging.getLogger(__name__)

# How often the work may begin anew without an item in between.
_MOST_ROUNDS = 3
_LONGEST_S = 10.0
_COLUMN = "row"


@dataclass(frozen=True)
class Plan:
    """How rows of items go through Ray.

    Args:
        row_items: Items of a row; they stay together.
        rows: Most rows in work; they bound memory.
        steps: Adds the steps to a data set, given the feed.
    """

    row_items: int
    rows: int
    steps: Callable[[Any, Any], Any]


def stream(unfinished: Iterable[Unfinished], plan: Plan) -> Generator[Outcome, None, None]:
    """The outcomes of items, in their order.

    Items are taken in the caller's thread, and only as many as may be in work.

    Args:
        unfinished: The items.
        plan: How they go through Ray, which must run.

    Raises:
        StageError: If an item fails for a reason that concerns every item.
        WorkerError: If Ray fails again and again.
    """
    rows = _Rows(unfinished, plan)
    failed = 0
    while not rows.is_done:
        before = rows.written
        try:
            yield from _round(rows, plan)
            reason: object = "it ended too soon"
        except _ray_errors() as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            logger.debug("Ray failed.", exc_info=error)
        if not rows.is_done:
            failed = failed + 1 if rows.written == before else 1
            if failed > _MOST_ROUNDS:
                raise WorkerError(f"Ray does not work: {reason}. resume=true goes on where the run stopped.")
            logger.warning("Ray lost its work and begins anew with what is missing: %s.", reason)


class _Rows:
    """Rows that were begun, and the outcomes that wait for their turn."""

    def __init__(self, unfinished: Iterable[Unfinished], plan: Plan) -> None:
        self._items = enumerate(unfinished)
        self._plan = plan
        self._begun: dict[int, list[Unit]] = {}
        self._done: dict[int, list[Unit]] = {}
        self._count = 0
        self.written = 0
        self.deaths: dict[tuple[str, int], int] = {}
        self._is_all = False

    @property
    def is_done(self) -> bool:
        return self._is_all and not self._begun and not self._done

    @property
    def total(self) -> int | None:
        """Number of rows, once it is known."""
        return self._count if self._is_all else None

    def again(self) -> dict[int, bytes]:
        """Rows that were begun and have no outcome."""
        return {number: pickle.dumps(units, protocol=5) for number, units in self._begun.items()}

    def next(self) -> dict[int, bytes]:
        """Further rows, while there is room."""
        new: dict[int, bytes] = {}
        while not self._is_all and self._count - self.written < self._plan.rows:
            units = [(number, one.item.id, one) for number, one in islice(self._items, self._plan.row_items)]
            if not units:
                self._is_all = True
                break
            self._begun[self._count] = units
            new[self._count] = pickle.dumps(units, protocol=5)
            self._count += 1
        return new

    def take(self, number: int, row: bytes) -> Iterator[Outcome]:
        """The outcomes whose turn it is, with a further row."""
        if row and self._begun.pop(number, None) is not None:
            self._done[number] = pickle.loads(row)
        while (units := self._done.pop(self.written, None)) is not None:
            self.written += 1
            for _, _, outcomes in units:
                if isinstance(outcomes, StageError):
                    raise outcomes
                yield from outcomes


def _round(rows: _Rows, plan: Plan) -> Iterator[Outcome]:
    import ray

    feed: Any = ray.remote(Feed).options(num_cpus=0, max_concurrency=1000).remote(rows.written, rows.deaths)
    try:
        first = {**rows.again(), **rows.next()}
        feed.add.remote(first, rows.total)
        for batch in plan.steps(_source(feed, rows.written), feed).iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        ):
            for number, row in zip(batch["number"].to_pylist(), batch[_COLUMN].to_pylist(), strict=True):
                yield from rows.take(number, row)
            feed.drop.remote(rows.written)
            was_all = rows.total
            new = rows.next()
            if new or rows.total != was_all:
                feed.add.remote(new, rows.total)
    finally:
        # What ended so often that Ray gave up is not tried for ever.
        with suppress(*_ray_errors()):
            rows.deaths = ray.get(feed.known_deaths.remote(), timeout=_LONGEST_S)
        ray.kill(feed)


def _source(feed: Any, first: int) -> Any:
    """A data set of rows, which are read as they come."""
    import ray
    from ray.data import Datasource
    from ray.data.block import BlockMetadata
    from ray.data.datasource import ReadTask

    class Rows(Datasource):
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [ReadTask(lambda: _read(feed, first), metadata)]

    # It only waits; a CPU of its own would take that from the work.
    return ray.data.read_datasource(Rows(), override_num_blocks=1, num_cpus=0)


def _read(feed: Any, number: int) -> Iterator[Any]:
    import ray

    while (row := ray.get(feed.row.remote(number))) is not None:
        yield _table(number, row)
        number += 1


def _table(number: int, row: bytes) -> Any:
    import pyarrow as pa

    return pa.table({"number": pa.array([number], pa.int64()), _COLUMN: pa.array([row], pa.large_binary())})


def in_tasks(dataset: Any, phase: Phase, cpus: float) -> Any:
    """A data set after a phase, in tasks."""

    def step(batch: Any) -> Any:
        return _stepped(phase, batch)

    return dataset.map_batches(step, batch_size=1, batch_format="pyarrow", num_cpus=cpus)


def in_actors(dataset: Any, phase: Phase, actors: int, cpus: float, gpus: float) -> Any:
    """A data set after a phase, in actors, which keep their models."""
    import ray

    class Actor:
        def __call__(self, batch: Any) -> Any:
            return _stepped(phase, batch)

    return dataset.map_batches(
        Actor,
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
        num_cpus=cpus,
        num_gpus=gpus,
    )


def _stepped(phase: Phase, batch: Any) -> Any:
    (number,), (row,) = batch["number"].to_pylist(), batch[_COLUMN].to_pylist()
    return _table(number, phase(row))


def _ray_errors() -> tuple[type[Exception], ...]:
    from ray.data.exceptions import SystemException
    from ray.exceptions import RayError

    return RayError, SystemException

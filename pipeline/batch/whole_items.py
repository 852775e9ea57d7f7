"""Items that one worker takes through all stages, where no stage holds a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.batch.in_order import in_order
from pipeline.batch.local import Work
from pipeline.batch.reading import Unfinished, prepared, read
from pipeline.batch.settled import finished_result
from pipeline.batch.workers import WorkerError, WorkerPool, portable_failure
from pipeline.records import Result
from pipeline.records.errors import TheodoliteError
from pipeline.stages.group import Asked, exported, grouped, settle
from pipeline.stages.timing import StageError

# Items per worker that may be begun and not yet written: one that takes long keeps no other from being worked on.
_AHEAD = 4

Outcome = tuple[Asked, Result | StageError]


@dataclass(frozen=True)
class Recipe:
    """What all items of a run share.

    Args:
        folder: Where artefacts go.
        batch_size: Most questions answered together.
        configuration: Digest of the configuration; None names none.
    """

    folder: Path
    batch_size: int
    configuration: str | None


def whole_items(unfinished: Iterable[Unfinished], pool: WorkerPool, recipe: Recipe, workers: int) -> Iterator[Outcome]:
    """The outcomes of items, in their order.

    Args:
        unfinished: The items.
        pool: The workers; its factory makes a ``Work``.
        recipe: What all items share.
        workers: Their number.

    Raises:
        StageError: If an item fails for a reason that concerns every item.
    """

    def outcomes(one: Unfinished) -> list[Outcome]:
        try:
            return pool.call(item_outcomes, one, recipe)
        except WorkerError as error:
            return [(Asked(one.item.id), StageError("worker", error))]

    with ThreadPoolExecutor(workers, thread_name_prefix="item") as threads:
        for found in in_order(lambda one: threads.submit(outcomes, one), unfinished, _AHEAD * workers):
            yield from found


def item_outcomes(made: Work, one: Unfinished, recipe: Recipe) -> list[Outcome]:
    """All stages of one item, in a worker."""
    stages, done = made.stages, []
    items = prepared([read(one, made.source, stages)], stages, recipe.batch_size)
    for group in grouped(items, recipe.batch_size):
        settle(group, stages)
        for asked in group:
            result = finished_result(asked, stages, made.source, recipe.configuration)
            done.append(sendable(asked, exported(asked, result, stages, recipe.folder)))
    return done


def sendable(asked: Asked, outcome: Result | StageError) -> Outcome:
    """An outcome as it goes to another process, which only writes it.

    Scenes are large, and nobody needs them any more. Errors become ones that the other process can read.
    """
    error = None if asked.recheck_error is None else TheodoliteError(str(asked.recheck_error))
    slim = Asked(asked.item_id, ends_item=asked.ends_item, recheck_error=error)
    return slim, portable_failure(outcome) if isinstance(outcome, StageError) else outcome

"""What processes of Ray do with rows of items: read them, ask the models, judge, draw."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.batch.local import Work
from pipeline.batch.ray_feed import MOST_DEATHS
from pipeline.batch.reading import prepared, read
from pipeline.batch.settled import finished_result
from pipeline.batch.whole_items import Outcome, Recipe, item_outcomes, sendable
from pipeline.batch.workers import WorkerError, portable, portable_failure
from pipeline.records.errors import TheodoliteError
from pipeline.stages.group import Asked, exported, grouped, settle
from pipeline.stages.timing import StageError

_SETUP = "setup"
_ENDED = "Two processes ended during this item; their memory may not have sufficed."

Unit = tuple[int, str, Any]
"""Number and id of an item, and what the phases so far made of it; a ``StageError`` stops the run."""


@dataclass(frozen=True)
class Phase:
    """One step of all items, in tasks or actors of Ray.

    Args:
        name: ``whole``, or ``read``, ``model`` and ``draw``.
        factory: Pickled; makes what a process has.
        recipe: What all items share.
        working_folder: Where relative paths of the configuration begin.
        item_s: Most time for an item [s]; None sets no bound.
        feed: The actor with a ``Feed``.
    """

    name: str
    factory: bytes
    recipe: Recipe
    working_folder: Path
    item_s: float | None
    feed: Any

    def __call__(self, row: bytes) -> bytes:
        """Take the items of a row through the phase."""
        if not row:  # Done, before the process that read it was started again.
            return row
        from ray.exceptions import RayError

        units: list[Unit] = pickle.loads(row)
        try:
            done = self._units(units)
        except RayError:  # Ray lost the feed; the run begins anew.
            raise
        except Exception as error:  # Ray would retry it, and wrap it.
            failure = error if isinstance(error, StageError) else StageError(self.name, error, is_fatal=True)
            fatal = portable_failure(failure)
            done = [(number, item_id, fatal) for number, item_id, _ in units]
        try:
            return pickle.dumps(done, protocol=5)
        except Exception as error:
            fatal = StageError(self.name, portable(error), is_fatal=True)
            return pickle.dumps([(number, item_id, fatal) for number, item_id, _ in units])

    def _units(self, units: Sequence[Unit]) -> list[Unit]:
        if any(isinstance(given, StageError) for _, _, given in units):
            return [*units]
        numbers = [number for number, _, _ in units]
        work = self._work(numbers[0])
        known = self._deaths(numbers)
        if self.name == "model" and not any(count for count, _ in known):
            with self._marked(numbers):
                values = _PHASES[self.name](work, [given for _, _, given in units], self.recipe)
            return [(number, item_id, value) for (number, item_id, _), value in zip(units, values, strict=True)]
        # Alone, so that an item whose process ends is the only one to blame.
        done: list[Unit] = []
        for (number, item_id, given), (count, reason) in zip(units, known, strict=True):
            if count >= MOST_DEATHS:
                error = StageError("worker", WorkerError(reason or _ENDED))
                done.append((number, item_id, _FAILED[self.name](item_id, given, error)))
                continue
            with self._marked([number]), self._in_time(number):
                (value,) = _PHASES[self.name](work, [given], self.recipe)
            done.append((number, item_id, value))
        return done

    def _work(self, number: int) -> Work:
        """What this process has; made once, for the row that begins with an item of this number."""
        if _made.cache_info().currsize == 0:
            ((count, _),) = self._deaths([number], _SETUP)
            if count > MOST_DEATHS:
                raise WorkerError("Processes of Ray end while they start; see the logs of Ray.")
            with self._marked([number], _SETUP):
                return _made(self.factory, self.working_folder)
        return _made(self.factory, self.working_folder)

    def _deaths(self, numbers: Sequence[int], phase: str | None = None) -> list[tuple[int, str]]:
        import ray

        known: list[tuple[int, str]] = ray.get(self.feed.deaths.remote(phase or self.name, numbers))
        return known

    @contextmanager
    def _marked(self, numbers: Sequence[int], phase: str | None = None) -> Iterator[None]:
        """Let the feed know what this process works on; nobody waits for that."""
        self.feed.begin.remote(phase or self.name, numbers)
        try:
            yield
        finally:
            self.feed.end.remote(phase or self.name, numbers)

    @contextmanager
    def _in_time(self, number: int) -> Iterator[None]:
        """End this process if an item takes too long; the time of models does not count."""
        if self.item_s is None or self.name == "model":
            yield
            return
        timer = threading.Timer(self.item_s, self._give_up, (number,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _give_up(self, number: int) -> None:
        import ray

        reason = f"The item took longer than {self.item_s:g} s and was ended."
        try:
            ray.get(self.feed.give_up.remote(self.name, number, reason), timeout=30)
        finally:  # Also where the feed is gone.
            os._exit(1)


@cache
def _made(factory: bytes, working_folder: Path) -> Work:
    import cv2

    cv2.setNumThreads(1)
    if working_folder.is_dir():
        os.chdir(working_folder)
    made: Work = pickle.loads(factory)()
    return made


def _whole(work: Work, given: Sequence[Any], recipe: Recipe) -> list[list[Outcome]]:
    return [item_outcomes(work, one, recipe) for one in given]


def _read(work: Work, given: Sequence[Any], recipe: Recipe) -> list[list[Asked]]:
    return [[_between_phases(asked) for asked in read(one, work.source, work.stages)] for one in given]


def _model(work: Work, given: Sequence[list[Asked]], recipe: Recipe) -> list[list[Outcome]]:
    """Depth and answers of several items together, and the verdicts, which may ask the model again."""
    stages, items = work.stages, []
    item: list[Outcome] = []
    for group in grouped(prepared(given, stages, recipe.batch_size), recipe.batch_size):
        settle(group, stages)
        for asked in group:
            result = finished_result(asked, stages, work.source, recipe.configuration)
            if isinstance(result, StageError):
                result = portable_failure(result)
            item.append((_between_phases(asked), result))
            if asked.ends_item:
                items.append(item)
                item = []
    return items


def _draw(work: Work, given: Sequence[list[Outcome]], recipe: Recipe) -> list[list[Outcome]]:
    return [
        [sendable(asked, exported(asked, result, work.stages, recipe.folder)) for asked, result in outcomes]
        for outcomes in given
    ]


def _between_phases(asked: Asked) -> Asked:
    """A question as it goes to the process of the next phase."""
    return replace(
        asked,
        prompt=None,
        follower=None,
        failure=None if asked.failure is None else portable_failure(asked.failure),
        recheck_error=None if asked.recheck_error is None else TheodoliteError(str(asked.recheck_error)),
    )


_PHASES: dict[str, Callable[[Work, Sequence[Any], Recipe], list[Any]]] = {
    "whole": _whole,
    "read": _read,
    "model": _model,
    "draw": _draw,
}
_FAILED: dict[str, Callable[[str, Any, StageError], Any]] = {
    "whole": lambda item_id, given, error: [(Asked(item_id), error)],
    "read": lambda item_id, given, error: [Asked(item_id, failure=error)],
    "model": lambda item_id, given, error: [(Asked(item_id), error)],
    "draw": lambda item_id, given, error: [sendable(asked, error) for asked, _ in given],
}

"""Exports results while the next ones are computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pipeline.records import Result
from pipeline.stages.group import MOST_FRAMES, Asked, Stages, exported
from pipeline.stages.timing import StageError


class Exporting:
    """Exports settled questions in their order while the next ones are computed.

    Leaving the block waits for all of them; what was settled before an error is still written.

    Args:
        stages: The stages.
        folder: Where artefacts go.
        written: Called with every outcome, in the caller's thread.
        threads: How many results are exported at a time; several pay where other processes do the work.
    """

    def __init__(
        self,
        stages: Stages,
        folder: Path,
        written: Callable[[Asked, Result | StageError], None],
        threads: int = 1,
    ) -> None:
        self._stages, self._folder = stages, folder
        self._written = written
        self._waiting: deque[tuple[Asked, Future[Result | StageError]]] = deque()
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="export")

    def __enter__(self) -> Exporting:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self._write_down_to(0)
        except StageError:
            # The first error is the one to tell.
            if error is None:
                raise
        finally:
            self._pool.shutdown(cancel_futures=True)

    def add(self, group: Sequence[tuple[Asked, Result | StageError]]) -> None:
        """Export a group, and write what is done; wait while too many frames are held.

        Args:
            group: Settled questions, each with its result or failure.

        Raises:
            StageError: If an export failed for a reason that concerns every item.
        """
        for asked, result in group:
            self._waiting.append((asked, self._pool.submit(exported, asked, result, self._stages, self._folder)))
        self._write_down_to(MOST_FRAMES)

    def _write_down_to(self, frames: int) -> None:
        """Write what is done, and wait until those that wait hold at most so many frames."""
        while self._waiting:
            asked, outcome = self._waiting[0]
            if not outcome.done() and _frames([one for one, _ in self._waiting]) <= frames and frames > 0:
                return
            written = outcome.result()
            self._waiting.popleft()
            self._written(asked, written)


def _frames(group: Iterable[Asked]) -> int:
    """Number of frames that questions keep in memory."""
    scenes = {id(asked.scene): asked.scene for asked in group}
    return sum(len(scene.frames) for scene in scenes.values() if scene is not None)

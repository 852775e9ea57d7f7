"""The processes of this machine, and the stages that use them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.batch.verifying import PooledVerify
from pipeline.batch.workers import WorkerPool
from pipeline.records import Result, Scene
from pipeline.records.errors import ConfigError
from pipeline.records.settings import Natural, Positive, checked
from pipeline.stages.cache import StageCache
from pipeline.stages.compose import Source
from pipeline.stages.export import ExportStage
from pipeline.stages.group import Stages
from pipeline.verify.verifier import Verifier

# More gain nothing, and a mistyped number would take all memory.
_MOST_PER_CORE = 8


@dataclass(frozen=True)
class Work:
    """What a worker has: a source and stages of its own.

    Args:
        source: The source of the items.
        stages: The stages; their models are not loaded unless a worker asks them.
    """

    source: Source
    stages: Stages

    @property
    def verifier(self) -> Verifier:
        """The verifier."""
        return self.stages.verify.verifier

    @property
    def cache(self) -> StageCache:
        """The cache of all stages."""
        return self.stages.verify.cache

    def close(self) -> None:
        """Note the last uses of the cache."""
        self.cache.close()


@checked
@dataclass(frozen=True)
class LocalEngine:
    """Runs the stages on this machine.

    Args:
        workers: Processes that take items through all stages or, where a stage holds a model, only judge and draw;
            0 does everything in the calling process.
        item_s: Most time that a worker may take for an item or, where a stage holds a model, for one step of a
            question [s]; None sets no bound.
    """

    workers: Natural = 0
    item_s: Positive | None = 600.0

    @property
    def uses_processes(self) -> bool:
        """Whether other processes work."""
        return self.workers > 0

    @contextmanager
    def pool(self, factory: Callable[[], Work] | None) -> Iterator[WorkerPool | None]:
        """The workers; None if there are none.

        Args:
            factory: Makes what a worker has; pickled. None: there are no workers.

        Raises:
            ConfigError: If there would be far more than cores.
        """
        if self.workers == 0 or factory is None:
            yield None
            return
        cores = os.cpu_count() or 1
        if self.workers > _MOST_PER_CORE * cores:
            raise ConfigError(
                f"engine.workers={self.workers} is too many for {cores} cores, as each keeps one busy; choose at most "
                f"{_MOST_PER_CORE * cores}."
            )
        with WorkerPool(self.workers, factory, self.item_s) as pool:
            yield pool


class PooledExport(ExportStage):
    """Writes the files of results in the processes of a pool.

    Args:
        stage: The stage that it stands for.
        pool: A pool whose factory makes a ``Work`` with an equal stage.
    """

    def __init__(self, stage: ExportStage, pool: WorkerPool) -> None:
        self.__dict__.update(vars(stage))
        self._pool = pool

    def __call__(self, scene: Scene, result: Result, folder: Path) -> Result:
        """See ``ExportStage``.

        Raises:
            WorkerError: If the process that wrote them ended.
        """
        return self._pool.call(_exported, scene, result, folder)


def _exported(made: Work, scene: Scene, result: Result, folder: Path) -> Result:
    return made.stages.export(scene, result, folder)


def pooled(stages: Stages, pool: WorkerPool | None) -> Stages:
    """The stages, with those that need no model in a pool's processes."""
    if pool is None:
        return stages
    return replace(
        stages,
        verify=PooledVerify(stages.verify, pool),
        export=PooledExport(stages.export, pool),
        mapped=pool.mapped,
    )


def needs_no_model(stages: Stages) -> bool:
    """Whether no stage holds a model, so that every worker can have all stages."""
    backends = [stages.depth.backend, stages.ocr.backend, stages.verify.segmenter]
    if stages.query is not None:
        backends.append(stages.query.model)
    return not any(backend.loads_model for backend in backends)

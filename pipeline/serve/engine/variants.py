"""The stages by the options of requests; all share the loaded models."""

from __future__ import annotations

import threading
from dataclasses import replace

from pipeline.api import Pipeline
from pipeline.batch.verifying import PooledVerify
from pipeline.batch.workers import WorkerPool
from pipeline.serve.engine.plans import Options
from pipeline.stages.group import Stages


class Variants:
    """Stages for each combination of options, made when it first occurs.

    Args:
        pipeline: The configured stages.
        pool: Processes that judge claims; None judges in this one.
    """

    def __init__(self, pipeline: Pipeline, pool: WorkerPool | None = None) -> None:
        self._pipeline, self._pool = pipeline, pool
        self._lock = threading.Lock()
        self._made: dict[tuple[Options, bool], Stages] = {}

    def stages(self, options: Options, *, asks: bool) -> Stages:
        """The stages.

        Args:
            options: The options.
            asks: Whether they include the model.

        Raises:
            ConfigError: If an option does not exist.
        """
        with self._lock:
            if (options, asks) not in self._made:
                self._made[options, asks] = self._make(options, asks=asks)
            return self._made[options, asks]

    def _make(self, options: Options, *, asks: bool) -> Stages:
        variant = self._pipeline.variant(
            dict(options.groups), hints=options.hints, language=options.language, recheck=options.recheck
        )
        stages = variant.stages
        verify = stages.verify if self._pool is None else PooledVerify(stages.verify, self._pool)
        return replace(stages, verify=verify, query=stages.query if asks else None)

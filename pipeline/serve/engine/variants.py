"""The stages by the options of requests; all share the loaded models."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import replace

from pipeline.api import Pipeline
from pipeline.batch.verifying import PooledVerify
from pipeline.batch.workers import WorkerPool
from pipeline.claims.coordinates.conventions import Convention, Size
from pipeline.models.vlm.base import Generation, Outcome, Request, VisionLanguageModel
from pipeline.serve.engine.plans import Options
from pipeline.stages.group import Stages


class OneAtATime(VisionLanguageModel):
    """A model that one thread enters at a time.

    Args:
        model: The model.
    """

    def __init__(self, model: VisionLanguageModel) -> None:
        self.model = model
        self._lock = threading.Lock()

    @property
    def identity(self) -> str | None:
        """See ``VisionLanguageModel``, as for all that follows."""
        return self.model.identity

    @property
    def can_ground(self) -> bool:
        """Whether it can be asked first where the objects are."""
        return self.model.can_ground

    @property
    def max_pixels(self) -> int | None:
        """Most pixels that it sees of one image [px]."""
        return self.model.max_pixels

    @property
    def takes_crops(self) -> bool:
        """Whether it understands prompts with crops."""
        return self.model.takes_crops

    @property
    def takes_followups(self) -> bool:
        """Whether it understands short questions."""
        return self.model.takes_followups

    @property
    def takes_metres(self) -> bool:
        """Whether it understands prompts with depth in metres."""
        return self.model.takes_metres

    @property
    def version(self) -> str | None:
        """Name and revision of the model."""
        return self.model.version

    @property
    def loads_model(self) -> bool:
        """Whether it holds or asks a model."""
        return self.model.loads_model

    def check(self) -> None:
        """Check that it is there."""
        self.model.check()

    def convention(self, generation: Generation | None = None) -> Convention:
        """Convention of its coordinates."""
        return self.model.convention(generation)

    def sent_px(self, size_px: Size, max_pixels: int | None) -> Size:
        """Size at which it is given an image [px]."""
        return self.model.sent_px(size_px, max_pixels)

    def generate(self, request: Request) -> Generation:
        """Answer one request."""
        with self._lock:
            return self.model.generate(request)

    def generate_all(self, requests: Sequence[Request]) -> list[Outcome]:
        """Answer several requests."""
        with self._lock:
            return self.model.generate_all(requests)


class Variants:
    """Stages for each combination of options, made when it first occurs.

    Args:
        pipeline: The configured stages.
        pool: Processes that judge claims; None judges in this one.
    """

    def __init__(self, pipeline: Pipeline, pool: WorkerPool | None = None) -> None:
        self._pipeline, self._pool = pipeline, pool
        query = pipeline.stages.query
        self._model = None if query is None else OneAtATime(query.model)
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
        if self._pool is not None:
            stages = replace(stages, verify=PooledVerify(stages.verify, self._pool), mapped=self._pool.mapped)
        query = None
        if asks and stages.query is not None and self._model is not None:
            query = copy.copy(stages.query)
            query.model = self._model
        return replace(stages, query=query)

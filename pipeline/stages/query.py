"""Scene and question in, answer out."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import numpy as np

from pipeline.claims.answer import parse_answer
from pipeline.claims.resolve import merge, unique_names
from pipeline.error_budget import ErrorBudget
from pipeline.errors import ConfigError
from pipeline.geometry.objects import depth_of_coordinate, order_coordinate
from pipeline.records import Answer, Camera, DepthMap, Region, Scene
from pipeline.rules.base import CannotMeasure, Settings
from pipeline.rules.view import FrameView
from pipeline.stages.cache import StageCache
from pipeline.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.vlm.hints import DepthHint, HintMode
from pipeline.vlm.prompt import build_answer_request, build_grounding_request


class Steps(StrEnum):
    """Whether the objects are grounded in a step of their own before the question is asked."""

    AUTO = "auto"
    ONE = "one"
    TWO = "two"


class QueryStage:
    """Asks a model.

    Args:
        model: The vision-language model.
        hints: Which depth hints the prompt holds: none, table, image or both.
        steps: ``two`` grounds the objects first and reads their depth for the table; ``auto`` does so
            where the hints hold a table and the model can be asked twice.
        language: Language of the prompt: auto (that of the question), en or zh.
        cache: Where generations are kept.

    Raises:
        ConfigError: If an option does not exist.
    """

    def __init__(
        self,
        model: VisionLanguageModel,
        hints: str = "table",
        steps: str = "auto",
        language: str = "auto",
        cache: StageCache | None = None,
    ) -> None:
        self.model = model
        self.cache = cache or StageCache()
        try:
            self.hints, self.steps = HintMode(hints), Steps(steps)
        except ValueError:
            raise ConfigError(
                f"query.hints must be one of {', '.join(HintMode)} and query.steps one of {', '.join(Steps)}, "
                f"not {hints!r} and {steps!r}."
            ) from None
        if language not in ("auto", "en", "zh"):
            raise ConfigError(f"query.language must be auto, en or zh, not {language!r}.")
        self.language: Literal["auto", "en", "zh"] = language  # type: ignore[assignment]

    def __call__(self, scene: Scene, question: str) -> Answer:
        """Ask the question and read the answer.

        Raises:
            GenerationError: If the model could not answer.
            ModelUnavailableError: If the model is neither on disk nor reachable.
            InputError: If the question is empty.
        """
        cameras = [frame.camera for frame in scene.frames]
        grounded: tuple[Region, ...] = ()
        grounding: Generation | None = None
        if self._two_steps():
            grounding = self._generate(build_grounding_request(scene, question, language=self.language))
            grounded = parse_answer(grounding.text, cameras).regions
        hints = read_depth(scene, (*scene.regions, *grounded)) if self.hints.has_table else ()
        request = build_answer_request(scene, question, hints=self.hints, depth_hints=hints, language=self.language)
        generation = self._generate(request)
        return self._read(generation, grounding, grounded, cameras, question)

    def _two_steps(self) -> bool:
        if self.steps is Steps.AUTO:
            return self.hints.has_table and self.model.can_ground
        return self.steps is Steps.TWO

    def _generate(self, request: Request) -> Generation:
        if self.model.identity is None:
            return self.model.generate(request)
        parts = (self.model.identity, request.digest)
        return self.cache.record(Generation, "vlm", parts, lambda: self.model.generate(request))

    def _read(
        self,
        generation: Generation,
        grounding: Generation | None,
        grounded: tuple[Region, ...],
        cameras: list[Camera],
        question: str,
    ) -> Answer:
        parsed = parse_answer(generation.text, cameras, question)
        problems = parsed.problems
        if generation.truncated:
            problems = (*problems, "The answer was cut off at the token limit; raise vlm.max_new_tokens.")
        both = [step for step in (grounding, generation) if step is not None]
        return Answer(
            text=parsed.text,
            reasoning=parsed.reasoning,
            regions=merge(parsed.regions, grounded),
            claims=parsed.claims,
            spatial_tags=parsed.spatial_tags,
            choice=parsed.choice,
            problems=problems,
            prompt_tokens=_total([step.prompt_tokens for step in both]),
            completion_tokens=_total([step.completion_tokens for step in both]),
            seconds=sum(step.seconds for step in both),
            model=generation.model,
            revision=generation.revision,
            generation=generation.settings,
            seed=generation.seed,
            grounding=None if grounding is None else grounding.text,
        )


def _total(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def read_depth(scene: Scene, regions: tuple[Region, ...]) -> tuple[DepthHint, ...]:
    """Depth of each region's object, for the prompt; regions without depth are left out.

    Args:
        scene: A scene with depth.
        regions: Regions of its frames.

    Returns:
        One hint per measurable region, in the order of the regions.
    """
    if not scene.depth:
        return ()
    budget, settings = ErrorBudget(), Settings()
    views = [
        FrameView(frame, depth, regions, budget, settings)
        for frame, depth in zip(scene.frames, scene.depth, strict=True)
    ]
    ranges = [_coordinate_range(depth) for depth in scene.depth]
    hints = []
    for index, (region, name) in enumerate(zip(regions, unique_names(regions), strict=True)):
        try:
            quantiles = views[region.frame].object(index).quantiles
        except CannotMeasure:
            continue
        near, median, far = (float(quantiles[int(share * (len(quantiles) - 1))]) for share in (0.1, 0.5, 0.9))
        low, high = ranges[region.frame]
        depth = scene.depth[region.frame]
        hints.append(
            DepthHint(
                region=region,
                kind=depth.kind,
                near=depth_of_coordinate(near, depth.kind),
                median=depth_of_coordinate(median, depth.kind),
                far=depth_of_coordinate(far, depth.kind),
                nearness=min(max(1 - (median - low) / (high - low), 0.0), 1.0) if high > low else 0.5,
                reference=name,
            )
        )
    return tuple(hints)


def _coordinate_range(depth: DepthMap) -> tuple[float, float]:
    values = order_coordinate(depth.values[depth.valid][::7], depth.kind)
    if values.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(values, (2, 98))
    return float(low), float(high)

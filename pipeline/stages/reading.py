"""Parses the model's generations into an answer."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.claims.answer import parse_answer
from pipeline.claims.regions import Images
from pipeline.claims.resolve import merge
from pipeline.models.vlm.base import Generation
from pipeline.models.vlm.crops import Crop, claims_in_frames, regions_in_frames
from pipeline.models.vlm.hints import DepthHint
from pipeline.models.vlm.listening import Listener
from pipeline.records import Answer, Region, Scene
from pipeline.records.message import Language, message


@dataclass(frozen=True)
class Prompt:
    """The parts of a question's prompt.

    Args:
        scene: The scene of the question.
        question: The question.
        grounding: The model's output of the grounding step; None without that step.
        located: The objects located in that step.
        hints: Depth of these objects and of the scene's own regions, for the table.
        crops: Parts of frames that the model is shown enlarged.
        listener: What follows the answer while the model writes it.
    """

    scene: Scene
    question: str
    grounding: Generation | None = None
    located: tuple[Region, ...] = ()
    hints: tuple[DepthHint, ...] = ()
    crops: tuple[Crop, ...] = ()
    listener: Listener | None = None


def grounded_regions(grounding: str, images: Images) -> tuple[Region, ...]:
    """The objects located in the grounding step."""
    return parse_answer(grounding, images).regions


def read_answer(
    prompt: Prompt, said: Generation, images: Images, again: Sequence[Crop] | None = None, language: Language = "en"
) -> Answer:
    """Parse an answer.

    Args:
        prompt: The prompt.
        said: The model's output.
        images: The images that it was shown: the frames, and then all crops.
        again: Further crops that the model was shown when asked again; None for its first answer, whose tokens and
            seconds include the grounding step.
        language: Language of the answer's problems.
    """
    generations = [said] if again is not None or prompt.grounding is None else [prompt.grounding, said]
    crops = (*prompt.crops, *(again or ()))
    parsed = parse_answer(said.text, images, prompt.question, language)
    regions = merge(parsed.regions, prompt.located)
    cut = [
        message(code).text(language)
        for code, step in zip(("answer_cut_off", "objects_cut_off"), reversed(generations), strict=False)
        if step.truncated
    ]
    return Answer(
        text=parsed.text,
        reasoning=parsed.reasoning,
        regions=regions_in_frames(regions, crops, images.frame_count),
        claims=claims_in_frames(parsed.claims, crops, images.frame_count),
        spatial_tags=parsed.spatial_tags,
        choice=parsed.choice,
        problems=(*parsed.problems, *cut),
        unread=parsed.unread,
        prompt_tokens=_total(step.prompt_tokens for step in generations),
        completion_tokens=_total(step.completion_tokens for step in generations),
        cached_tokens=_total(step.cached_tokens for step in generations),
        seconds=sum(step.seconds for step in generations),
        timings=_joined(step.timings for step in generations),
        model=said.model,
        revision=said.revision,
        generation=said.settings | {"coordinates": str(images.convention.unit)},
        seed=said.seed,
        grounding=None if prompt.grounding is None else prompt.grounding.text,
    )


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _joined(timings: Iterable[dict[str, float]]) -> dict[str, float]:
    """The sum of seconds, and the maximum of ratios and sizes."""
    joined: dict[str, float] = {}
    for step in timings:
        for name, value in step.items():
            join = operator.add if name.endswith("_s") else max
            joined[name] = join(joined[name], value) if name in joined else value
    return joined

"""From what a model said to an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.claims.answer import parse_answer
from pipeline.claims.resolve import merge
from pipeline.models.vlm.base import Generation
from pipeline.models.vlm.crops import Crop, claims_in_frames, regions_in_frames
from pipeline.records import Answer, Region, Scene
from pipeline.records.message import Language, message


def grounded_regions(scene: Scene, grounding: str | None) -> tuple[Region, ...]:
    """The objects that the first step located; none where there was no such step."""
    if grounding is None:
        return ()
    return parse_answer(grounding, [frame.camera for frame in scene.frames]).regions


def read_answer(
    scene: Scene,
    question: str,
    generations: Sequence[Generation],
    grounding: str | None,
    crops: Sequence[Crop] = (),
    language: Language = "en",
) -> Answer:
    """Read an answer.

    Args:
        scene: What the question is about.
        question: The question.
        generations: What was generated for this answer, the answer itself last; its tokens and seconds are the sum.
        grounding: What the model said when it was asked where the objects are.
        crops: Parts of frames that the model was shown after them, in which it may have located objects too.
        language: Language of the answer's problems.
    """
    said = generations[-1]
    cameras = [frame.camera for frame in scene.frames]
    enlarged = [crop.camera(cameras[crop.frame]) for crop in crops]
    parsed = parse_answer(said.text, [*cameras, *enlarged], question, language)
    regions = merge(parsed.regions, grounded_regions(scene, grounding))
    cut = [
        message(code).text(language)
        for code, step in zip(("answer_cut_off", "objects_cut_off"), reversed(generations), strict=False)
        if step.truncated
    ]
    return Answer(
        text=parsed.text,
        reasoning=parsed.reasoning,
        regions=regions_in_frames(regions, crops, len(cameras)),
        claims=claims_in_frames(parsed.claims, crops, len(cameras)),
        spatial_tags=parsed.spatial_tags,
        choice=parsed.choice,
        problems=(*parsed.problems, *cut),
        prompt_tokens=_total(step.prompt_tokens for step in generations),
        completion_tokens=_total(step.completion_tokens for step in generations),
        cached_tokens=_total(step.cached_tokens for step in generations),
        seconds=sum(step.seconds for step in generations),
        timings=_joined(step.timings for step in generations),
        model=said.model,
        revision=said.revision,
        generation=said.settings,
        seed=said.seed,
        grounding=grounding,
    )


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _joined(timings: Iterable[dict[str, float]]) -> dict[str, float]:
    """Seconds add up; of ratios and sizes the largest counts."""
    joined: dict[str, float] = {}
    for step in timings:
        for name, value in step.items():
            if name not in joined:
                joined[name] = value
            else:
                joined[name] = joined[name] + value if name.endswith("_s") else max(joined[name], value)
    return joined

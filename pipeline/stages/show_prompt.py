"""The prompts that a run would send, as text, without running anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from pipeline.ingest.item import BadItem, Item
from pipeline.models.ocr.none import NoOcr
from pipeline.models.vlm.base import ImagePart, Request, TextPart
from pipeline.models.vlm.budget import ImageBudget, token_count
from pipeline.models.vlm.hints import DepthHint
from pipeline.records import DepthKind, DepthMap, Frame, Origin, Region, ScaleSource, Scene
from pipeline.records.errors import ConfigError, InputError, TheodoliteError
from pipeline.stages.compose import Source, check_work
from pipeline.stages.group import Stages
from pipeline.stages.query import QueryStage
from pipeline.stages.reading import Prompt

UNKNOWN = "…"
# A table is sorted from near to far, so unknown depth comes last.
_FARTHEST = 1e30


def shown_items(source: Source, stages: Stages) -> Iterator[tuple[str, str | TheodoliteError]]:
    """The prompts of every item; runs no network, loads no model and writes nothing.

    Args:
        source: The source of the items.
        stages: The stages of the run.

    Yields:
        Id of the item, and its prompts as text or the error.

    Raises:
        ConfigError: If no model is asked.
    """
    if stages.query is None:
        raise ConfigError("There is no prompt to show because no model is asked; add vlm=qwen3vl or vlm=openai.")
    for item in source.items():
        try:
            yield item.id, _shown_item(item, source, stages, stages.query)
        except TheodoliteError as error:
            yield item.id, error


def _shown_item(item: Item | BadItem, source: Source, stages: Stages, query: QueryStage) -> str:
    if isinstance(item, BadItem):
        raise InputError(item.reason)
    scene = source.scene(item)
    check_work(scene, asks=True)
    scene, kind = _stand_in(scene, stages)
    blocks = [] if scene.questions else [f"Item {scene.id} asks no question."]
    for question in scene.questions:
        requests = _requests(scene, question, query, kind)
        for number, request in enumerate(requests, 1):
            shown = in_words(request, query.model.max_pixels, query.budget)
            blocks.append(f"Item {scene.id}, prompt {number} of {len(requests)} ({request.step}):\n{shown}")
    return "\n\n".join(blocks)


def in_words(request: Request, max_pixels: int | None, budget: ImageBudget) -> str:
    """A prompt with ``<image WIDTHxHEIGHT px, N tokens>`` in place of each image.

    Args:
        request: The prompt.
        max_pixels: The model's own limit per image [px]; None if it has none.
        budget: The size at which the model is shown images.
    """
    return "".join(
        part.text if isinstance(part, TextPart) else _image_in_words(part, max_pixels, budget) for part in request.parts
    )


def _image_in_words(part: ImagePart, max_pixels: int | None, budget: ImageBudget) -> str:
    height, width = part.rgb.shape[:2]
    limits = [limit for limit in (part.max_pixels, max_pixels) if limit is not None]
    tokens = token_count((width, height), min(limits, default=None), budget)
    return f"<image {width}x{height} px, {tokens} tokens>"


def _stand_in(scene: Scene, stages: Stages) -> tuple[Scene, DepthKind | None]:
    """The scene with given depth and text or placeholders, and the kind of depth that a network would give."""
    kind = stages.depth.backend.kind
    if kind is None:
        scene = stages.verify.anchored(stages.depth(scene), scene.regions)
    else:
        scale_source = ScaleSource.MODEL if kind is DepthKind.METRIC else ScaleSource.NONE
        scene = scene.with_depth(
            tuple(
                DepthMap.from_values(np.ones((frame.height, frame.width), np.float32), kind, scale_source)
                for frame in scene.frames
            )
        )
    if not isinstance(stages.ocr.backend, NoOcr):
        scene = replace(scene, text_regions=tuple(_anywhere(frame, at) for at, frame in enumerate(scene.frames)))
    return scene, kind


def _requests(scene: Scene, question: str, query: QueryStage, kind: DepthKind | None) -> list[Request]:
    grounding = [query.grounding_request(scene, question)] if query.grounds_first(scene) else []
    # A run may add crops of objects that the first step locates.
    prompt = query.prompt(scene, question)
    if query.hints.has_table and scene.depth:
        prompt = replace(prompt, hints=_hints(prompt, query, kind))
    return [*grounding, query.answer_request(prompt)]


def _hints(prompt: Prompt, query: QueryStage, kind: DepthKind | None) -> tuple[DepthHint, ...]:
    """The known rows of the table, and one placeholder per image for rows that a network or model would add."""
    scene = prompt.scene
    known = prompt.hints if kind is None else ()
    unknown: Iterable[int] = () if kind is None else sorted({region.frame for region in scene.regions})
    if query.grounds_first(scene):
        unknown = range(len(scene.frames))
    return (*known, *(_placeholder(_anywhere(scene.frames[at], at), scene.depth[at].kind) for at in unknown))


def _anywhere(frame: Frame, index: int) -> Region:
    """A placeholder for a region that only a network or model could locate."""
    return Region(UNKNOWN, (0, 0, frame.width, frame.height), index, origin=Origin.OCR)


def _placeholder(region: Region, kind: DepthKind) -> DepthHint:
    unknown = _Unknown(_FARTHEST)
    return DepthHint(
        region,
        kind,
        near=unknown,
        median=unknown,
        far=unknown,
        nearness=_Unknown(0),
        reference=region.label,
        distance_m=unknown,
    )


class _Unknown(float):
    """A number formatted as an ellipsis."""

    def __truediv__(self, other: float) -> _Unknown:
        return self

    def __format__(self, form: str) -> str:
        return UNKNOWN

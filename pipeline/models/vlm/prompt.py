"""Builds the prompts of the grounding step and of the user's question.

Images come first and the question last, so that questions about one scene share the longest prefix.
Equal input gives byte-identical prompts. An image keeps its number in the scene, whichever others are shown.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Literal

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.models.vlm.base import ImagePart, Request, Step, TextPart
from pipeline.models.vlm.budget import DEFAULT_BUDGET, ImageBudget, frame_pixels, pixels_within, select_frames
from pipeline.models.vlm.crops import Crop
from pipeline.models.vlm.hints import DepthHint, HintMode, depth_image, depth_table
from pipeline.models.vlm.templates import defuse, one_line, render, thousandths
from pipeline.records import Region, Scene, Unit
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.message import Language, detect_language
from pipeline.records.relations import RELATIONS, Relation, ValueUse

logger = logging.getLogger(__name__)

# A model is not told how it resizes its images, and tokens for positions are no numbers that a prompt could ask for.
_ASKED = {
    CoordinateUnit.RESIZED_PIXELS: CoordinateUnit.PIXELS,
    CoordinateUnit.PER_1024_YX: CoordinateUnit.THOUSANDTHS_YX,
}


def shown_frames(
    scene: Scene, budget: ImageBudget = DEFAULT_BUDGET, hints: HintMode = HintMode.NONE
) -> dict[int, int | None]:
    """Indices of the frames that the model is shown, with the most pixels that it sees of each [px]; None for all.

    Frames with the scene's own regions are taken first. An image of a frame's depth takes as many tokens as the frame.

    Args:
        scene: Its frames and regions.
        budget: Tokens of the frames.
        hints: How the prompt gives the depth.
    """
    images_per_frame = 2 if HintMode(hints).has_image else 1
    with_regions = {region.frame for region in scene.regions}
    indices = select_frames(len(scene.frames), budget, with_regions, images_per_frame)
    sizes_px = [(scene.frames[index].width, scene.frames[index].height) for index in indices]
    return dict(zip(indices, frame_pixels(sizes_px, budget, images_per_frame), strict=True))


def build_answer_request(
    scene: Scene,
    question: str,
    *,
    hints: HintMode,
    depth_hints: Sequence[DepthHint] = (),
    language: Literal["auto"] | Language = "auto",
    budget: ImageBudget = DEFAULT_BUDGET,
    crops: Sequence[Crop] = (),
    unit: CoordinateUnit = CoordinateUnit.THOUSANDTHS,
) -> Request:
    """The prompt with the user's question, and with depth and text of the images as hints.

    The hints cover all frames, shown or not.

    Args:
        scene: Frames, their depth where ``hints`` wants images of it, and lines of text.
        question: The question as the user asked it.
        hints: How the prompt gives the depth. Images of it take half of the budget's tokens.
        depth_hints: Depths of objects for the table; unused where ``hints`` wants no table.
        language: Language of the prompt; ``auto`` takes the question's.
        budget: How many frames are shown, and how large.
        crops: Parts of frames to show again, numbered after the scene's last frame.
        unit: Unit in which the model writes coordinates.

    Raises:
        InputError: If the question is empty.
        ConfigError: If ``hints`` includes images of the depth and the scene has no depth.
        RecordError: If a crop does not fit its frame.
    """
    language = _language(question, language, scene)
    shown = shown_frames(scene, budget, hints)
    _log_frames(scene, shown, budget)
    parts = _frames(scene, shown, language)
    if HintMode(hints).has_image:
        parts += _depth_images(scene, shown, language)
    # After the prefix that all questions about the scene share.
    parts += crop_parts(scene, crops, language, budget, unit=unit)
    blocks = [_text_lines(scene, language), answer_instruction(language, unit)]
    if HintMode(hints).has_table:
        blocks.append(depth_table(depth_hints, language, scene.frames))
    return _request(scene, question, Step.ANSWER, parts, blocks, language)


def build_grounding_request(
    scene: Scene,
    question: str,
    *,
    language: Literal["auto"] | Language = "auto",
    budget: ImageBudget = DEFAULT_BUDGET,
    hints: HintMode = HintMode.NONE,
    unit: CoordinateUnit = CoordinateUnit.THOUSANDTHS,
) -> Request:
    """The prompt that asks only where the objects of the question are.

    Args:
        scene: Frames to look at.
        question: The question as the user asked it.
        language: Language of the prompt; ``auto`` takes the question's.
        budget: How many frames are shown, and how large.
        hints: How the answer's prompt will give the depth, which decides the size of the frames in both prompts.
        unit: Unit in which the model writes coordinates.

    Raises:
        InputError: If the question is empty.
    """
    language = _language(question, language, scene)
    parts = _frames(scene, shown_frames(scene, budget, hints), language)
    return _request(scene, question, Step.GROUND, parts, [ground_instruction(language, unit)], language)


def crop_parts(
    scene: Scene,
    crops: Sequence[Crop],
    language: Language,
    budget: ImageBudget = DEFAULT_BUDGET,
    already_shown: int = 0,
    unit: CoordinateUnit = CoordinateUnit.THOUSANDTHS,
) -> list[ImagePart | TextPart]:
    """Crops with their captions, and how to give boxes in them; nothing without crops.

    Args:
        scene: The scene whose frames were cropped.
        crops: The crops.
        language: Language of the captions.
        budget: How large a crop is shown.
        already_shown: Number of crops that the model was shown before; numbers continue after them.
        unit: Unit in which the model writes coordinates.

    Raises:
        RecordError: If a crop does not fit its frame.
    """
    parts: list[ImagePart | TextPart] = []
    for number, crop in enumerate(crops, len(scene.frames) + already_shown + 1):
        frame = scene.frames[crop.frame]
        box = thousandths(Region("crop", crop.box_px, crop.frame), frame)
        caption = render(language, "crop", number=number, frame=crop.frame + 1, box=box, picture="")
        max_pixels = pixels_within(crop.size_px, budget.crop_tokens, budget)
        parts += [TextPart(f"\n{caption}"), ImagePart(crop.image(frame), max_pixels)]
    return (
        [*parts, TextPart(f"\n{render(language, 'crops', key=_coordinates(language, unit)['key'])}")] if crops else []
    )


def _language(question: str, language: Literal["auto"] | Language, scene: Scene) -> Language:
    if not question.strip():
        raise InputError(f"A question of item {scene.id} is empty: write one, or leave it out.")
    return detect_language(question) if language == "auto" else language


def _log_frames(scene: Scene, shown: Mapping[int, int | None], budget: ImageBudget) -> None:
    if len(shown) == len(scene.frames):
        logger.info("%d of %d frames of item %s are shown to the model.", len(shown), len(shown), scene.id)
        return
    logger.warning(
        "%d of %d frames of item %s are shown to the model, evenly: %s.",
        len(shown),
        len(scene.frames),
        scene.id,
        f"query.budget.max_frames is {budget.max_frames}; raise it to show more"
        if len(shown) == budget.max_frames
        else f"the token budget of {budget.tokens} holds no more; raise query.budget.tokens or lower "
        "query.budget.min_frame_tokens to show more",
    )


def _frames(scene: Scene, shown: Mapping[int, int | None], language: Language) -> list[ImagePart | TextPart]:
    parts: list[ImagePart | TextPart] = []
    for index, max_pixels in shown.items():
        frame = scene.frames[index]
        at = {} if frame.timestamp_s is None else {"seconds": f"{frame.timestamp_s:.1f}"}
        caption = render(language, "picture_at" if at else "picture", number=index + 1, picture="", **at)
        image = ImagePart(frame.rgb, max_pixels, known_digest=frame.digest)
        parts += [TextPart(f"\n{caption}" if parts else caption), image]
    return parts


def _depth_images(scene: Scene, shown: Mapping[int, int | None], language: Language) -> list[ImagePart | TextPart]:
    if not scene.depth:
        raise ConfigError(
            f"Item {scene.id} has no depth to show to the model; choose a depth backend, or query.hints=none."
        )
    parts: list[ImagePart | TextPart] = []
    for index, max_pixels in shown.items():
        caption = render(language, "depth_picture", number=index + 1, picture="")
        parts += [TextPart(f"\n{caption}"), ImagePart(depth_image(scene.depth[index]), max_pixels)]
    return parts


def _text_lines(scene: Scene, language: Language) -> str:
    lines = [
        render(
            language,
            "ocr_line",
            number=region.frame + 1,
            box=thousandths(region, scene.frames[region.frame]),
            line=one_line(region.label),
        )
        for region in scene.text_regions
    ]
    return render(language, "ocr", lines="\n".join(lines)) if lines else ""


@cache
def answer_instruction(language: Language, unit: CoordinateUnit = CoordinateUnit.THOUSANDTHS) -> str:
    """The instruction of every answer's prompt, with the relations of the registry."""
    values = _coordinates(language, unit)
    return render(language, "answer", relations=relation_list(language), units=", ".join(Unit), **values)


@cache
def ground_instruction(language: Language, unit: CoordinateUnit = CoordinateUnit.THOUSANDTHS) -> str:
    """The instruction of every prompt that asks where the objects are."""
    return render(language, "ground", **_coordinates(language, unit))


def _coordinates(language: Language, unit: CoordinateUnit) -> dict[str, str]:
    """Key, numbers and unit by which a prompt asks for boxes: those that the model was trained to write."""
    asked = _ASKED.get(unit, unit)
    numbers = "Y1, X1, Y2, X2" if asked.is_yx else "X1, Y1, X2, Y2"
    key = "box_2d" if asked.is_yx else "bbox_2d"
    return {"key": key, "numbers": numbers, "coordinates": render(language, f"coordinates_{asked}")}


def relation_list(language: Language) -> str:
    """The relations of the registry, grouped by the fields that their claims take."""
    lines = []
    offered = [entry for entry in RELATIONS.values() if not entry.implied]
    for fields, entries in groupby(sorted(offered, key=_group_key), key=_fields):
        names = [render(language, "relation", name=entry.name, chinese=entry.chinese[0]) for entry in entries]
        lines.append(render(language, "relations", fields=fields, names=", ".join(names)))
    return "\n".join(lines)


def _group_key(entry: Relation) -> tuple[bool, int, str]:
    return entry.value is not ValueUse.NONE, -entry.objects, entry.value


def _fields(entry: Relation) -> str:
    fields = ["subject", "object", "other_object"][: 1 + entry.objects]
    number = {ValueUse.NONE: [], ValueUse.OPTIONAL: ["(value)", "(unit)"], ValueUse.REQUIRED: ["value", "unit"]}
    return ", ".join(fields + number[entry.value])


def _request(
    scene: Scene,
    question: str,
    step: Step,
    parts: Iterable[ImagePart | TextPart],
    blocks: Iterable[str],
    language: Language,
) -> Request:
    asked = render(language, "question", question=defuse(question.strip()))
    text = "\n\n".join(block for block in (*blocks, asked) if block)
    return Request(
        parts=(*parts, TextPart(f"\n\n{text}")),
        item_id=scene.id,
        question=question,
        step=step,
        frame_digests=tuple(frame.digest for frame in scene.frames),
    )

"""Builds the short questions about an answer: its claims in JSON, and whether its boxes show what their names say."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.models.vlm.base import ImagePart, Request, Step, TextPart
from pipeline.models.vlm.budget import ImageBudget, pixels_within
from pipeline.models.vlm.crops import Crop
from pipeline.models.vlm.prompt import relation_list
from pipeline.models.vlm.templates import defuse, one_line, render
from pipeline.records import Scene, Unit
from pipeline.records.message import Language

_MOST_LABELS = 30


def formalise_request(
    scene: Scene, question: str, sentences: Sequence[str], labels: Sequence[str], language: Language
) -> Request:
    """The prompt that asks the model to restate sentences of its answer as claims; it holds no image.

    Args:
        scene: The scene of the question.
        question: The question.
        sentences: Sentences of the answer.
        labels: Names of the objects that the answer located.
        language: Language of the prompt.
    """
    named = ", ".join(map(one_line, labels[:_MOST_LABELS]))
    text = render(
        language,
        "formalise",
        text=defuse("\n".join(sentences)),
        relations=relation_list(language),
        units=", ".join(Unit),
        labels=render(language, "formalise_labels", labels=named) if named else "",
    )
    return _request(scene, question, Step.FORMALISE, (TextPart(text),))


def confirm_request(scene: Scene, name: str, crop: Crop, language: Language, budget: ImageBudget) -> Request:
    """The prompt that asks whether a crop shows in its middle what a region's name says.

    Args:
        scene: The scene of the region.
        name: Name of the region, which recorded answers are found by.
        crop: The region with its surroundings.
        language: Language of the prompt.
        budget: How large a crop is shown.
    """
    asked = render(language, "confirm", name=one_line(name))
    return _request(scene, name, Step.CONFIRM, (_image(scene, crop, budget), TextPart(f"\n{asked}")))


def compare_request(scene: Scene, name: str, crops: Sequence[Crop], language: Language, budget: ImageBudget) -> Request:
    """The prompt that asks which of several crops shows a thing best; crops come first, so that prompts share them.

    Args:
        scene: The scene of the regions.
        name: Name of the thing, which recorded answers are found by.
        crops: The regions with their surroundings.
        language: Language of the prompt.
        budget: How large a crop is shown.
    """
    parts: list[ImagePart | TextPart] = []
    for number, crop in enumerate(crops, 1):
        caption = render(language, "picture", number=number, picture="")
        parts += [TextPart(f"\n{caption}" if parts else caption), _image(scene, crop, budget)]
    asked = render(language, "compare", name=one_line(name))
    return _request(scene, name, Step.COMPARE, (*parts, TextPart(f"\n\n{asked}")))


def _image(scene: Scene, crop: Crop, budget: ImageBudget) -> ImagePart:
    return ImagePart(crop.image(scene.frames[crop.frame]), pixels_within(crop.size_px, budget.crop_tokens, budget))


def _request(scene: Scene, question: str, step: Step, parts: tuple[ImagePart | TextPart, ...]) -> Request:
    return Request(parts, scene.id, question, step, tuple(frame.digest for frame in scene.frames))

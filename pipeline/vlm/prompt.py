"""Builds the two prompts: where the objects are, and the user's own question.

Pictures stand first and the question last, so that questions about one scene share the longest prefix.
Equal input gives byte-identical prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Literal

from pipeline.errors import ConfigError, InputError
from pipeline.records import Scene, Unit
from pipeline.relations import RELATIONS, Relation, ValueUse
from pipeline.vlm.base import ImagePart, Request, Step, TextPart
from pipeline.vlm.hints import DepthHint, HintMode, depth_picture, depth_table
from pipeline.vlm.templates import Language, defuse, one_line, render, thousandths

_CHINESE = re.compile(r"[㐀-䶿一-鿿豈-﫿]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+")


def detect_language(question: str) -> Language:
    """``zh`` if the question has more Chinese characters than Latin words, else ``en``.

    >>> detect_language("椅子在桌子左边吗？"), detect_language("What does 出口 mean?")
    ('zh', 'en')
    """
    return "zh" if len(_CHINESE.findall(question)) > len(_LATIN_WORD.findall(question)) else "en"


def build_answer_request(
    scene: Scene,
    question: str,
    *,
    hints: HintMode,
    depth_hints: Sequence[DepthHint] = (),
    language: Literal["auto"] | Language = "auto",
) -> Request:
    """The prompt that asks the user's question, with depth and text of the pictures as hints.

    Args:
        scene: Frames, their depth where ``hints`` wants pictures of it, and lines of text.
        question: The question as the user asked it.
        hints: How depth is told.
        depth_hints: Depths of objects for the table; unused where ``hints`` wants no table.
        language: Language of the prompt; ``auto`` takes the question's.

    Raises:
        InputError: If the question is empty.
        ConfigError: If ``hints`` wants pictures of the depth and the scene has no depth.
    """
    language = _language(question, language, scene)
    parts = _frames(scene, language)
    if HintMode(hints).has_picture:
        parts += _depth_pictures(scene, language)
    blocks = [_text_lines(scene, language), _answer_instruction(language)]
    if HintMode(hints).has_table:
        blocks.append(depth_table(depth_hints, language, scene.frames))
    return _request(scene, question, Step.ANSWER, parts, blocks, language)


def build_grounding_request(scene: Scene, question: str, *, language: Literal["auto"] | Language = "auto") -> Request:
    """The prompt that asks only where the objects are that the question speaks of.

    Args:
        scene: Frames to look at.
        question: The question as the user asked it.
        language: Language of the prompt; ``auto`` takes the question's.

    Raises:
        InputError: If the question is empty.
    """
    language = _language(question, language, scene)
    blocks = [render(language, "ground")]
    return _request(scene, question, Step.GROUND, _frames(scene, language), blocks, language)


def _language(question: str, language: Literal["auto"] | Language, scene: Scene) -> Language:
    if not question.strip():
        raise InputError(f"A question of item {scene.id} is empty; give it a text, or no question at all.")
    return detect_language(question) if language == "auto" else language


def _frames(scene: Scene, language: Language) -> list[ImagePart | TextPart]:
    parts: list[ImagePart | TextPart] = []
    for number, frame in enumerate(scene.frames, 1):
        if frame.timestamp_s is None:
            caption = render(language, "picture", number=number, picture="")
        else:
            caption = render(language, "picture_at", number=number, seconds=f"{frame.timestamp_s:.2f}", picture="")
        parts += [TextPart(caption if number == 1 else f"\n{caption}"), ImagePart(frame.rgb, known_digest=frame.digest)]
    return parts


def _depth_pictures(scene: Scene, language: Language) -> list[ImagePart | TextPart]:
    if not scene.depth:
        raise ConfigError(
            f"Item {scene.id} has no depth to show to the model; choose a depth backend, or query.hints=none."
        )
    parts: list[ImagePart | TextPart] = []
    for number, depth in enumerate(scene.depth, 1):
        caption = render(language, "depth_picture", number=number, picture="")
        parts += [TextPart(f"\n{caption}"), ImagePart(depth_picture(depth))]
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
def _answer_instruction(language: Language) -> str:
    return render(language, "answer", relations=_relation_list(language), units=", ".join(Unit))


def _relation_list(language: Language) -> str:
    """The registry, grouped by the fields that a claim of the relation takes."""
    lines = []
    for fields, entries in groupby(sorted(RELATIONS.values(), key=_group_key), key=_fields):
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

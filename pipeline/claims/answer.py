"""Reads everything that a model's answer says about space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.claims.choice import find_choice
from pipeline.claims.claims_json import claims_from_json
from pipeline.claims.conflicts import conflicts
from pipeline.claims.implied import chosen_extreme, order_of_boxes, places_of_boxes
from pipeline.claims.json_blocks import find_json
from pipeline.claims.markup import blank, code_fences, first_of
from pipeline.claims.prose import parse_prose
from pipeline.claims.reasoning import is_cut_off, split_reasoning
from pipeline.claims.regions import regions_from_json, regions_from_text
from pipeline.claims.resolve import other_names
from pipeline.claims.spatial_words import spatial_tags
from pipeline.records import Claim, Region, SpatialTag
from pipeline.records.camera import Camera
from pipeline.records.message import Language, Message, message

# Far beyond any token limit; bounds the time if a server never stops.
_LONGEST = 200_000


@dataclass(frozen=True)
class ParsedAnswer:
    """The parts of an answer that were understood.

    Args:
        text: The answer without its reasoning; spans are characters of it.
        reasoning: The reasoning, if any.
        regions: Objects that the answer locates, in pixels.
        claims: Claims of its JSON, or of its prose if its JSON has none, and claims that its 3D boxes and its
            choice imply.
        spatial_tags: Spatial words of its prose.
        choice: Letter chosen from the question's options.
        problems: What was not understood, and where prose and JSON contradict each other; one sentence each.
    """

    text: str
    reasoning: str | None
    regions: tuple[Region, ...]
    claims: tuple[Claim, ...]
    spatial_tags: tuple[SpatialTag, ...]
    choice: str | None
    problems: tuple[str, ...]


def parse_answer(raw: str, cameras: Sequence[Camera], question: str = "", language: Language = "en") -> ParsedAnswer:
    """Parse an answer of any form.

    Args:
        raw: The model's output, verbatim.
        cameras: One camera per frame, which turns relative coordinates into pixels.
        question: The question; its options make the answer a choice.
        language: Language of the problems.

    Returns:
        The parts of the answer. No text makes this function raise.
    """
    problems: list[Message] = []
    if len(raw) > _LONGEST:
        problems.append(message("answer_too_long", count=len(raw), most=_LONGEST))
        raw = raw[:_LONGEST]
    text, reasoning = split_reasoning(raw)
    if is_cut_off(raw):
        problems.append(message("open_reasoning"))
    if not text.strip():
        problems.append(message("empty_answer"))
    blocks, broken = find_json(text)
    regions, region_problems = regions_from_json(blocks, cameras)
    prose = blank(text, [*code_fences(text), *((block.start, block.end) for block in blocks)])
    more_regions, more_problems = regions_from_text(prose, cameras)
    regions += more_regions
    from_json = claims_from_json(blocks, len(cameras))
    names = dict.fromkeys(name for region in regions for name in (region.label, *other_names(region)))
    from_prose = parse_prose(prose, list(names))
    claims, claim_problems = from_prose if from_json is None else from_json
    contradictions = () if from_json is None else conflicts(from_prose[0], claims)
    for part in (broken, region_problems, more_problems, claim_problems, contradictions):
        problems += first_of(part)
    choice = find_choice(text, question)
    claims = (*claims, *order_of_boxes(regions), *places_of_boxes(regions), *chosen_extreme(question, choice))
    sentences = tuple(problem.text(language) for problem in problems)
    return ParsedAnswer(text, reasoning, regions, claims, spatial_tags(prose), choice, sentences)

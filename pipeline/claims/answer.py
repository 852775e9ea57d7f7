"""Reads everything that a model's answer says about space."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.claims.bare_answers import claims_of_bare_answer
from pipeline.claims.choice import find_choice
from pipeline.claims.claims_json import claims_from_json
from pipeline.claims.conflicts import conflicts
from pipeline.claims.coordinates.entries import Entry, with_sides
from pipeline.claims.coordinates.images import Headings
from pipeline.claims.coordinates.leftovers import has_coordinates
from pipeline.claims.coordinates.units import stated_unit
from pipeline.claims.implied import chosen_extreme, order_of_boxes, places_of_boxes
from pipeline.claims.json_blocks import JsonBlock, find_json, is_numbers, readable, unescaped
from pipeline.claims.markup import blank, clean_text, code_fences, first_of, without_coordinates
from pipeline.claims.prose import parse_prose, unread
from pipeline.claims.reasoning import is_cut_off, split_reasoning
from pipeline.claims.regions import Images, entries_of_json, entries_of_text, regions_of
from pipeline.claims.resolve import other_names
from pipeline.claims.spatial_words import spatial_tags
from pipeline.records import Claim, Region, SpatialTag
from pipeline.records.message import Language, Message, message

# Far beyond any token limit; bounds the time if a server never stops.
_LONGEST = 200_000
_BOX = 4
# Keys of JSON under which models put their prose.
_SAID_KEYS = ("answer", "response", "conclusion", "final_answer", "explanation", "回答", "答案", "结论")
_SIDES_STATED = re.compile(r"[\[(]\s*x\W{1,3}y\W{1,3}(?:w|width)\W{1,3}(?:h|height)\s*[\])]", re.IGNORECASE)
# Prose that begins right after a tag.
_AFTER_TAG = re.compile(r"</\w{1,20}>(?=\s*[A-Z][a-z]+\s)")


@dataclass(frozen=True)
class ParsedAnswer:
    """The parts of an answer that were understood.

    Args:
        text: The answer without its reasoning; spans are characters of it.
        reasoning: The reasoning, if any.
        regions: Objects that the answer locates, in pixels.
        claims: Claims of its JSON, or of its prose if its JSON has none, and claims that its 3D boxes and its
            choice imply; of a bare answer, the claims that its question asks about.
        spatial_tags: Spatial words of its prose.
        choice: Letter chosen from the question's options.
        problems: What was not understood, and where prose and JSON contradict each other; one sentence each.
        unread: Sentences of the prose, where it is what is read, that state something about space and give no claim.
    """

    text: str
    reasoning: str | None
    regions: tuple[Region, ...]
    claims: tuple[Claim, ...]
    spatial_tags: tuple[SpatialTag, ...]
    choice: str | None
    problems: tuple[str, ...]
    unread: tuple[str, ...] = ()


def parse_answer(raw: str, images: Images, question: str = "", language: Language = "en") -> ParsedAnswer:
    """Parse an answer of any form.

    Args:
        raw: The model's output, verbatim.
        images: The images of the prompt, and the convention of the model's coordinates.
        question: The question; its options make the answer a choice.
        language: Language of the problems.

    Returns:
        The parts of the answer. No text makes this function raise.
    """
    problems: list[Message] = []
    if len(raw) > _LONGEST:
        problems.append(message("answer_too_long", count=len(raw), most=_LONGEST))
        raw = raw[:_LONGEST]
    text, reasoning = split_reasoning(clean_text(raw))
    if is_cut_off(raw):
        problems.append(message("open_reasoning"))
    if not text.strip():
        problems.append(message("empty_answer"))
    found = _located(text, images)
    blocks, prose = found.blocks, found.prose
    regions = found.regions
    from_json = claims_from_json(blocks, len(images.cameras))
    names = dict.fromkeys(name for region in regions for name in (region.label, *other_names(region)))
    from_prose = parse_prose(prose, list(names))
    if from_json is None and not from_prose[0] and (said := _said(blocks)):
        from_prose = tuple(replace(claim, text_span=None) for claim in parse_prose(said, list(names))[0]), from_prose[1]
        prose = prose if prose.strip() else said
    claims, claim_problems = from_prose if from_json is None else from_json
    contradictions = () if from_json is None else conflicts(from_prose[0], claims)
    choice = find_choice(text, question)
    claims = (*claims, *order_of_boxes(regions), *places_of_boxes(regions), *chosen_extreme(question, choice))
    if not claims and (claims := claims_of_bare_answer(prose.strip(), question, choice)):
        claim_problems = ()
    for part in (found.broken, found.problems, claim_problems, contradictions):
        problems += first_of(part)
    sentences = tuple(problem.text(language) for problem in problems)
    left = unread(claim_problems) if from_json is None else ()
    return ParsedAnswer(text, reasoning, regions, claims, spatial_tags(prose), choice, sentences, left)


def _said(blocks: Iterable[JsonBlock]) -> str:
    """The prose within the JSON of an answer."""
    objects = [block.value for block in blocks if isinstance(block.value, dict)]
    return "\n".join(str(each[key]) for each in objects for key in _SAID_KEYS if isinstance(each.get(key), str))


@dataclass(frozen=True)
class _Located:
    """What an answer locates: its JSON, its regions, its prose without both, and what was not understood of them."""

    blocks: tuple[JsonBlock, ...]
    regions: tuple[Region, ...]
    prose: str
    broken: tuple[Message, ...]
    problems: tuple[Message, ...]


def _located(text: str, images: Images) -> _Located:
    plain = readable(text)
    blocks, broken = _json(plain)
    from_json = entries_of_json(plain, blocks, images.frame_count)
    if not from_json and (inner := unescaped(plain)) != plain:
        blocks, broken = _json(inner)
        from_json = entries_of_json(plain, blocks, images.frame_count)
    rest = blank(plain, [(block.start, block.end) for block in blocks])
    in_text = entries_of_text(rest)
    found = sorted([*from_json, *(entry for _, _, entry in in_text)], key=lambda entry: entry.position)
    if _SIDES_STATED.search(text):
        found = [_with_sides(entry) for entry in found]
    regions, problems = regions_of(found, images, Headings(text, images.frame_count), stated_unit(text))
    if not regions and not problems and not broken and has_coordinates(rest if from_json else plain):
        problems = (message("coordinates_not_read"),)
    spans = [(block.start, block.end) for block in blocks]
    prose = without_coordinates(blank(text, [*code_fences(text), *spans]), [each[:2] for each in in_text])
    ends = [match.start() for match in _AFTER_TAG.finditer(text) if prose[match.start()] == " "]
    prose = blank(prose, [(end, end + 1) for end in ends], ".")
    return _Located(blocks, regions, prose, broken, problems)


def _with_sides(entry: Entry) -> Entry:
    """An entry whose four bare numbers are a corner with a width and a height."""
    shape = entry.shape
    if shape is None or len(shape.numbers) != _BOX or shape.is_named or shape.has_sides:
        return entry
    return replace(entry, shape=with_sides(shape, "xywh"))


def _json(text: str) -> tuple[tuple[JsonBlock, ...], tuple[Message, ...]]:
    """JSON values, without lists of numbers, which belong to the text around them, and remains of other notations."""
    blocks, broken = find_json(text)
    return tuple(
        block for block in blocks if not is_numbers(block.value) and (block.complete or _holds_more(block))
    ), broken


def _holds_more(block: JsonBlock) -> bool:
    parts = block.value.values() if isinstance(block.value, dict) else block.value
    return any(isinstance(part, dict | list) and part for part in parts)

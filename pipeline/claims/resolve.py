"""Finds the regions that a claim's subject or object names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import reduce

from pipeline.claims.markup import shorten
from pipeline.claims.names import names_match, normal_name
from pipeline.geometry.regions import boxes_iou
from pipeline.records import Origin, Region
from pipeline.records.message import Message, message

_LEAST_SIMILARITY = 0.8
_SAME_IOU = 0.5
_NUMBERED = re.compile(r"(.*\S)\s*#\s*(\d{1,3})\s*")
_QUOTE = r"[\"'“”‘’「」《》]"
_THING = r"(?:sign|board|poster|label|text|word|words|letters|line|banner|sticker|screen|plate)"
_WRITTEN = (
    re.compile(
        rf"(?:.*\b)?(?:that\s+|which\s+)?(?:says|reads|saying|reading|labell?ed|marked)\s+{_QUOTE}?(.+?){_QUOTE}?", re.I
    ),
    re.compile(rf"(?:the\s+|a\s+)?{_THING}\s+{_QUOTE}?(.+?){_QUOTE}?", re.I),
    re.compile(rf"(?:the\s+|a\s+)?{_QUOTE}?([^\"'“”‘’]+?){_QUOTE}?\s+{_THING}", re.I),
    re.compile(rf"(?:.*)写(?:着|有){_QUOTE}?(.+?){_QUOTE}?(?:字样)?的.*"),
    re.compile(rf"(?:文字|字样|单词){_QUOTE}?(.+?){_QUOTE}?"),
    re.compile(rf"{_QUOTE}(.+?){_QUOTE}"),
)


@dataclass(frozen=True)
class Resolution:
    """What a name refers to.

    Args:
        by_frame: Index of the region, in the sequence that was searched, by index of its frame.
        reason: Why a frame that has a candidate, or every frame, has no region; None where nothing is in doubt.
    """

    by_frame: dict[int, int] = field(default_factory=dict)
    reason: Message | None = None

    @property
    def found(self) -> bool:
        """Whether at least one frame has the region."""
        return bool(self.by_frame)


def resolve(reference: str, regions: Sequence[Region], frame: int | None = None) -> Resolution:
    """Find the one region per frame that a claim's subject or object names.

    ``label#2`` is the second region of that label within its frame, in the given order. Otherwise the first of these
    that finds something counts: the label or another name of the model's regions; a line of text
    that OCR read, quoted or described ("the sign that says EXIT"); one region whose name has the same head
    noun ("laptop" for "black laptop").

    Args:
        reference: The subject or object of a claim.
        regions: Regions of all frames.
        frame: Only this frame, or None for all.

    Returns:
        At most one region per frame.
    """
    frames = sorted({region.frame for region in regions if frame in (None, region.frame)})
    numbered = _NUMBERED.fullmatch(reference)
    name, number = (numbered[1], int(numbered[2])) if numbered else (reference, None)
    by_frame: dict[int, int] = {}
    reasons: list[Message] = []
    for index in frames:
        candidates = _candidates(reference, regions, index) if number else []
        position = None
        if not candidates:
            candidates, position = _candidates(name, regions, index), number
        if position is not None and candidates:
            if not 1 <= position <= len(candidates):
                reasons.append(
                    message("only_so_many", reference=reference, frames=(index,), count=len(candidates), name=name)
                )
            else:
                by_frame[index] = candidates[position - 1]
        elif len(candidates) == 1:
            by_frame[index] = candidates[0]
        elif candidates:
            reasons.append(_ambiguous(name, [regions[candidate] for candidate in candidates], index))
    if not by_frame and not reasons:
        reasons.append(_not_found(reference, regions, frame))
    return Resolution(by_frame, reduce(Message.__add__, reasons) if reasons else None)


def resolve_all(reference: str, regions: Sequence[Region], frame: int | None = None) -> tuple[int, ...]:
    """Indices of all regions that a name may mean, as for counting.

    Args:
        reference: The subject of a claim, singular or plural.
        regions: Regions of all frames.
        frame: Only this frame, or None for all.
    """
    frames = sorted({region.frame for region in regions if frame in (None, region.frame)})
    return tuple(candidate for index in frames for candidate in _candidates(reference, regions, index))


def unique_names(regions: Sequence[Region]) -> list[str]:
    """A name for each region that ``resolve`` finds it by: its label, or ``label#2`` where its frame has several."""
    totals = Counter((region.frame, region.label) for region in regions)
    seen: Counter[tuple[int, str]] = Counter()
    names = []
    for region in regions:
        key = (region.frame, region.label)
        seen[key] += 1
        names.append(region.label if totals[key] == 1 else f"{region.label}#{seen[key]}")
    return names


def merge(first: Sequence[Region], second: Sequence[Region]) -> tuple[Region, ...]:
    """All regions of the first, and those of the second that are not one of the first seen again.

    Two regions are the same if their names are and their boxes overlap by more than half.
    """
    kept = list(first)
    for region in second:
        name = normal_name(region.label)
        seen = (
            other.frame == region.frame
            and normal_name(other.label) == name
            and boxes_iou(other.box_px, region.box_px) > _SAME_IOU
            for other in first
        )
        if not any(seen):
            kept.append(region)
    return tuple(kept)


def _candidates(name: str, regions: Sequence[Region], frame: int) -> list[int]:
    """Indices of the regions of a frame that the best kind of match finds."""
    wanted = normal_name(name)
    objects = {i: r for i, r in enumerate(regions) if r.frame == frame and r.origin is not Origin.OCR}
    lines = {i: r for i, r in enumerate(regions) if r.frame == frame and r.origin is Origin.OCR}
    if not wanted:
        return []
    exact: tuple[Callable[[Region], bool], ...] = (
        lambda region: normal_name(region.label) == wanted,
        lambda region: any(normal_name(other) == wanted for other in _other_names(region)),
    )
    for test in exact:
        if found := [index for index, region in objects.items() if test(region)]:
            return found
    written = _written(name)
    if found := _most_similar(written or [name], lines, 1.0 if not written else _LEAST_SIMILARITY):
        return found
    if written and lines and not _names_text_loosely(name):
        return []
    return [
        index
        for index, region in objects.items()
        if any(names_match(name, other) for other in (region.label, *_other_names(region)))
    ]


def _other_names(region: Region) -> list[str]:
    return [text for key, text in region.attributes.items() if key in ("name_en", "name_zh", "name")]


def _written(name: str) -> list[str]:
    """Texts that a name quotes: EXIT of "the sign that says EXIT"."""
    matches = (pattern.fullmatch(name.strip()[:200]) for pattern in _WRITTEN)
    return [match[1] for match in matches if match]


def _names_text_loosely(name: str) -> bool:
    """Whether a name only may quote a text: "traffic sign" need not be a sign that says TRAFFIC."""
    return not any(pattern.fullmatch(name.strip()[:200]) for pattern in (_WRITTEN[0], *_WRITTEN[3:]))


def _most_similar(texts: list[str], lines: dict[int, Region], least: float) -> list[int]:
    scores: dict[int, float] = {}
    for index, line in lines.items():
        read = normal_name(line.label)
        scores[index] = max(SequenceMatcher(None, normal_name(text), read[:200]).ratio() for text in texts)
    best = max(scores.values(), default=0.0)
    return [index for index, score in scores.items() if score == best] if best >= least else []


def _ambiguous(name: str, regions: list[Region], frame: int) -> Message:
    labels = list(dict.fromkeys(region.label for region in regions))
    if len(labels) == 1:
        numbered = tuple(f"{labels[0]}#{k + 1}" for k in range(min(len(regions), 3)))
        return message("several_of_name", count=len(regions), name=labels[0], frames=(frame,), labels=numbered)
    named = tuple(message("label", name=label) for label in labels[:4])
    return message("ambiguous", name=name, labels=named, frames=(frame,))


def _not_found(name: str, regions: Sequence[Region], frame: int | None) -> Message:
    labels = list(dict.fromkeys(region.label for region in regions if frame in (None, region.frame)))
    where = "" if frame is None else message("in_frame", frames=(frame,))
    if not labels:
        return message("no_regions", name=shorten(name, 60), where=where)
    more = (message("and_more", count=len(labels) - 12),) if len(labels) > 12 else ()
    shown = tuple(shorten(label, 30) for label in labels[:12])
    return message("not_found", name=shorten(name, 60), where=where, labels=(*shown, *more))

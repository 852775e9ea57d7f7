"""Finds the regions of a claim's subject and objects by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import reduce
from itertools import count

from pipeline.claims.markup import shorten
from pipeline.claims.names import names_match, normal_name
from pipeline.geometry.regions import boxes_iou
from pipeline.records import Origin, Region
from pipeline.records.message import Message, message

_LEAST_SIMILARITY = 0.8
_SAME_IOU = 0.5
_NUMBERED = re.compile(r"(.*\S)\s*#\s*(\d{1,3})\s*")
_QUOTE = r"[\"'“”‘’「」《》]"
_SIGN = r"(?:sign|board|poster|label|text|word|words|letters|line|banner|sticker|screen|plate)"
_QUOTING = (
    re.compile(
        rf"(?:.*\b)?(?:that\s+|which\s+)?(?:says|reads|saying|reading|labell?ed|marked)\s+{_QUOTE}?(.+?){_QUOTE}?", re.I
    ),
    re.compile(rf"(?:.*)写(?:着|有){_QUOTE}?(.+?){_QUOTE}?(?:字样)?的.*"),
    re.compile(rf"(?:文字|字样|单词){_QUOTE}?(.+?){_QUOTE}?"),
    re.compile(rf"{_QUOTE}(.+?){_QUOTE}"),
)
# A "traffic sign" need not be a sign that says TRAFFIC.
_MAYBE_QUOTING = (
    re.compile(rf"(?:the\s+|a\s+)?{_SIGN}\s+{_QUOTE}?(.+?){_QUOTE}?", re.I),
    re.compile(rf"(?:the\s+|a\s+)?{_QUOTE}?([^\"'“”‘’]+?){_QUOTE}?\s+{_SIGN}", re.I),
)


@dataclass(frozen=True)
class Resolution:
    """The regions that a name refers to.

    Args:
        by_frame: Index of the region in the sequence that was searched, by index of its frame.
        reason: Why a frame that has a candidate, or every frame, has no region; None if there is no doubt.
    """

    by_frame: dict[int, int] = field(default_factory=dict)
    reason: Message | None = None

    @property
    def found(self) -> bool:
        """Whether at least one frame has the region."""
        return bool(self.by_frame)


def resolve(reference: str, regions: Sequence[Region], frame: int | None = None) -> Resolution:
    """Find the region that a claim's subject or object names in each frame.

    ``label#2`` is the second region of that label within its frame, in the given order. Otherwise the first of these
    that matches counts: the label or another name of a region; a line of text from OCR, quoted or described ("the
    sign that says EXIT"); a single region whose name has the same head noun ("laptop" for "black laptop").

    Args:
        reference: The subject or object of a claim.
        regions: Regions of all frames.
        frame: Only this frame, or None for all.

    Returns:
        At most one region per frame.
    """
    frames = sorted({region.frame for region in regions if frame in (None, region.frame) and region.frame_is_certain})
    numbered = _NUMBERED.fullmatch(reference)
    by_frame: dict[int, int] = {}
    reasons: list[Message] = []
    for index in frames:
        candidates = _candidates(reference, regions, index)
        if len(candidates) == 1:
            by_frame[index] = candidates[0]
        elif candidates:
            reasons.append(_ambiguous(reference, [regions[candidate] for candidate in candidates], index))
        elif numbered and (candidates := _candidates(numbered[1], regions, index)):
            if 1 <= (position := int(numbered[2])) <= len(candidates):
                by_frame[index] = candidates[position - 1]
            else:
                values = {"reference": reference, "frames": (index,), "count": len(candidates), "name": numbered[1]}
                reasons.append(message("only_so_many", **values))
    if not by_frame and not reasons:
        unplaced = [
            replace(region, frame=0, frame_is_certain=True) for region in regions if not region.frame_is_certain
        ]
        if _candidates(reference, unplaced, 0):
            return Resolution({}, message("image_not_stated", name=shorten(reference, 60)))
        reasons.append(_not_found(reference, regions, frame))
    return Resolution(by_frame, reduce(Message.__add__, reasons) if reasons else None)


def resolve_all(reference: str, regions: Sequence[Region], frame: int | None = None) -> tuple[int, ...]:
    """Indices of all regions that a name may mean, for counting.

    Args:
        reference: The subject of a claim, singular or plural.
        regions: Regions of all frames.
        frame: Only this frame, or None for all.
    """
    frames = sorted({region.frame for region in regions if frame in (None, region.frame) and region.frame_is_certain})
    return tuple(candidate for index in frames for candidate in _candidates(reference, regions, index))


def unique_names(regions: Sequence[Region]) -> list[str]:
    """The name by which ``resolve`` finds each region: its label, or ``label#2`` if its frame has several."""
    keys = [(region.frame, region.label) for region in regions]
    totals, ranks = Counter(keys), {key: count(1) for key in keys}
    return [key[1] if totals[key] == 1 else f"{key[1]}#{next(ranks[key])}" for key in keys]


def merge(first: Sequence[Region], second: Sequence[Region]) -> tuple[Region, ...]:
    """All regions of the first sequence, and those of the second that are not repeats of them.

    Two regions of a frame are the same if their names are the same and their boxes overlap by more than half.
    """

    def is_repeat(region: Region) -> bool:
        return any(
            other.frame == region.frame
            and normal_name(other.label) == normal_name(region.label)
            and boxes_iou(other.box_px, region.box_px) > _SAME_IOU
            for other in first
        )

    return (*first, *(region for region in second if not is_repeat(region)))


def other_names(region: Region) -> list[str]:
    """The names of a region besides its label."""
    return [text for key, text in region.attributes.items() if key in ("name_en", "name_zh", "name")]


def _candidates(name: str, regions: Sequence[Region], frame: int) -> list[int]:
    """Indices of the regions of a frame that the best kind of match finds."""
    wanted = normal_name(name)
    if not wanted:
        return []
    inside = {
        index: region for index, region in enumerate(regions) if region.frame == frame and region.frame_is_certain
    }
    lines = {index: normal_name(r.label) for index, r in inside.items() if r.origin is Origin.OCR}
    objects = {index: (r.label, *other_names(r)) for index, r in inside.items() if index not in lines}
    for part in (slice(1), slice(1, None)):
        if found := [index for index, names in objects.items() if wanted in map(normal_name, names[part])]:
            return found
    quoted = _written(name, _QUOTING)
    written = quoted + _written(name, _MAYBE_QUOTING)
    if found := _most_similar(written or [name], lines, _LEAST_SIMILARITY if written else 1.0):
        return found
    if quoted and lines:
        return []
    return [index for index, names in objects.items() if any(names_match(name, other) for other in names)]


def _written(name: str, patterns: Iterable[re.Pattern[str]]) -> list[str]:
    """The texts that a name quotes: EXIT for "the sign that says EXIT"."""
    return [match[1] for pattern in patterns if (match := pattern.fullmatch(name.strip()[:200]))]


def _most_similar(texts: list[str], lines: dict[int, str], least: float) -> list[int]:
    names = [normal_name(text) for text in texts]
    scores = {
        index: max(SequenceMatcher(None, name, line[:200]).ratio() for name in names) for index, line in lines.items()
    }
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

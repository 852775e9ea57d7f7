"""Settles in which unit the coordinates of one answer are, for all of them together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.claims.coordinates.conventions import Convention, CoordinateUnit, Size
from pipeline.claims.coordinates.entries import Entry
from pipeline.claims.coordinates.shapes import Shape
from pipeline.records.message import Message, message

# Models overshoot the edge by a rounding error; beyond this share of the range, the unit is another one.
_OVERSHOOT = 0.02
# Whole numbers up to this may be per cent.
_MOST_PERCENT = 100.0
FIXED = (CoordinateUnit.PER_1024_YX, CoordinateUnit.PER_999, CoordinateUnit.FRACTIONS, CoordinateUnit.THOUSANDTHS_YX)
"""Units that only special notations fix; they need no check."""
_STATED = {
    CoordinateUnit.PIXELS: re.compile(
        r"(?<!not )\b(?:in|as|are)\s+(?:absolute\s+)?pixels?\b|\bpixel\s+(?:coordinates?|values?|positions?)\b|"
        r"\bat\s+pixels?\b|(?<!not )\babsolute\s+coordinates\b|[\])]\s*(?:pixels?|px)\b|\(px\)|像素坐标|"
        r"坐标为像素|以像素为单位|"
        r"coordinate_?system\W{1,6}pixels?\b|单位[:：为是]\s*像素",
        re.IGNORECASE,
    ),
    CoordinateUnit.FRACTIONS: re.compile(
        r"\bnormali[sz]ed\s+(?:to|between|from|in)?\s*[\[(]?\s*0(?:\.0)?\s*(?:,|to|and|[-–])\s*1(?:\.0)?\b(?!0)",
        re.IGNORECASE,
    ),
    CoordinateUnit.PERCENT: re.compile(
        r"\b(?:in|as)\s+(?:percent|percentages?|per\s+cent)\b|\b(?:percent|percentages?)\s*:|[\])]\s*\(%\)|百分比坐标",
        re.IGNORECASE,
    ),
    CoordinateUnit.THOUSANDTHS: re.compile(
        r"\bnormali[sz]ed\s+(?:coordinates?\s+)?(?:to|between|from|in)?\s*[\[(]?\s*0\s*(?:,|to|and|[-–])\s*1000\b|"
        r"\bin\s+thousandths\b|\bout\s+of\s+1000\b|归一化到\s*[\[(]?0\s*[-–~,到至]\s*1000|千分",
        re.IGNORECASE,
    ),
    CoordinateUnit.THOUSANDTHS_YX: re.compile(
        r"\b(?:y_?min|y_?1|y_?0)\b\W{1,3}(?:x_?min|x_?1|x_?0)\b\W{1,3}(?:y_?max|y_?2|y_?1)\b\W{1,3}(?:x_?max|x_?2|x_?1)\b",
        re.IGNORECASE,
    ),
}
"""How answers say in which unit their coordinates are."""
_OTHERS = (CoordinateUnit.FRACTIONS, CoordinateUnit.PERCENT, CoordinateUnit.THOUSANDTHS, CoordinateUnit.PIXELS)


@dataclass(frozen=True)
class Settled:
    """The unit of an answer's coordinates.

    Args:
        unit: The unit of entries whose notation fixes none; None if it cannot be told, so that none can be used.
        remark: What was converted, or why none is used.
    """

    unit: CoordinateUnit | None
    remark: Message | None = None


def shares_of(shape: Shape, unit: CoordinateUnit, convention: Convention, size: Size) -> list[tuple[float, float]]:
    """The corners of a box, or the point, as shares (x, y) of the width and the height of its image.

    Args:
        shape: The shape.
        unit: Its unit and order.
        convention: Convention of the model.
        size: (width, height) of the image that the model was given [px].
    """
    numbers = shape.numbers
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    if unit.is_yx and not shape.is_named:
        pairs = zip(numbers[1::2], numbers[::2], strict=True)
    return [convention.shares(x, y, unit, size) for x, y in pairs]


def stated_unit(text: str) -> CoordinateUnit | None:
    """The unit in which an answer says that its coordinates are; None if it does not say, or says several.

    >>> stated_unit("Coordinates are in pixels: mug [80, 120, 240, 300]")
    <CoordinateUnit.PIXELS: 'pixels'>
    """
    found = {unit for unit, pattern in _STATED.items() if pattern.search(text)}
    if CoordinateUnit.THOUSANDTHS_YX in found:
        found.discard(CoordinateUnit.THOUSANDTHS)
    return found.pop() if len(found) == 1 else None


def settle(
    entries: Sequence[Entry],
    convention: Convention,
    size_of: Callable[[Entry], Size],
    stated: CoordinateUnit | None = None,
) -> Settled:
    """The unit of the boxes and points of one answer.

    Either all of them are read in one unit, with a remark where it is not the model's, or none is.

    Args:
        entries: Entries with a shape; those whose notation fixes the unit are taken as they are.
        convention: Convention of the model.
        size_of: Size of the image of an entry, as the model was given it [px].
        stated: The unit in which the answer says that they are.
    """
    declared = convention.unit
    free = [entry for entry in entries if entry.unit not in FIXED]
    if not free:
        return Settled(declared)
    if any(entry.shape and entry.shape.is_mixed for entry in free):
        return Settled(None, message("coordinates_mixed", example=_example(free)))
    if _are_mixed(free):
        return Settled(None, message("coordinates_mixed", example=_example(free)))
    marks = {entry.unit for entry in free if entry.unit is not None}
    if declared.is_yx and stated in (CoordinateUnit.THOUSANDTHS, CoordinateUnit.THOUSANDTHS_YX):
        stated = None
    if not marks and stated is not None:
        free = [replace(entry, unit=stated) for entry in free]
        marks = {stated}
    if marks:
        return _marked(free, marks, declared, convention, size_of)
    return _unmarked(free, declared, convention, size_of)


def _marked(
    free: list[Entry],
    marks: set[CoordinateUnit],
    declared: CoordinateUnit,
    convention: Convention,
    size_of: Callable[[Entry], Size],
) -> Settled:
    """Coordinates of which some bear a mark: "12%", "300 px"."""
    unit = next(iter(marks))
    if len(marks) > 1:
        return Settled(None, message("coordinates_mixed", example=_example(free)))
    bare = [entry for entry in free if entry.unit is None]
    if unit is CoordinateUnit.PERCENT and bare and max(_numbers(bare)) <= 1:
        return Settled(None, message("coordinates_mixed", example=_example(bare)))
    if not _fits(free, unit, convention, size_of):
        return Settled(None, message("coordinates_mixed" if bare else "coordinates_unknown", example=_example(free)))
    return _in(unit, declared, free)


def _are_mixed(free: Sequence[Entry]) -> bool:
    """Whether some boxes can be nothing but fractions, and others no fractions."""
    shapes = [entry.shape for entry in free if entry.shape is not None]
    fractions = [max(shape.numbers) <= 1 and not shape.is_whole for shape in shapes]
    return any(fractions) and any(max(shape.numbers) > 1.1 for shape in shapes)


def _unmarked(
    free: list[Entry], declared: CoordinateUnit, convention: Convention, size_of: Callable[[Entry], Size]
) -> Settled:
    numbers = _numbers(free)
    largest, are_whole = max(numbers), all(entry.shape.is_whole for entry in free if entry.shape)
    fits = _fits(free, declared, convention, size_of)
    full = min(_full(declared, convention, size_of(entry)) for entry in free)
    if declared is not CoordinateUnit.FRACTIONS and _are_fractions(free, numbers):
        return _in(CoordinateUnit.FRACTIONS, declared, free)
    if fits:
        if _sided(free, declared, convention, size_of):
            return Settled(None, message("coordinates_sides", example=_example(free)))
        may_be_percent = largest <= _MOST_PERCENT and full > 2 * _MOST_PERCENT and not declared.of_pixels
        if may_be_percent and not are_whole:
            return _in(CoordinateUnit.PERCENT, declared, free)
        if may_be_percent and not convention.is_certain:
            return Settled(None, message("coordinates_doubtful", example=_example(free), unit=CoordinateUnit.PERCENT))
        if declared is CoordinateUnit.THOUSANDTHS and not convention.is_certain and _has_key_of_yx(free):
            return Settled(CoordinateUnit.THOUSANDTHS_YX, _converted(declared, CoordinateUnit.THOUSANDTHS_YX))
        return Settled(
            declared, None if convention.is_certain else message("coordinates_assumed", unit=message(declared))
        )
    others = [unit for unit in _OTHERS if unit is not declared and _fits(free, unit, convention, size_of)]
    others = _likely(others, declared, numbers, are_whole)
    overshoots = not fits and min(numbers) >= -0.05 * full and _overshoot(free, declared, convention, size_of)
    if overshoots and (convention.is_certain or not others):
        return Settled(declared)
    if len(others) != 1 or overshoots:
        return Settled(None, message("coordinates_unknown", example=_example(free, full)))
    return _in(others[0], declared, free)


def _in(unit: CoordinateUnit, declared: CoordinateUnit, free: Sequence[Entry]) -> Settled:
    """Settled on a unit; where a model that writes y first uses another unit, the order is not known."""
    if unit is declared:
        return Settled(unit)
    if declared.is_yx and any(entry.shape and not entry.shape.is_named for entry in free):
        return Settled(None, message("coordinates_unknown", example=_example(free)))
    return Settled(unit, _converted(declared, unit))


def _likely(
    others: list[CoordinateUnit], declared: CoordinateUnit, numbers: Iterable[float], are_whole: bool
) -> list[CoordinateUnit]:
    """Of the units that fit, those that numbers of this form are written in."""
    largest = max(numbers)
    if largest > _MOST_PERCENT:
        return [unit for unit in others if unit is not CoordinateUnit.PERCENT]
    if not are_whole:
        return [unit for unit in others if unit is CoordinateUnit.PERCENT]
    return others


def _numbers(entries: Iterable[Entry]) -> list[float]:
    return [number for entry in entries if entry.shape for number in entry.shape.numbers]


def _relative(entry: Entry, unit: CoordinateUnit, convention: Convention, size: Size) -> list[tuple[float, float]]:
    """The corners of an entry as shares of the image: (x, y)."""
    assert entry.shape is not None
    return shares_of(entry.shape, unit, convention, size)


def _full(unit: CoordinateUnit, convention: Convention, size: Size) -> float:
    """The number that means the nearer of the right and the bottom edge."""
    x, y = convention.shares(1.0, 1.0, unit, size)
    x_0, y_0 = convention.shares(0.0, 0.0, unit, size)
    return 1 / max(x - x_0, y - y_0)


def _fits(
    entries: Iterable[Entry], unit: CoordinateUnit, convention: Convention, size_of: Callable[[Entry], Size]
) -> bool:
    """Whether all coordinates lie within their images."""
    return all(
        0 <= share <= 1
        for entry in entries
        for pair in _relative(entry, unit, convention, size_of(entry))
        for share in pair
    )


def _overshoot(
    entries: Iterable[Entry], unit: CoordinateUnit, convention: Convention, size_of: Callable[[Entry], Size]
) -> bool:
    """Whether coordinates leave their images by no more than a rounding error to the right and the bottom."""
    for entry in entries:
        pairs = _relative(entry, unit, convention, size_of(entry))
        for along in zip(*pairs, strict=True):
            if max(along) > 1 + _OVERSHOOT or min(along) > 1 or max(along) < 0:
                return False
    return True


def _are_fractions(entries: Iterable[Entry], numbers: Sequence[float]) -> bool:
    """Whether numbers can be nothing but fractions: none is above 1, and they have decimals or span the image."""
    if max(numbers) > 1 or min(numbers) < 0:
        return False
    return any(entry.shape and (not entry.shape.is_whole or entry.shape.numbers == (0, 0, 1, 1)) for entry in entries)


def _sided(
    entries: Iterable[Entry], unit: CoordinateUnit, convention: Convention, size_of: Callable[[Entry], Size]
) -> bool:
    """Whether boxes with swapped corners would all fit as a corner with a width and a height."""
    lists = [entry for entry in entries if entry.shape and len(entry.shape.numbers) == 4 and not entry.shape.is_named]
    pairs = [_relative(entry, unit, convention, size_of(entry)) for entry in lists]
    swapped = any(b < a for first, second in pairs for a, b in zip(first, second, strict=True))
    return swapped and all(b > 0 and a + b <= 1 for one, other in pairs for a, b in zip(one, other, strict=True))


def _has_key_of_yx(entries: Iterable[Entry]) -> bool:
    """Whether the boxes have the key of Gemini, which writes y first."""
    lists = [entry for entry in entries if entry.shape and not entry.shape.is_named]
    return bool(lists) and all(entry.key == "box_2d" for entry in lists)


def _converted(declared: CoordinateUnit, unit: CoordinateUnit) -> Message:
    return message("coordinates_converted", declared=message(declared), unit=message(unit))


def _example(entries: Sequence[Entry], full: float | None = None) -> str:
    """The coordinates of one entry, of one that leaves the range if there is one."""
    outside = [e for e in entries if full is not None and e.shape and max(e.shape.numbers) > full]
    entry = (outside or list(entries))[0]
    assert entry.shape is not None
    return str([f"{number:g}" for number in entry.shape.numbers]).replace("'", "")

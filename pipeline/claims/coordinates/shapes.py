"""Boxes and points as models write them: lists, corners, named sides, centres with sizes, texts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.claims.coordinates.conventions import CoordinateUnit

_MOST_NUMBERS = 128
_NUMBER = re.compile(
    r"(?<![\w.])([-+]?(?:\d{1,9}(?:\.\d{1,12})?|\.\d{1,12}))(?:\s{0,2}(%|％|px\b|pixels?\b))?(?![\w%])", re.IGNORECASE
)
_MARKS = {"%": CoordinateUnit.PERCENT, "％": CoordinateUnit.PERCENT}
_CORNERS = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
    ("x0", "y0", "x1", "y1"),
    ("xstart", "ystart", "xend", "yend"),
    ("l", "t", "r", "b"),
    ("xtl", "ytl", "xbr", "ybr"),
    ("topleftx", "toplefty", "bottomrightx", "bottomrighty"),
    ("topx", "topy", "bottomx", "bottomy"),
    ("startx", "starty", "endx", "endy"),
    ("minx", "miny", "maxx", "maxy"),
    ("x", "y", "x2", "y2"),
)
_ORIGINS = (("x", "y"), ("left", "top"), ("xmin", "ymin"), ("x1", "y1"), ("topleftx", "toplefty"))
_CENTRES = (("cx", "cy"), ("xcenter", "ycenter"), ("centerx", "centery"), ("xc", "yc"), ("centrex", "centrey"))
_SIZES = (("width", "height"), ("w", "h"))
_PAIRS = (
    ("topleft", "bottomright"),
    ("upperleft", "lowerright"),
    ("start", "end"),
    ("min", "max"),
    ("tl", "br"),
    ("lefttop", "rightbottom"),
    ("p1", "p2"),
)


@dataclass(frozen=True)
class Shape:
    """A box or a point in the numbers of an answer.

    Args:
        numbers: (x1, y1, x2, y2) of a box or (x, y) of a point; y first where ``is_named`` is false and the
            model's convention is to write y first.
        is_named: Whether the notation itself says which number is x and which is y.
        unit: The unit that the notation itself states; None if it states none.
        is_whole: Whether every number was written without decimals.
        has_sides: Whether it was written as a corner with a width and a height.
        is_mixed: Whether its numbers bear marks of several units.
    """

    numbers: tuple[float, ...]
    is_named: bool = False
    unit: CoordinateUnit | None = None
    is_whole: bool = True
    has_sides: bool = False
    is_mixed: bool = False


_SUFFIX = re.compile(r"(?<=\w)[_\s-](pct|percent|percentage|px|pixels?|norm|normalized)$", re.IGNORECASE)
_SUFFIX_UNITS = {
    "pct": CoordinateUnit.PERCENT,
    "per": CoordinateUnit.PERCENT,
    "px": CoordinateUnit.PIXELS,
    "pix": CoordinateUnit.PIXELS,
}


def plain_key(key: Any) -> str:
    """A key in lower case, without anything but letters and digits.

    >>> plain_key("Top-Left_X")
    'topleftx'
    """
    return re.sub(r"[\W_]+", "", str(key)[:60]).casefold()


def shape_of(value: Any) -> Shape | None:
    """The box or point that a value states; None if it states none, or several.

    Args:
        value: Two or four numbers, corners as pairs, a polygon, named sides, or a text with such numbers.
    """
    if isinstance(value, Mapping):
        return _of_names(*_without_suffix(value))
    if isinstance(value, str):
        return _of_text(value)
    if not isinstance(value, Sequence) or not 1 <= len(value) <= _MOST_NUMBERS:
        return None
    if all(isinstance(part, list | tuple | dict) for part in value):
        return _of_pairs(value)
    return _of_list(value)


def numbers_in(words: str) -> tuple[tuple[float, ...], set[CoordinateUnit]]:
    """The numbers of a text, and the units of their marks ("%", "px")."""
    found = _NUMBER.findall(words[:2000])
    units = {_MARKS.get(mark.casefold(), CoordinateUnit.PIXELS) for _, mark in found if mark}
    return tuple(float(number) for number, _ in found), units


def with_units(shape: Shape, units: set[CoordinateUnit], is_whole: bool) -> Shape:
    """The shape with the unit of its marks."""
    unit = next(iter(units)) if len(units) == 1 else None
    return replace(shape, unit=unit, is_whole=is_whole, is_mixed=len(units) > 1)


def bounds(pairs: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """(x1, y1, x2, y2) around points."""
    xs, ys = zip(*pairs, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def shapes_in(words: str, kind: str = "box") -> list[Shape]:
    """All boxes or points of a text of brackets and numbers.

    >>> [shape.numbers for shape in shapes_in("[[1, 2, 3, 4], [5, 6, 7, 8]]")]
    [(1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0)]
    """
    words = re.sub(r"<(?:[xy]_)?([\d.]+)>", r" \1 ", words)
    if any(character.isalpha() for character in re.sub(r"(?i)px|pixels?|nan", "", words)):
        return []
    parts = re.findall(r"[\[(（【{<]([^\[\]()（）【】{}<>]*)[\])）】}>]", words) or [words]
    groups = [numbers_in(piece) for part in parts for piece in _pieces(part)]
    groups = [group for group in groups if group[0]]
    units = set().union(*(units for _, units in groups))
    lengths = [len(numbers) for numbers, _ in groups]
    flat = [number for numbers, _ in groups for number in numbers]
    whole = "." not in words
    if not flat:
        return []
    if kind == "point":
        pairs = list(zip(flat[::2], flat[1::2], strict=False))
        return [with_units(Shape(pair), units, whole) for pair in pairs if len(flat) % 2 == 0]
    if set(lengths) == {2} and len(groups) > 1:
        if len(groups) == 2 and (flat[0] == flat[2] or flat[1] == flat[3]):
            return [with_units(Shape(tuple(numbers)), units, whole) for numbers, _ in groups]
        shape = shape_of([list(numbers) for numbers, _ in groups])
        return [] if shape is None else [with_units(shape, units, whole)]
    shapes = [shape_of(list(numbers)) for numbers, _ in groups]
    return [with_units(shape, units, whole) for shape in shapes if shape is not None]


def _pieces(words: str) -> list[str]:
    """The boxes of a text that separates them by semicolons, or the text."""
    pieces = [piece for piece in re.split(r"[;；]", words) if piece.strip()]
    return pieces if len(pieces) > 1 and all(len(numbers_in(piece)[0]) == 4 for piece in pieces) else [words]


def _of_list(value: Sequence[Any]) -> Shape | None:
    read = [_number(part) for part in value]
    if any(part is None for part in read):
        return None
    parts = [part for part in read if part is not None]
    numbers = tuple(part.value for part in parts)
    if len(numbers) >= 8 and len(numbers) % 2 == 0:
        numbers = bounds(list(zip(numbers[::2], numbers[1::2], strict=True)))
    return _marked(numbers, parts) if len(numbers) in (2, 4) else None


def _of_pairs(value: Sequence[Any]) -> Shape | None:
    shapes = [shape_of(part) for part in value]
    points = [shape for shape in shapes if shape is not None and len(shape.numbers) == 2]
    if len(points) != len(value) or len(points) < 2:
        return shapes[0] if len(value) == 1 else None
    numbers = [shape.numbers for shape in points]
    corners = (*numbers[0], *numbers[1]) if len(points) == 2 else bounds(numbers)
    return joined(corners, points)


def joined(numbers: tuple[float, ...], points: Sequence[Shape]) -> Shape:
    """A box of several points, with the units of their marks."""
    units = {shape.unit for shape in points if shape.unit is not None}
    shape = with_units(Shape(numbers, points[0].is_named), units, all(point.is_whole for point in points))
    return replace(shape, is_mixed=True) if any(point.is_mixed for point in points) else shape


def _of_text(words: str) -> Shape | None:
    if len(words) > 400:
        return None
    words = re.sub(r"<[^<>\d]{0,40}>", " ", words).strip(" []()")
    named = {plain_key(key): part for key, part in _NAMED.findall(words)}
    if named and (shape := _of_names(named)):
        return shape
    numbers, units = numbers_in(words)
    shape = _of_list(numbers)
    if shape is None or re.search(r"[A-Za-z]{3,}", re.sub(r"(?i)px|pixels?|percent", "", words)):
        return None
    return with_units(shape, units, "." not in words)


_NAMED = re.compile(r"([A-Za-z][\w -]{0,20}?)\s{0,3}[:=]\s{0,3}([-+]?\d*\.?\d+\s{0,2}(?:%|％|px)?)")


def _without_suffix(fields: Mapping[Any, Any]) -> tuple[dict[str, Any], CoordinateUnit | None]:
    """Fields such as ``x_pct`` without their suffix, and the unit that it states."""
    units = {_SUFFIX_UNITS.get(match[1].casefold()[:3]) for key in fields if (match := _SUFFIX.search(str(key)[:60]))}
    unit = units.pop() if len(units) == 1 else None
    return {plain_key(_SUFFIX.sub("", str(key)[:60])): part for key, part in fields.items()}, unit


def _of_names(fields: Mapping[str, Any], unit: CoordinateUnit | None = None) -> Shape | None:
    shape = _of_plain_names(fields)
    return replace(shape, unit=unit) if shape is not None and shape.unit is None and unit is not None else shape


def _of_plain_names(fields: Mapping[str, Any]) -> Shape | None:
    if all(isinstance(fields.get(axis), list) and len(fields[axis]) == 2 for axis in "xy"):
        (x1, x2), (y1, y2) = fields["x"], fields["y"]
        fields = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    fields = _with_parts(fields)
    read = {key: number for key, value in fields.items() if (number := _number(value)) is not None}
    for names in _CORNERS:
        if all(name in read for name in names):
            return _marked(tuple(read[name].value for name in names), [read[name] for name in names], is_named=True)
    for sides in _SIZES:
        for origin, share in (*((centre, 0.5) for centre in _CENTRES), *((corner, 0.0) for corner in _ORIGINS)):
            if all(name in read for name in (*origin, *sides)):
                parts = [read[name] for name in (*origin, *sides)]
                x, y, width, height = (part.value for part in parts)
                left, top = x - share * width, y - share * height
                shape = _marked((left, top, left + width, top + height), parts, is_named=True)
                return replace(shape, has_sides=True)
    for first, second in _PAIRS:
        if first in fields and second in fields:
            return _of_pairs([fields[first], fields[second]])
    if "x" in read and "y" in read:
        return _marked((read["x"].value, read["y"].value), [read["x"], read["y"]], is_named=True)
    return None


def _with_parts(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fields with those of a centre and a size that are given as pairs."""
    more = dict(fields)
    for key, names in (("center", ("cx", "cy")), ("centre", ("cx", "cy")), ("size", ("width", "height"))):
        value = fields.get(key)
        if isinstance(value, Mapping):
            value = [value.get(name) for name in (("x", "y") if key != "size" else ("width", "height"))]
        if isinstance(value, list) and len(value) == 2:
            more |= dict(zip(names, value, strict=True))
    return more


@dataclass(frozen=True)
class _Number:
    value: float
    unit: CoordinateUnit | None = None
    is_whole: bool = True


def _marked(numbers: tuple[float, ...], parts: Sequence[_Number], *, is_named: bool = False) -> Shape:
    units = {part.unit for part in parts if part.unit is not None}
    return with_units(Shape(numbers, is_named), units, all(part.is_whole for part in parts))


def _number(value: Any) -> _Number | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (
            _Number(float(value), None, not isinstance(value, float))
            if abs(value) < 1e9 and math.isfinite(value)
            else None
        )
    if isinstance(value, str) and (match := _NUMBER.fullmatch(value.strip()[:40])):
        mark = (match[2] or "").casefold()
        unit = _MARKS.get(mark, CoordinateUnit.PIXELS) if mark else None
        return _Number(float(match[1]), unit, "." not in match[1])
    return None

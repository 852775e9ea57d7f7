"""Finds the entries with coordinates in a model's JSON, and reads their fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.claims.coordinates.boxes_3d import numbers_3d
from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.images import frame_of_key
from pipeline.claims.coordinates.keys import (
    BOX_3D_KEYS,
    BOX_KEYS,
    CLAIM_KEYS,
    CONTAINERS,
    IMAGE_LISTS,
    LABEL_LISTS,
    OTHER_KEYS,
    PLACE_KEYS,
    POINT_KEYS,
    SCORE_KEYS,
    as_text,
    categories_of,
    coordinate_key,
    frame_of,
    is_flat,
    is_number,
    is_texts,
    layout_of,
    own_label,
    unit_of_key,
    without_marks,
)
from pipeline.claims.coordinates.shapes import Shape, plain_key, shape_of
from pipeline.claims.json_blocks import find_json


@dataclass(frozen=True)
class Entry:
    """One entry with coordinates, as the model wrote them.

    Args:
        kind: ``box``, ``point`` or ``box_3d``.
        shape: The box or point; None if it is a 3D box, or cannot be read.
        raw: The unparsed coordinates, for messages.
        label: The label, or None.
        frame: Index of the frame from 0; None if it is not given, -1 if it is not a number.
        numbers_3d: The numbers of a 3D box.
        score: Confidence in [0, 1], if given.
        attributes: All other scalar fields, as texts.
        unit: Unit and order that the notation itself fixes; None if it fixes none.
        key: The key of the coordinates.
        position: Its first character in the answer.
        counts_from_0: Whether ``frame`` comes from a field that should count from 0, as ``frame`` does.
    """

    kind: str
    shape: Shape | None
    raw: Any
    label: str | None
    frame: int | None = None
    numbers_3d: tuple[float, ...] | None = None
    score: float | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    unit: CoordinateUnit | None = None
    key: str = ""
    position: int = 0
    counts_from_0: bool = False


Found = tuple[int, int, Entry]
"""An entry with its span."""


def apart(found: Iterable[Found], taken: Sequence[Found] = ()) -> list[Found]:
    """Entries whose spans overlap none that was taken before; several entries may share one span."""
    mask = bytearray(max((end for _, end, _ in taken), default=0))
    for start, end in {each[:2] for each in taken}:
        mask[start:end] = b"\1" * (end - start)
    return [each for each in found if mask.find(1, each[0], each[1]) < 0]


@dataclass(frozen=True)
class _Context:
    """What the values around an entry say about it."""

    label: str | None = None
    frame: int | None = None
    categories: Mapping[str, str] = field(default_factory=dict)
    frames: int = 1
    counts_from_0: bool = False


def entries(value: Any, position: int = 0, frames: int = 1) -> Iterator[Entry]:
    """Every entry with coordinates in a JSON value, in the order of the text; lists of claims are skipped.

    Args:
        value: A JSON value.
        position: Its first character in the answer.
        frames: Number of frames, which a list of lists may group by.
    """
    context = _Context(categories=categories_of(value), frames=frames)
    if _is_grouped(value, frames):
        for index, part in enumerate(value):
            yield from (replace(entry, position=position) for entry in _walk(part, replace(context, frame=index)))
        return
    yield from (replace(entry, position=position) for entry in _walk(value, context))


def _is_grouped(value: Any, frames: int) -> bool:
    """Whether a value is one list of objects for each of several frames."""
    return (
        isinstance(value, list)
        and len(value) == frames > 1
        and all(isinstance(part, list) and all(isinstance(one, dict) for one in part) for part in value)
    )


def _walk(value: Any, context: _Context) -> Iterator[Entry]:
    if isinstance(value, str):
        if "{" in value or "[" in value:
            for block in find_json(value)[0]:
                yield from _walk(block.value, context)
    elif isinstance(value, list):
        yield from _list(value, context)
    elif isinstance(value, dict):
        yield from _fields(value, context)


def _list(value: list[Any], context: _Context) -> Iterator[Entry]:
    if is_flat(value):
        if (shape := shape_of(value)) is not None:
            yield _entry("box" if len(shape.numbers) == 4 else "point", value, shape, context, {}, "")
        return
    if len(value) == 2 and isinstance(value[0], str) and is_flat(value[1]):
        yield from _list([value[1]], replace(context, label=value[0]))
        return
    if value and isinstance(value[0], str) and is_flat(value[1:]) and len(value) in (3, 5):
        yield from _list(value[1:], replace(context, label=value[0]))
        return
    for element in value:
        yield from _walk(element, context)


def _fields(fields: dict[str, Any], context: _Context) -> Iterator[Entry]:
    plain = {plain_key(key): key for key in fields}
    frame = frame_of(fields, plain)
    if frame is not None:
        context = replace(context, frame=frame[0], counts_from_0=frame[1])
    if (parallel := _parallel(fields, plain)) is not None:
        for label, part in parallel:
            yield from _coordinates(part, "bboxes", replace(context, label=label), {})
        return
    if context.label is None and isinstance(properties := fields.get("properties"), dict):
        context = replace(context, label=own_label(properties, {plain_key(key): key for key in properties})[0])
    found = coordinate_key(fields, plain)
    if found is not None:
        yield from _read(fields, plain, found, context)
        return
    own = shape_of({key: value for key, value in fields.items() if not isinstance(value, list | dict)})
    if own is None and any(not isinstance(part, str | int | float | None) for part in fields.values()):
        own = _corners(fields)
    if own is not None:
        yield from _read(fields, plain, None, context, own)
        return
    numbered = _numbered_frames(fields, context)
    for key, part in fields.items():
        short = plain_key(key)
        if key in CLAIM_KEYS or short in OTHER_KEYS or short in ("categories",):
            continue
        inner = context
        if (index := numbered.get(key, frame_of_key(key))) is not None:
            inner = replace(context, frame=index, counts_from_0="frame" in str(key).casefold())
        elif short not in CONTAINERS:
            inner = replace(context, label=str(key))
        if (
            context.frame is None
            and short in IMAGE_LISTS
            and isinstance(part, list)
            and len(part) == context.frames > 1
        ):
            for index, element in enumerate(part):
                yield from _walk(element, replace(inner, frame=index))
            continue
        yield from _walk(part, inner)


def _numbered_frames(fields: Mapping[str, Any], context: _Context) -> dict[str, int]:
    """Frames of keys that are nothing but numbers, such as {"0": [...], "1": [...]}."""
    if context.frames == 1 or context.frame is not None or not all(str(key).isdecimal() for key in fields):
        return {}
    first = 0 if "0" in fields else 1
    return {key: int(key) - first for key in fields}


def _corners(fields: dict[str, Any]) -> Shape | None:
    """A box of two named corners."""
    shape = shape_of({key: value for key, value in fields.items() if isinstance(value, list | dict | str)})
    return shape if shape is not None and len(shape.numbers) == 4 else None


def _read(
    fields: dict[str, Any], plain: Mapping[str, str], key: str | None, context: _Context, own: Shape | None = None
) -> Iterator[Entry]:
    label, label_key = own_label(fields, plain)
    if label_key is not None and plain_key(label_key) == "id" and context.label is not None:
        label, label_key = None, None
    more = {}
    names = fields[label_key] if label_key is not None else None
    if isinstance(names, list) and len(names) > 1:
        more["name"] = str(names[1])
    if label is None:
        number = next((fields[plain[short]] for short in ("categoryid", "classid") if short in plain), None)
        label = context.categories.get(str(number)) if number is not None else None
    context = replace(context, label=label or context.label)
    score_key = next((plain[short] for short in SCORE_KEYS if short in plain), None)
    used = {label_key, key, *(plain[short] for short in plain if short in BOX_KEYS | POINT_KEYS | BOX_3D_KEYS)}
    used |= {plain[short] for short in plain if frame_of_key(plain[short], fields[plain[short]]) is not None}
    given = fields[score_key] if score_key else None
    score = float(given) if is_number(given) and 0 <= given <= 1 else None
    used |= {score_key} if score is not None else set()
    attributes = {
        name: text for name, part in fields.items() if name not in used and (text := as_text(part)) is not None
    }
    attributes |= more
    if label_key in ("name_en", "name_zh"):
        attributes[label_key] = label or ""
    made = (
        [_entry("box" if len(own.numbers) == 4 else "point", dict(fields), own, context, attributes, "")]
        if own is not None
        else _coordinates(fields[key or ""], str(key), context, attributes, fields)
    )
    for entry in made:
        yield replace(entry, score=score)


def _coordinates(
    raw: Any, key: str, context: _Context, attributes: dict[str, str], fields: Mapping[str, Any] | None = None
) -> Iterator[Entry]:
    short = plain_key(key)
    if short in BOX_3D_KEYS:
        several = raw if isinstance(raw, list) and raw and all(isinstance(part, list) for part in raw) else [raw]
        beside = next((shape_of(part) for name, part in (fields or {}).items() if plain_key(name) in BOX_KEYS), None)
        for part in several:
            made = Entry("box_3d", beside, part, context.label, context.frame, numbers_3d=numbers_3d(part), key=key)
            yield replace(made, attributes=attributes)
        return
    if isinstance(raw, str) and raw.lstrip().startswith(("[[", "[{")):
        blocks, _ = find_json(raw)
        raw = blocks[0].value if blocks else raw
    categories = context.categories
    is_point = without_marks(short) in POINT_KEYS
    parts = _several(raw, is_point)
    for part in parts:
        shape = shape_of(part)
        kind = "point" if is_point or (shape is not None and len(shape.numbers) == 2) else "box"
        if kind == "point" and shape is not None and len(shape.numbers) == 4:
            kind = "box"
        if shape is not None and len(shape.numbers) == 4 and isinstance(part, list):
            shape = with_sides(shape, layout_of(short, fields or {}, is_coco=bool(categories) and short == "bbox"))
        if shape is not None and shape.unit is None and (named := unit_of_key(short, fields or {})) is not None:
            shape = replace(shape, unit=named)
        yield _entry(kind, part, shape, context, attributes, key)


def with_sides(shape: Shape, layout: str) -> Shape:
    """A box of four numbers in a layout, as two corners."""
    if layout == "xyxy":
        return shape
    x, y, width, height = shape.numbers
    left, top = (x - width / 2, y - height / 2) if layout == "cxcywh" else (x, y)
    return replace(shape, numbers=(left, top, left + width, top + height), has_sides=True)


def _entry(kind: str, raw: Any, shape: Shape | None, context: _Context, attributes: dict[str, str], key: str) -> Entry:
    return Entry(
        kind,
        shape,
        raw,
        context.label,
        context.frame,
        attributes=attributes,
        unit=shape.unit if shape is not None else None,
        key=key,
        counts_from_0=context.counts_from_0,
    )


def _several(raw: Any, are_points: bool) -> list[Any]:
    """The boxes or points of a value that may hold several."""
    if not (isinstance(raw, list) and raw):
        return [raw]
    if all(isinstance(part, dict) for part in raw):
        if are_points or not all((shape := shape_of(part)) and len(shape.numbers) == 2 for part in raw):
            return raw
        return [raw]
    if len(raw) == 1 and isinstance(raw[0], list):
        return (
            _several(raw[0], are_points)
            if isinstance(raw[0][:1], list) and raw[0] and isinstance(raw[0][0], list)
            else raw
        )
    if all(isinstance(part, list) and part for part in raw):
        lengths = {len(part) for part in raw}
        if are_points or lengths == {4} or not all(is_flat(part) for part in raw) or max(lengths) > 4:
            return raw
    return [raw]


def _parallel(fields: dict[str, Any], plain: Mapping[str, str]) -> list[tuple[str, Any]] | None:
    """Labels and boxes of two lists of equal length, as Florence-2 returns them."""
    labels = next((fields[plain[key]] for key in LABEL_LISTS if key in plain and is_texts(fields[plain[key]])), None)
    boxes = next(
        (
            part
            for short, key in plain.items()
            if short in BOX_KEYS | POINT_KEYS | PLACE_KEYS
            and isinstance(part := fields[key], list)
            and part
            and all(isinstance(one, list | dict) for one in part)
        ),
        None,
    )
    if labels is None or boxes is None or len(labels) != len(boxes) or len(labels) < 1:
        return None
    if not all(shape_of(box) is not None for box in boxes):
        return None
    return list(zip(labels, boxes, strict=True))

"""Finds the entries with coordinates in a model's JSON, and reads their fields."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.images import FRAME_KEYS, frame_index, frame_of_key
from pipeline.claims.coordinates.shapes import Shape, plain_key, shape_of
from pipeline.claims.json_blocks import find_json
from pipeline.claims.markup import listed

BOX_KEYS = frozenset(
    listed(
        "bbox2d|bbox|box2d|box|boundingbox|bboxes|boxes|boundingboxes|boundingpoly|rect|rectangle|bboxxyxy|boxxyxy|"
        "normalizedbox|normalizedbbox|bboxnorm|quad|quadrilateral|polygon|poly|corners|vertices|segmentation|bndbox|"
        "quadboxes|quad2d|polygon2d|polygons|databbox|databox|pos|mask2d|边界框|坐标框|框|检测框|包围框|外接框"
    )
)
POINT_KEYS = frozenset(
    listed("point2d|point|points|points2d|datapoint|keypoint|keypoints|center|centre|click|pointxy|点|点坐标|中心点")
)
# Words that also name other things: they count only where their value is a box or a point.
PLACE_KEYS = frozenset(
    listed("coordinates|coordinate|coords|coord|position|location|region|loc|area|place|bounds|xyxy|坐标|位置|区域")
)
BOX_3D_KEYS = frozenset(listed("bbox3d|box3d|boundingbox3d|3dbbox|3dbox|三维框|三维边界框"))
LABEL_KEYS = tuple(
    listed(
        "label|name|nameen|namezh|object|objectname|category|categoryname|class|classname|type|text|textcontent|"
        "description|phrase|caption|alt|entity|item|title|标签|名称|类别|物体|对象|id"
    )
)
_LABEL_LISTS = (*LABEL_KEYS, *listed("labels|names|objects|categories|classes|phrases|bboxeslabels"))
_SCORE_KEYS = ("score", "confidence", "conf", "probability")
CLAIM_KEYS = ("claims", "relations", "relationships")
"""Keys of lists of claims."""
# Kinds of shapes are no labels.
_KINDS = frozenset(
    listed("feature|featurecollection|polygon|point|rectangle|rect|box|bbox|bounding_box|detection|object|region")
)
# Numbers under these are no coordinates.
_OTHER_KEYS = frozenset(
    listed(
        "order|ranking|rank|ranks|score|scores|confidences|distances|depth|depths|values|weights|probabilities|sizes|ids|"
        "steps|axis|angle|angles|rotation|translation|price|date|time|timestamp|version|imagesize|size|resolution|shape|color|colour|rgb|range|pose|intrinsics|dimensions|count|counts|distance"
    )
)
_MOST_RADIANS = 6.3
# Keys that say what a list holds; they name no object.
_CONTAINERS = frozenset(
    listed(
        "objects|object|items|results|result|answer|output|outputs|data|detections|annotations|predictions|regions|"
        "entities|elements|targets|shapes|features|response|content|list|instances|boundingboxes|images|pictures|"
        "frames|properties|geometry|attributes|物体|对象|结果|目标"
    )
)


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
    context = _Context(categories=_categories(value), frames=frames)
    if _is_grouped(value, frames):
        for index, part in enumerate(value):
            yield from (replace(entry, position=position) for entry in _walk(part, replace(context, frame=index)))
        return
    yield from (replace(entry, position=position) for entry in _walk(value, context))


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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
    if _is_flat(value):
        if (shape := shape_of(value)) is not None:
            yield _entry("box" if len(shape.numbers) == 4 else "point", value, shape, context, {}, "")
        return
    if len(value) == 2 and isinstance(value[0], str) and _is_flat(value[1]):
        yield from _list([value[1]], replace(context, label=value[0]))
        return
    if value and isinstance(value[0], str) and _is_flat(value[1:]) and len(value) in (3, 5):
        yield from _list(value[1:], replace(context, label=value[0]))
        return
    for element in value:
        yield from _walk(element, context)


def _fields(fields: dict[str, Any], context: _Context) -> Iterator[Entry]:
    plain = {plain_key(key): key for key in fields}
    frame = _frame(fields, plain)
    if frame is not None:
        context = replace(context, frame=frame[0], counts_from_0=frame[1])
    if (parallel := _parallel(fields, plain)) is not None:
        for label, part in parallel:
            yield from _coordinates(part, "bboxes", replace(context, label=label), {})
        return
    if context.label is None and isinstance(properties := fields.get("properties"), dict):
        context = replace(context, label=_own_label(properties, {plain_key(key): key for key in properties})[0])
    found = _coordinate_key(fields, plain)
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
        if key in CLAIM_KEYS or short in _OTHER_KEYS or short in ("categories",):
            continue
        inner = context
        if (index := numbered.get(key, frame_of_key(key))) is not None:
            inner = replace(context, frame=index, counts_from_0="frame" in str(key).casefold())
        elif short not in _CONTAINERS:
            inner = replace(context, label=str(key))
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


def _coordinate_key(fields: dict[str, Any], plain: Mapping[str, str]) -> str | None:
    """The key of an entry's coordinates; 3D boxes come before boxes, and those before points."""
    for keys in (BOX_3D_KEYS, BOX_KEYS, POINT_KEYS):
        named = [key for short, key in plain.items() if _without_marks(short) in keys and not _is_object(fields[key])]
        if (key := next((key for key in named if fields[key] is not None), named[0] if named else None)) is not None:
            return key
    if key := next((key for short, key in plain.items() if short in PLACE_KEYS and _is_place(fields[key])), None):
        return key
    if _own_label(fields, plain)[0] is None:
        return None
    others = [
        key
        for short, key in plain.items()
        if short not in _OTHER_KEYS
        and isinstance(fields[key], list)
        and _is_flat(fields[key])
        and _is_place(fields[key])
    ]
    return others[0] if len(others) == 1 else None


def _without_marks(short: str) -> str:
    """A key without the words for its unit and layout: "bbox" for "bboxxywh" and "bboxpixels"."""
    return re.sub(
        r"(?<=.)(?:xyxy|xywh|cxcywh|ltwh|ltrb|pixels?|px|percent|abs|absolute|norm|normalized|relative)$", "", short
    )


def _is_object(value: Any) -> bool:
    """Whether a value is the entry of a thing called "box" rather than a box."""
    return isinstance(value, dict) and any(plain_key(key) in BOX_KEYS | BOX_3D_KEYS for key in value)


def _is_place(value: Any) -> bool:
    several = value if isinstance(value, list) and value and isinstance(value[0], list | dict) else [value]
    return all(shape_of(part) is not None for part in several)


def _read(
    fields: dict[str, Any], plain: Mapping[str, str], key: str | None, context: _Context, own: Shape | None = None
) -> Iterator[Entry]:
    label, label_key = _own_label(fields, plain)
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
    score_key = next((plain[short] for short in _SCORE_KEYS if short in plain), None)
    used = {label_key, key, *(plain[short] for short in plain if short in BOX_KEYS | POINT_KEYS | BOX_3D_KEYS)}
    used |= {plain[short] for short in plain if frame_of_key(plain[short], fields[plain[short]]) is not None}
    given = fields[score_key] if score_key else None
    score = float(given) if is_number(given) and 0 <= given <= 1 else None
    used |= {score_key} if score is not None else set()
    attributes = {
        name: text for name, part in fields.items() if name not in used and (text := _as_text(part)) is not None
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


def _own_label(fields: Mapping[str, Any], plain: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The label among some fields, and its key."""
    for short in LABEL_KEYS:
        if (
            short in plain
            and (label := _label(fields[plain[short]]))
            and not (short == "type" and label.casefold() in _KINDS)
        ):
            return label, plain[short]
    return None, None


def _coordinates(
    raw: Any, key: str, context: _Context, attributes: dict[str, str], fields: Mapping[str, Any] | None = None
) -> Iterator[Entry]:
    short = plain_key(key)
    if short in BOX_3D_KEYS:
        several = raw if isinstance(raw, list) and raw and all(isinstance(part, list) for part in raw) else [raw]
        beside = next((shape_of(part) for name, part in (fields or {}).items() if plain_key(name) in BOX_KEYS), None)
        for part in several:
            made = Entry("box_3d", beside, part, context.label, context.frame, numbers_3d=_numbers(part), key=key)
            yield replace(made, attributes=attributes)
        return
    if isinstance(raw, str) and raw.lstrip().startswith(("[[", "[{")):
        blocks, _ = find_json(raw)
        raw = blocks[0].value if blocks else raw
    categories = context.categories
    is_point = _without_marks(short) in POINT_KEYS
    parts = _several(raw, is_point)
    for part in parts:
        shape = shape_of(part)
        kind = "point" if is_point or (shape is not None and len(shape.numbers) == 2) else "box"
        if kind == "point" and shape is not None and len(shape.numbers) == 4:
            kind = "box"
        if shape is not None and len(shape.numbers) == 4 and isinstance(part, list):
            shape = _with_sides(shape, _layout(short, fields or {}, is_coco=bool(categories) and short == "bbox"))
        if shape is not None and shape.unit is None and (named := _unit_of_key(short, fields or {})) is not None:
            shape = replace(shape, unit=named)
        yield _entry(kind, part, shape, context, attributes, key)


def _layout(short: str, fields: Mapping[str, Any], *, is_coco: bool) -> str:
    """What four numbers mean: ``xyxy``, or a corner or centre with a width and a height."""
    named = f"{short} {plain_key(fields.get('format', ''))} {plain_key(fields.get('bbox_format', ''))}"
    if "cxcywh" in named or "xcycwh" in named:
        return "cxcywh"
    return "xywh" if is_coco or "xywh" in named or "ltwh" in named else "xyxy"


def _with_sides(shape: Shape, layout: str) -> Shape:
    if layout == "xyxy":
        return shape
    x, y, width, height = shape.numbers
    left, top = (x - width / 2, y - height / 2) if layout == "cxcywh" else (x, y)
    return replace(shape, numbers=(left, top, left + width, top + height), has_sides=True)


def _unit_of_key(short: str, fields: Mapping[str, Any]) -> CoordinateUnit | None:
    """The unit that the key of coordinates, or a field beside them, names."""
    words = f"{short} {plain_key(fields.get('unit', ''))} {plain_key(fields.get('units', ''))}"
    if "pixel" in words or re.search(r"(?:bbox|box|point|coords?|^|\s)px(?:\s|$)", words):
        return CoordinateUnit.PIXELS
    return CoordinateUnit.PERCENT if "percent" in words else None


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
        if are_points or lengths == {4} or not all(_is_flat(part) for part in raw) or max(lengths) > 4:
            return raw
    return [raw]


def _parallel(fields: dict[str, Any], plain: Mapping[str, str]) -> list[tuple[str, Any]] | None:
    """Labels and boxes of two lists of equal length, as Florence-2 returns them."""
    labels = next((fields[plain[key]] for key in _LABEL_LISTS if key in plain and _is_texts(fields[plain[key]])), None)
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


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, str) and part.strip() for part in value)


def _is_flat(value: Any) -> bool:
    """Whether a value is a list of numbers, or of texts that are numbers."""
    return (
        isinstance(value, list | tuple)
        and len(value) >= 2
        and all(
            is_number(part) or (isinstance(part, str) and re.fullmatch(r"\s*[-+]?[\d.]+\s*%?\s*", part))
            for part in value
        )
    )


def _numbers(value: Any) -> tuple[float, ...] | None:
    if isinstance(value, dict):
        fields = {plain_key(key): part for key, part in value.items()}
        centre = next((_triple(fields[k]) for k in ("center", "centre", "position", "location") if k in fields), None)
        size = next((_triple(fields[k]) for k in ("size", "dimensions", "extent", "scale") if k in fields), None)
        turned = next((fields[k] for k in ("rotation", "angles", "euler", "orientation") if k in fields), None)
        if isinstance(turned, dict) or turned is None:
            return (*centre, *size, *_named_angles(turned or fields)) if centre and size else None
        angles = _triple(turned)
        return (*centre, *size, *angles) if centre and size and angles else None
    if isinstance(value, str):
        value = [float(number) for number in re.findall(r"[-+]?\d{1,9}(?:\.\d{1,12})?", value[:400])]
    if not isinstance(value, Sequence) or len(value) > 16 or not all(map(is_number, value)):
        return None
    return tuple(map(float, value))


def _named_angles(fields: Mapping[str, Any]) -> tuple[float, float, float]:
    """Named angles about x, y and z in units of pi; other models write them in radians or degrees."""
    plain = {plain_key(key): part for key, part in fields.items()}
    named = [
        plain.get(first, plain.get(second, 0)) for first, second in (("pitch", "rx"), ("yaw", "ry"), ("roll", "rz"))
    ]
    x, y, z = (float(angle) if is_number(angle) else 0.0 for angle in named)
    turn = math.pi if max(map(abs, (x, y, z))) <= _MOST_RADIANS else 180.0
    return x / turn, y / turn, z / turn


def _triple(value: Any) -> tuple[float, ...] | None:
    if isinstance(value, dict):
        fields = {plain_key(key): part for key, part in value.items()}
        names = (
            ("x", "y", "z"),
            ("roll", "pitch", "yaw"),
            ("width", "height", "depth"),
            ("w", "h", "d"),
            ("l", "w", "h"),
        )
        value = next(([fields[name] for name in each] for each in names if all(name in fields for name in each)), None)
    return (
        tuple(map(float, value)) if isinstance(value, list) and len(value) == 3 and all(map(is_number, value)) else None
    )


def _categories(value: Any) -> dict[str, str]:
    """Names of COCO's categories by their id."""
    listed_ones = value.get("categories") if isinstance(value, dict) else None
    if not isinstance(listed_ones, list):
        return {}
    return {
        str(one["id"]): str(one["name"]) for one in listed_ones if isinstance(one, dict) and {"id", "name"} <= set(one)
    }


def _frame(fields: dict[str, Any], plain: Mapping[str, str]) -> tuple[int, bool] | None:
    """Index of the frame that a field gives, and whether that field counts from 0."""
    for short, key in plain.items():
        if (index := frame_of_key(key, fields[key])) is not None:
            return index, FRAME_KEYS.get(short) == 0 or "frame" in str(fields[key]).casefold()
    return None


def _label(value: Any) -> str | None:
    if isinstance(value, list):
        return next((text for part in value if (text := _as_text(part))), None) if _is_texts(value) else None
    if isinstance(value, dict):
        return None
    return _as_text(value)


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() or None if isinstance(value, str | int | float) else None


__all__ = ["BOX_KEYS", "CLAIM_KEYS", "Entry", "entries", "frame_index", "is_number"]

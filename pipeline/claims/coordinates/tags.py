"""Reads coordinates in XML-like tags and in the special tokens of models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.entries import Entry, Found, apart, entries
from pipeline.claims.coordinates.inline import label_before
from pipeline.claims.coordinates.shapes import Shape, bounds, numbers_in, shape_of, shapes_in

_SIDE = 32  # Kosmos-2 numbers the cells of a 32 x 32 grid.
_REFERENCES = "object_ref|ref|p|obj|phrase|grounding|label|entity|name|object|text|ocr|class|category"
_BOXES = "box|bbox|det|quad|poly|polygon|point|points|loc|coordinates?|coord|position|region|begin_of_box|bounding_box"
_LABEL = (
    rf"<\|{{0,2}}(?:{_REFERENCES})(?:_start)?\|{{0,2}}>\s{{0,4}}(?P<label>[^<>\n]{{1,80}}?)\s{{0,4}}"
    rf"<\|{{0,2}}/?\|{{0,2}}(?:{_REFERENCES})(?:_end)?\|{{0,2}}>"
)
_BODY = r"(?:[^<>]|<[\d.,\s]{1,60}>|<[xy]_\d{1,4}>){1,2000}"
_TAGGED = re.compile(
    rf"(?:{_LABEL}\s{{0,4}}[:：,，(]?\s{{0,4}})?<\|{{0,2}}(?P<tag>{_BOXES})(?:_start)?\|{{0,2}}>(?P<body>{_BODY}?)"
    rf"(?:<\|{{0,2}}/?\|{{0,2}}(?:{_BOXES}|end_of_box)(?:_end)?\|{{0,2}}>|(?=<\|(?:object_ref|im_end|box_start))|(?=\n|\Z))"
    rf"(?:(?=\s{{0,2}}{_LABEL.replace('<label>', '<after>')})|(?=(?P<behind>[^\W\d][^<>\n,.;:]{{0,40}})(?:[\n<]|\Z)))?",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"<(?P<name>[A-Za-z][\w -]{0,40})>\s{0,3}(?P<body>[\[(]{1,2}[-+\d.,\s%]{3,80}[\])]{1,2})\s{0,3}</(?P=name)>"
)
_BRACED = re.compile(rf"{_LABEL}\s{{0,4}}\{{(?P<body>(?:<\d{{1,4}}>){{2,8}})\}}", re.IGNORECASE)
_ATTRIBUTES = re.compile(
    r"<(?P<tag>[A-Za-z][\w-]{0,30})\s(?P<fields>(?:\s{0,4}[\w:-]{1,30}\s{0,2}=\s{0,2}(?:\"[^\"]{0,2000}\"|'[^']{0,2000}'|[^\s\"'<>/]{1,40})){1,16})"
    r"\s{0,4}/?>(?:(?P<body>[^<>\n]{0,120})</(?P=tag)>)?"
)
_FIELD = re.compile(r"([\w:-]{1,30})\s{0,2}=\s{0,2}(?:\"([^\"]{0,2000})\"|'([^']{0,2000})'|([^\s\"'<>/]{1,40}))")
_ELEMENT = re.compile(r"<([A-Za-z][\w-]{0,30})(\s[^<>]{0,200})?(?<!/)>")
_LOC_BEFORE = re.compile(r"((?:<loc\d{4}>\s?){2,4})(?:<seg\d{1,4}>){0,40}\s{0,4}([^<>;\n]{0,80})")
_LOC_AFTER = re.compile(r"(?:<loc_\d{1,4}>){2,40}+")
_PATCHES = re.compile(
    r"(?:<phrase>(?P<label>[^<>]{1,80})</phrase>\s{0,4})?<object>(?P<body>(?:\s{0,2}<patch_index_\d{4}>|</?delimiter_of_multi_objects/?>){2,80})\s{0,2}</object>"
)


def tagged(text: str) -> Iterator[Found]:
    """Entries in tags and special tokens, each with its span."""
    if "<" not in text:
        return
    found: list[Found] = []
    for read in (_patches, _locations, _with_attributes, _elements, _with_body, _with_name):
        found += apart(read(text), found)
    for start, end, entry in found:
        yield start, end, replace(entry, position=start)


def _patches(text: str) -> Iterator[Found]:
    for match in _PATCHES.finditer(text):
        indices = [int(number) for number in re.findall(r"patch_index_(\d{4})", match["body"])]
        for first, last in zip(indices[::2], indices[1::2], strict=False):
            # From centre to centre of two cells, but all of cells that lie in one row or column.
            margin = 0.0 if first % _SIDE == last % _SIDE or first // _SIDE == last // _SIDE else 0.5
            x1, x2 = (first % _SIDE + margin) / _SIDE, (last % _SIDE + 1 - margin) / _SIDE
            y1, y2 = (first // _SIDE + margin) / _SIDE, (last // _SIDE + 1 - margin) / _SIDE
            shape = Shape((x1, y1, x2, y2), True, CoordinateUnit.FRACTIONS)
            yield (*match.span(), _entry("box", shape, match.group(), match["label"], CoordinateUnit.FRACTIONS))


def _locations(text: str) -> Iterator[Found]:
    for match in _LOC_BEFORE.finditer(text):
        numbers = tuple(float(number) for number in re.findall(r"loc(\d{4})", match[1]))
        if len(numbers) in (2, 4):
            unit = CoordinateUnit.PER_1024_YX
            shape = Shape(numbers, False, unit)
            label = match[2].strip(" .,:") or None
            yield (*match.span(), _entry("box" if len(numbers) == 4 else "point", shape, match.group(), label, unit))
    for match in _LOC_AFTER.finditer(text):
        numbers = tuple(float(number) for number in re.findall(r"loc_(\d{1,4})", match.group()))
        label = label_before(text, match.start())
        parts = [numbers[at : at + 4] for at in range(0, len(numbers), 4)] if len(numbers) % 4 == 0 else [numbers]
        if any(len(part) == 4 and (part[2] <= part[0] or part[3] <= part[1]) for part in parts):
            parts = [bounds(list(zip(numbers[::2], numbers[1::2], strict=True)))]
        for shape in filter(None, (shape_of(list(part)) for part in parts)):
            unit = CoordinateUnit.PER_999
            kind = "box" if len(shape.numbers) == 4 else "point"
            yield (*match.span(), _entry(kind, replace(shape, is_named=True), match.group(), label, unit))


def _elements(text: str) -> Iterator[Found]:
    """XML elements with children, such as those of Pascal VOC."""
    at = 0
    while opening := _ELEMENT.search(text, at):
        tree, end = _element(text, opening, 0)
        if isinstance(tree, dict):
            found = list(entries({opening[1]: tree} if opening[1].casefold() != "annotation" else tree))
            if found:
                for entry in found:
                    yield opening.start(), end, entry
                at = end
                continue
        at = opening.end()


def _element(text: str, opening: re.Match[str], depth: int) -> tuple[Any, int]:
    """The content of an element as a dict of its children or as a text, and its end; None if it is not closed."""
    name, at = opening[1], opening.end()
    closing = f"</{name}>"
    children: dict[str, Any] = {
        key: double or single or bare for key, double, single, bare in _FIELD.findall(opening[2] or "")
    }
    while depth < 8:
        child = _ELEMENT.match(text, len(text) - len(text[at:].lstrip()) if text[at : at + 1].isspace() else at)
        if child is None:
            break
        value, end = _element(text, child, depth + 1)
        if value is None:
            return None, at
        known = children.get(child[1])
        if known is None:
            children[child[1]] = value
        else:
            children[child[1]] = [*known, value] if isinstance(known, list) else [known, value]
        at = end
    close = text.find(closing, at, at + 400)
    if close < 0:
        return None, at
    body = text[at:close].strip()
    end = close + len(closing)
    if children:
        return children, end
    return (body, end) if "<" not in body else (None, at)


def _with_attributes(text: str) -> Iterator[Found]:
    for match in _ATTRIBUTES.finditer(text):
        fields: dict[str, Any] = {
            name: double or single or bare for name, double, single, bare in _FIELD.findall(match["fields"])
        }
        body = (match["body"] or "").strip()
        label = body if body and not numbers_in(body)[0] else None
        of_points = match["tag"].casefold() in ("point", "points", "track", "tracks")
        coordinates = next((fields[key] for key in ("coords", "coordinates") if of_points and key in fields), None)
        points = _molmo_points(coordinates) if coordinates is not None else []
        if of_points and not points:
            points = [(None, shape) for shape in _numbered_points(fields)]
        if points:
            label = next((fields[key] for key in ("alt", "label", "name") if fields.get(key)), label)
            for frame, shape in points:
                entry = _entry("point", shape, match.group(), label, shape.unit)
                yield (*match.span(), replace(entry, frame=frame))
            continue
        if label is not None:
            fields.setdefault("label", label)
        elif body and shape_of(body) is not None:
            fields["bbox"] = body
        for entry in entries(fields):
            tag = match["tag"].casefold()
            named = None if tag in _BOXES.split("|") or tag in ("object", "region", "rect") else match["tag"]
            yield (*match.span(), entry if entry.label else replace(entry, label=named))


def _numbered_points(fields: dict[str, str]) -> list[Shape]:
    """Points ``x1, y1, x2, y2, x3, ...`` of the attributes of Molmo's tag."""
    if set(fields) & {"left", "width", "xmin", "x_min"} or "x1" not in fields:
        return []
    shapes = []
    for number in range(1, 65):
        shape = shape_of({"x": fields.get(f"x{number}"), "y": fields.get(f"y{number}")})
        if shape is None:
            break
        shapes.append(shape)
    return shapes


def _molmo_points(coordinates: str) -> list[tuple[int | None, Shape]]:
    """Points of Molmo 2, ``image index x y index x y; ...`` in thousandths, each with the index of its frame."""
    points: list[tuple[int | None, Shape]] = []
    for part in re.split(r"[;\t]", coordinates):
        numbers, _ = numbers_in(part)
        for at in range(1, len(numbers) - 2, 3):
            x, y = numbers[at + 1 : at + 3]
            points.append((int(numbers[0]) - 1, Shape((x, y), True, CoordinateUnit.THOUSANDTHS)))
    return points


def _with_body(text: str) -> Iterator[Found]:
    label = None
    for match in (*_TAGGED.finditer(text), *_BRACED.finditer(text)):
        groups = match.groupdict()
        own = groups["label"] or groups.get("after")
        label = own or label_before(text, match.start()) or groups.get("behind") or label
        kind = "point" if (groups.get("tag") or "").casefold().startswith("point") else "box"
        for shape in shapes_in(match["body"], kind):
            name = "point" if len(shape.numbers) == 2 else "box"
            yield (*match.span(), _entry(name, shape, match.group(), label, shape.unit))


def _with_name(text: str) -> Iterator[Found]:
    """Read "<mug>[150, 300, 400, 700]</mug>"."""
    for match in _NAMED.finditer(text):
        for shape in shapes_in(match["body"]):
            kind = "point" if len(shape.numbers) == 2 else "box"
            yield (*match.span(), _entry(kind, shape, match.group(), match["name"], shape.unit))


def _entry(kind: str, shape: Shape, raw: str, label: str | None, unit: CoordinateUnit | None) -> Entry:
    return Entry(kind, shape, raw[:80], label.strip() if label else None, unit=unit)

"""Reads coordinates in Markdown tables, CSV, YOLO lines and YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml

from pipeline.claims.coordinates.conventions import CoordinateUnit
from pipeline.claims.coordinates.entries import Entry, Found, entries
from pipeline.claims.coordinates.images import frame_of_key
from pipeline.claims.coordinates.keys import BOX_KEYS, LABEL_KEYS
from pipeline.claims.coordinates.shapes import Shape, plain_key, shape_of

_TABLE = re.compile(r"(?:^[^|\n]{0,200}+\|[^\n]++\n?){2,}+", re.MULTILINE)
_RULE = re.compile(r"[\s|:+-]+")
_CSV = re.compile(
    r"(?:^[^\n,;\t{}\[\]]{1,80}+(?:[,\t;][^\n,;\t{}\[\]]{0,40}+){4,12}+\n){1,}+(?:^[^\n{}\[\]]++)?", re.MULTILINE
)
_YOLO = re.compile(
    r"^[ \t]{0,8}+([^\W\d][\w -]{0,40}?|\d{1,3})((?:[ \t]{1,4}+(?:0?\.\d{1,12}|1\.0+|[01])(?!\S)){4})[ \t]{0,4}$",
    re.MULTILINE,
)
_YAML = re.compile(
    r"(?:^[ ]{0,40}+(?:-[ ]{1,4}+)?[\w \"'-]{1,40}+:(?:[ \t][^\n]*+)?\n?"
    r"(?:^[ ]{1,40}+-[ ]{1,4}+[-\d.]++[ ]{0,4}+\n?)*+){2,}+",
    re.MULTILINE,
)
_MOST_YAML = 20_000


def tabular(text: str) -> Iterator[Found]:
    """Entries in tables, lists of separated values and YAML, each with the span of its table."""
    for pattern, read in ((_TABLE, _markdown), (_CSV, _separated), (_YOLO, _yolo), (_YAML, _yaml)):
        for match in pattern.finditer(text):
            for entry in read(match):
                yield match.start(), match.end(), replace(entry, position=match.start())


def _markdown(match: re.Match[str]) -> Iterator[Entry]:
    rows = [[cell.strip(" *`") for cell in line.strip().strip("|").split("|")] for line in match.group().splitlines()]
    rows = [row for row in rows if not all(_RULE.fullmatch(cell) or not cell for cell in row)]
    yield from _rows(rows)


def _separated(match: re.Match[str]) -> Iterator[Entry]:
    lines = match.group().splitlines()
    separator = next((mark for mark in ("\t", ";", ",") if lines[0].count(mark) >= 4), ",")
    yield from _rows([[cell.strip(" \"'") for cell in line.split(separator)] for line in lines])


def _rows(rows: list[list[str]]) -> Iterator[Entry]:
    if len(rows) < 2:
        return
    header = rows[0]
    if not any(shape_of(cell) is not None or re.fullmatch(r"[-\d.%]+", cell) for cell in header):
        short = [plain_key(re.sub(r"\([^)]*\)|（[^）]*）", "", cell)) for cell in header]
        for row in rows[1:]:
            yield from _row(dict(zip(short, row, strict=False)), header)
    elif all(len(row) == 5 for row in rows):
        for row in rows:
            name, *numbers = row if not re.fullmatch(r"[-\d.%]+", row[0]) else (row[-1], *row[:-1])
            if (shape := shape_of(numbers)) is not None:
                yield Entry("box", shape, str(numbers), name, unit=shape.unit)


def _row(fields: dict[str, str], header: list[str]) -> Iterator[Entry]:
    label_key = next((key for key in LABEL_KEYS if fields.get(key)), next(iter(fields)))
    label = fields.get(label_key)
    frame = next((index for key, cell in fields.items() if (index := frame_of_key(key, cell)) is not None), None)
    others: dict[str, Any] = {key: cell for key, cell in fields.items() if key != label_key}
    shape = shape_of({key: cell for key, cell in others.items() if cell})
    cells = [] if shape is not None else [found for cell in others.values() if (found := _cell(cell))]
    if shape is not None:
        cells = [shape]
    order = " ".join(header).casefold()
    marked = (
        CoordinateUnit.PERCENT if "%" in order else CoordinateUnit.PIXELS if re.search(r"\bpx|pixel", order) else None
    )
    for found in cells:
        is_yx = re.search(r"y_?min\W+x_?min|\(?y1?\W+x1?\W", order) is not None and not found.is_named
        unit = CoordinateUnit.THOUSANDTHS_YX if is_yx else found.unit or marked
        yield Entry("box" if len(found.numbers) == 4 else "point", found, str(fields)[:80], label, frame, unit=unit)


def _cell(words: str) -> Shape | None:
    shape = shape_of(words.strip("[]()（）【】 "))
    if shape is not None:
        return shape if len(shape.numbers) == 4 or not shape.is_whole or max(shape.numbers) >= 10 else None
    pairs = re.findall(r"[(（\[]([^()（）\[\]]*)[)）\]]", words)
    return shape_of([[*found.numbers] for pair in pairs if (found := shape_of(pair))]) if len(pairs) > 1 else None


def _yolo(match: re.Match[str]) -> Iterator[Entry]:
    x, y, width, height = map(float, match[2].split())
    numbers = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    unit = CoordinateUnit.FRACTIONS
    label = None if match[1].isdigit() else match[1].strip()
    yield Entry("box", Shape(numbers, True, unit, False, True), match.group().strip(), label, unit=unit)


def _yaml(match: re.Match[str]) -> Iterator[Entry]:
    words = match.group()
    # Anchors could make a small text expand without bound.
    if len(words) > _MOST_YAML or re.search(r"[&*]\w", words):
        return
    if not any(
        plain_key(key) in BOX_KEYS or plain_key(key) in ("x1", "xmin", "left", "x")
        for key in re.findall(r"([\w-]{1,40}):", words)
    ):
        return
    indent = min((len(line) - len(line.lstrip()) for line in words.splitlines() if line.strip()), default=0)
    try:
        value = yaml.safe_load("\n".join(line[indent:] for line in words.splitlines()))
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    yield from entries(value)

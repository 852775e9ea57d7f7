"""Polygon files: the points, called vertices, of ``.ply`` files.

A header of lines, as ``format binary_little_endian 1.0``, ``element vertex 8`` and ``property float x``, up to
``end_header``; then the records of every element in its order (Turk 1994,
https://paulbourke.net/dataformats/ply).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.ingest.pcd_files import MAX_POINTS
from pipeline.ingest.text_files import rows_of_lines
from pipeline.records.errors import InputError

_MOST_HEADER_BYTES = 65536
_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass
class _Element:
    """An element of the header, with the names and numpy's types of its properties; a list has the type None."""

    name: str
    count: int
    properties: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def has_list(self) -> bool:
        return any(kind is None for _, kind in self.properties)


def read_ply(file: Path, content: bytes) -> np.ndarray:
    """Points of a PLY file.

    Args:
        file: Where it was read, for messages.
        content: The file.

    Returns:
        float64 (N, 3), its vertices.

    Raises:
        InputError: If it is damaged or cut short, has no vertices with x, y and z, lists before them, or declares more
            than ``MAX_POINTS``.
    """
    order, elements, data = _header(file, content)
    names = [element.name for element in elements]
    if "vertex" not in names:
        raise InputError(f"{file} has no element vertex; write its points as vertices.")
    place = names.index("vertex")
    vertices, before = elements[place], elements[:place]
    if any(element.has_list for element in (*before, vertices)):
        raise InputError(f"{file} has lists before or within its vertices; write the vertices first, without lists.")
    columns = [name for name, _ in vertices.properties]
    if not {"x", "y", "z"} <= set(columns) or len(set(columns)) < len(columns):
        raise InputError(f"{file} must have the properties x, y and z of its vertices, each once.")
    axes = [columns.index(axis) for axis in "xyz"]
    if not order:
        skipped = sum(element.count for element in before)
        return _ascii(file, data, skipped, vertices.count, axes)
    start = sum(element.count * _record(element, order).itemsize for element in before)
    record = _record(vertices, order)
    if len(data) < start + vertices.count * record.itemsize:
        raise _cut_off(file, vertices.count)
    records = np.frombuffer(data, record, vertices.count, start)
    return np.stack([records[f"{axis}"].astype(np.float64) for axis in axes], axis=1)


def _header(file: Path, content: bytes) -> tuple[str, Sequence[_Element], bytes]:
    """The byte order, empty for text; the elements; and what follows the header."""
    lines, at = [], 0
    while True:
        end = content.find(b"\n", at, _MOST_HEADER_BYTES)
        if end < 0:
            raise InputError(f"{file} has no end_header in its PLY header; it is cut off or of another format.")
        words, at = content[at:end].decode("ascii", "replace").split(), end + 1
        if words == ["end_header"]:
            break
        lines.append(words)
    order, elements = None, []
    for words in lines:
        match words:
            case [] | ["ply"] | ["comment" | "obj_info", *_]:
                continue
            case ["format", form, "1.0"] if form in _ORDERS:
                order = _ORDERS[form]
            case ["element", name, count] if count.isascii() and count.isdecimal() and len(count) < 12:
                if int(count) > MAX_POINTS:
                    raise InputError(f"{file} declares {count} of {name[:40]!r}, more than {MAX_POINTS}; write fewer.")
                elements.append(_Element(name, int(count)))
            case ["property", "list", count, kind, name] if elements and {count, kind} <= _TYPES.keys():
                elements[-1].properties.append((name, None))
            case ["property", kind, name] if elements and kind in _TYPES:
                elements[-1].properties.append((name, _TYPES[kind]))
            case _:
                raise InputError(f"{file} has the line {' '.join(words)[:60]!r} in its PLY header; write it again.")
    if order is None:
        raise InputError(f"{file} does not name its format, ascii or binary, in its PLY header; write it again.")
    return order, elements, content[at:]


def _record(element: _Element, order: str) -> np.dtype:
    return np.dtype([(f"{index}", f"{order}{kind}") for index, (_, kind) in enumerate(element.properties)])


def _ascii(file: Path, data: bytes, skipped: int, count: int, axes: Sequence[int]) -> np.ndarray:
    try:
        return rows_of_lines(data, skipped, count, axes)
    except EOFError:
        raise _cut_off(file, count) from None
    except ValueError:
        raise InputError(f"{file} has a vertex whose x, y or z is not a number; write it again.") from None


def _cut_off(file: Path, count: int) -> InputError:
    return InputError(f"{file} is cut off: it does not hold the {count} vertices of its header.")

"""Arrays of MATLAB 5 files, without what is not asked for.

Format: "MAT-File Format", MathWorks, level 5. After 128 bytes come elements: a tag of type and size, then the content,
filled up to 8 bytes; one of up to 4 bytes shares 8 bytes with its tag. A matrix is an element of elements: flags with
its class, dimensions, name, and numbers column by column, or for a struct the names of its fields and one matrix each.

Every size is compared with what is there before anything is read: damaged files crash other readers, and files of some
kilobytes may claim to hold any number of values.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.ingest.files import existing_file
from pipeline.records.errors import InputError

MOST_BYTES = 256 * 2**20
"""Largest content that is read, unpacked [bytes]: several times that of the data sets which come in such files."""

_HEADER_BYTES, _TAG_BYTES = 128, 8
_MATRIX, _COMPRESSED = 14, 15
_STRUCT = 2
_COMPLEX = 0x800
# Classes of arrays of numbers; double, single, and whole numbers of 1 to 8 bytes.
_NUMERIC = range(6, 16)
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


class _Damaged(Exception):
    """The file is not of the format."""


@dataclass(frozen=True)
class _Matrix:
    name: str
    shape: tuple[int, ...]
    kind: int
    rest: memoryview


def read_mat5(path: Path, fields_of: str | None, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Arrays of a file by their names, of those that are there.

    Args:
        path: The file.
        fields_of: Name of a struct whose fields are wanted, or None for variables.
        names: What is wanted; everything else is passed over.

    Raises:
        InputError: If the file is missing, damaged, too large, or what is wanted is no array of real numbers.
    """
    file = existing_file(path, "a MATLAB file")
    if file.stat().st_size > MOST_BYTES:
        raise _too_large(file)
    try:
        content = file.read_bytes()
        order = _order(content)
        found = {matrix.name: matrix for matrix in _variables(memoryview(content)[_HEADER_BYTES:], order, file)}
        if fields_of is not None:
            found = _fields(found[fields_of], order) if fields_of in found else {}
        return {name: _array(found[name], order) for name in names if name in found}
    except (_Damaged, struct.error, zlib.error, UnicodeDecodeError):
        raise InputError(f"{file} cannot be read as a MATLAB 5 file; copy it again.") from None


def _order(content: bytes) -> str:
    mark = content[_HEADER_BYTES - 2 : _HEADER_BYTES]
    if mark not in (b"IM", b"MI"):
        raise _Damaged
    return "<" if mark == b"IM" else ">"


def _variables(content: memoryview, order: str, file: Path) -> Iterator[_Matrix]:
    left = MOST_BYTES
    while len(content) >= _TAG_BYTES:
        kind, size = struct.unpack_from(order + "II", content)
        if size > len(content) - _TAG_BYTES:
            raise _Damaged
        body, content = content[_TAG_BYTES : _TAG_BYTES + size], content[_TAG_BYTES + size :]
        if kind == _COMPRESSED:
            unpacked = zlib.decompressobj().decompress(body, left)
            left -= len(unpacked)
            if left <= 0:
                raise _too_large(file)
            kind, body, _ = _element(memoryview(unpacked), order)
        if kind == _MATRIX and len(body):
            yield _matrix(body, order)


def _element(content: memoryview, order: str) -> tuple[int, memoryview, memoryview]:
    """Type and content of the first element, and what follows it."""
    word, size = struct.unpack_from(order + "II", content)
    start, end = _TAG_BYTES, _TAG_BYTES + size
    after = end + -end % 8
    if word >> 16:
        word, start, end, after = word & 0xFFFF, 4, 4 + (word >> 16), _TAG_BYTES
        if end > _TAG_BYTES:
            raise _Damaged
    if end > len(content):
        raise _Damaged
    return word, content[start:end], content[after:]


def _matrix(body: memoryview, order: str) -> _Matrix:
    _, flags, rest = _element(body, order)
    _, sides, rest = _element(rest, order)
    _, name, rest = _element(rest, order)
    word = struct.unpack_from(order + "I", flags)[0]
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides)
    if len(shape) < 2 or min(shape) < 0:
        raise _Damaged
    return _Matrix(bytes(name).decode("ascii"), shape, -1 if word & _COMPLEX else word & 0xFF, rest)


def _fields(matrix: _Matrix, order: str) -> dict[str, _Matrix]:
    if matrix.kind != _STRUCT or math.prod(matrix.shape) != 1:
        raise _Damaged
    _, length, rest = _element(matrix.rest, order)
    _, names, rest = _element(rest, order)
    step = struct.unpack(order + "i", length)[0]
    if step < 1 or len(names) % step:
        raise _Damaged
    found = {}
    for start in range(0, len(names), step):
        name = bytes(names[start : start + step]).split(b"\0")[0].decode("ascii")
        kind, body, rest = _element(rest, order)
        if kind != _MATRIX:
            raise _Damaged
        if len(body):
            found[name] = _matrix(body, order)
    return found


def _array(matrix: _Matrix, order: str) -> np.ndarray:
    if matrix.kind not in _NUMERIC:
        raise _Damaged
    kind, numbers, _ = _element(matrix.rest, order)
    if kind not in _NUMBERS:
        raise _Damaged
    # Numbers are stored in the smallest type that holds them, which need not be that of their class.
    dtype = np.dtype(order + _NUMBERS[kind])
    if len(numbers) != math.prod(matrix.shape) * dtype.itemsize:
        raise _Damaged
    return np.frombuffer(numbers, dtype).reshape(matrix.shape, order="F")


def _too_large(file: Path) -> InputError:
    return InputError(
        f"{file} holds more than {MOST_BYTES // 2**20} MiB, which is no file of a data set; copy it again."
    )

"""Point Cloud Data of PCL: the points of ``.pcd`` files.

A header of lines, as ``FIELDS x y z intensity``, ``SIZE 4 4 4 4``, ``TYPE F F F F``, ``COUNT 1 1 1 1``, ``WIDTH``,
``HEIGHT``, ``POINTS`` and ``DATA``, then a point a line (``ascii``), a record a point (``binary``), or one field after
the other, packed by LZF behind its sizes before and after packing, two uint32 (``binary_compressed``).
https://pointclouds.org/documentation/tutorials/pcd_file_format.html

Convention: points are taken as they are stored; ``VIEWPOINT`` is not applied, as by PCL's own reader.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.ingest.text_files import rows_of_lines
from pipeline.records.errors import InputError

MAX_POINTS = 50_000_000
"""More than the points of any scan, because a small file may declare any number of them."""
_MOST_HEADER_BYTES = 65536
_MOST_BYTES_A_POINT = 65536
_KINDS = {"F": "f", "I": "i", "U": "u"}
_SIZES = {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}
# PCL fills gaps of its records with fields of this name.
_PADDING = "_"
Fields = Sequence[tuple[str, np.dtype, int]]


def read_pcd(file: Path, content: bytes) -> np.ndarray:
    """Points of a PCD file.

    Args:
        file: Where it was read, for messages.
        content: The file.

    Returns:
        float64 (N, 3).

    Raises:
        InputError: If it is damaged or cut short, lacks x, y or z as floating-point numbers, or declares more than
            ``MAX_POINTS``.
    """
    header, start = _header(file, content)
    fields, count = _fields(file, header), _count(file, header)
    data, form = content[start:], " ".join(header.get("DATA", ())).lower()
    if form == "ascii":
        return _ascii(file, data, fields, count)
    if form == "binary":
        record = np.dtype([(f"{index}", dtype, (repeat,)) for index, (_, dtype, repeat) in enumerate(fields)])
        if len(data) < count * record.itemsize:
            raise _cut_off(file, count)
        records = np.frombuffer(data, record, count)
        return np.stack([records[f"{index}"][:, 0].astype(np.float64) for index in _places(fields)], axis=1)
    if form == "binary_compressed":
        return _compressed(file, data, fields, count)
    raise InputError(f"{file} has DATA {form!r}; it must be ascii, binary or binary_compressed.")


def unpacked_lzf(packed: bytes, size: int) -> bytes:
    """What LZF packed, at most ``size`` bytes.

    A byte below 32 begins that many literals and one more; another is the length, less 2, of a copy in its upper three
    bits (7: the next byte is added) and the upper bits of how far back it begins, whose lower bits follow.
    https://github.com/PointCloudLibrary/pcl/blob/master/io/src/lzf.cpp

    Args:
        packed: The bytes.
        size: How many they must become.

    Raises:
        ValueError: If they become another number of bytes, or copy what is not there.

    >>> unpacked_lzf(bytes([1, 97, 98, 0b01100000, 1]), 7)
    b'abababa'
    """
    out, at = bytearray(), 0
    while at < len(packed):
        control = packed[at]
        at += 1
        if control < 32:
            literals = packed[at : at + control + 1]
            if len(literals) != control + 1:
                raise ValueError("it is cut off")
            out += literals
            at += control + 1
        else:
            length = control >> 5
            needed = 2 if length == 7 else 1
            if at + needed > len(packed):
                raise ValueError("it is cut off")
            if length == 7:
                length += packed[at]
                at += 1
            back = ((control & 31) << 8 | packed[at]) + 1
            at += 1
            length += 2
            if back > len(out):
                raise ValueError("it refers to bytes before its beginning")
            begin = len(out) - back
            # A copy may overlap itself: it then repeats its first bytes.
            out += (out[begin:] * (length // back + 1))[:length] if back < length else out[begin : begin + length]
        if len(out) > size:
            raise ValueError("it is longer than declared")
    if len(out) != size:
        raise ValueError("it is shorter than declared")
    return bytes(out)


def _header(file: Path, content: bytes) -> tuple[Mapping[str, list[str]], int]:
    """Words of the header's lines by their first one, and where the data begins."""
    found: dict[str, list[str]] = {}
    at = 0
    while at < min(len(content), _MOST_HEADER_BYTES):
        end = content.find(b"\n", at, _MOST_HEADER_BYTES)
        end = min(len(content), _MOST_HEADER_BYTES) if end < 0 else end
        words = content[at:end].decode("ascii", "replace").split()
        at = end + 1
        if words and not words[0].startswith("#"):
            found[words[0].upper()] = words[1:]
            if words[0].upper() == "DATA":
                return found, at
    raise InputError(f"{file} has no line DATA in its PCD header; it is cut off or of another format.")


def _fields(file: Path, header: Mapping[str, list[str]]) -> Fields:
    """Name, type and number of values of every field."""
    # COLUMNS is the word of versions before 0.6.
    names = header.get("FIELDS") or header.get("COLUMNS") or []
    sizes, kinds = header.get("SIZE", ["4"] * len(names)), header.get("TYPE", ["F"] * len(names))
    counts = header.get("COUNT", ["1"] * len(names))
    if not {"x", "y", "z"} <= set(names) or not len(names) == len(sizes) == len(kinds) == len(counts):
        raise InputError(f"{file} has no fields x, y and z, each with its SIZE, TYPE and COUNT, in its PCD header.")
    fields = []
    for name, size, kind, count in zip(names, sizes, kinds, counts, strict=True):
        is_known = size.isascii() and size.isdecimal() and int(size[:3]) in _SIZES.get(kind, ()) and len(size) < 3
        if not is_known or not (count.isascii() and count.isdecimal() and 0 < len(count) < 6 and int(count) > 0):
            raise InputError(f"{file} declares the field {name[:40]!r} of type {kind[:8]}{size[:8]} x {count[:8]}.")
        if name in ("x", "y", "z") and (kind != "F" or count != "1"):
            raise InputError(f"{file} stores {name} as {kind}{size} x {count}; it must be one floating-point number.")
        fields.append((name, np.dtype(f"<{_KINDS[kind]}{size}"), int(count)))
    if sum(dtype.itemsize * count for _, dtype, count in fields) > _MOST_BYTES_A_POINT:
        raise InputError(f"{file} declares more than {_MOST_BYTES_A_POINT} bytes a point; write only x, y and z.")
    return fields


def _count(file: Path, header: Mapping[str, list[str]]) -> int:
    """Number of points."""
    numbers = {}
    for key in ("WIDTH", "HEIGHT", "POINTS"):
        word = "".join(header.get(key, ()))
        if word and not (word.isascii() and word.isdecimal() and len(word) < 12):
            raise InputError(f"{file} declares {key} {word[:40]}, which is not a whole number.")
        if word:
            numbers[key] = int(word)
    size = numbers.get("WIDTH", 0) * numbers.get("HEIGHT", 1)
    count = numbers.get("POINTS", size)
    if "WIDTH" in numbers and count != size:
        raise InputError(f"{file} declares {count} points, but WIDTH x HEIGHT of {size}; write it again.")
    if count > MAX_POINTS:
        raise InputError(f"{file} declares {count} points, more than {MAX_POINTS}; write fewer.")
    return count


def _places(fields: Fields) -> list[int]:
    names = [name for name, _, _ in fields]
    return [names.index(axis) for axis in "xyz"]


def _ascii(file: Path, data: bytes, fields: Fields, count: int) -> np.ndarray:
    first = np.concatenate(([0], np.cumsum([repeat for _, _, repeat in fields])))
    columns = [int(first[place]) for place in _places(fields)]
    try:
        return rows_of_lines(data, 0, count, columns)
    except EOFError:
        raise _cut_off(file, count) from None
    except ValueError:
        raise InputError(f"{file} has a point whose x, y or z is not a number; write it again.") from None


def _compressed(file: Path, data: bytes, fields: Fields, count: int) -> np.ndarray:
    # Padding is left out of what is packed.
    fields = [field for field in fields if field[0] != _PADDING]
    sizes = [dtype.itemsize * repeat * count for _, dtype, repeat in fields]
    if len(data) < 8:
        raise _cut_off(file, count)
    packed, size = struct.unpack_from("<II", data)
    if len(data) < 8 + packed or size != sum(sizes):
        raise _cut_off(file, count)
    try:
        plain = unpacked_lzf(data[8 : 8 + packed], size)
    except ValueError as error:
        raise InputError(f"{file} holds packed points that are damaged: {error}; write it again.") from None
    starts = np.concatenate(([0], np.cumsum(sizes)))
    places = _places(fields)
    axes = [np.frombuffer(plain, fields[place][1], count, int(starts[place])) for place in places]
    return np.stack([axis.astype(np.float64) for axis in axes], axis=1)


def _cut_off(file: Path, count: int) -> InputError:
    return InputError(f"{file} is cut off or damaged: it does not hold the {count} points of its header.")

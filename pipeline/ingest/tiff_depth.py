"""Depth in TIFF files of number formats that PIL does not open: floats of 16 and 64 bits, integers of 64 bits.

Format: TIFF 6.0 (https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf), with the floating-point predictor of
Adobe's Photoshop TIFF Technical Note 3 (2005). The samples are handed to PIL as rows of bytes, which it decompresses;
numbers and predictors are undone here.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pipeline.records.errors import InputError

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _ROWS_PER_STRIP, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _SAMPLE_FORMAT = 277, 278, 317, 322, 323, 339
_SUBFILE_TYPE = 254
# Tags that say where the bytes lie: compression, order of bits, strips and tiles.
_PLACES = (_COMPRESSION, 266, 273, _ROWS_PER_STRIP, 279, _TILE_WIDTH, _TILE_HEIGHT, 324, 325)
# By sample format (1 unsigned, 2 signed, 3 float) and bits.
_DTYPES = {(3, 16): "f2", (3, 64): "f8", (1, 64): "u8", (2, 64): "i8"}
_HORIZONTAL, _FLOATING = 2, 3
# The version of a BigTIFF, little-endian; PIL reads no other.
_BIG = b"\x2b"


def read_tiff(file: Path, most_values: int) -> np.ndarray | None:
    """The samples of a TIFF of one channel, or None if its number format is one that PIL opens.

    Args:
        file: An existing TIFF.
        most_values: Most numbers that it may hold.

    Returns:
        float16, float64, uint64 or int64 (H, W).

    Raises:
        InputError: If it holds several images of the same size, too many numbers or several channels.
        Exception: Of any type if it is damaged.
    """
    with file.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = stream.read(16)
        if header[:2] not in (b"II", b"MM"):
            return None
        if header[:4] == b"MM\0\x2b":
            raise InputError(f"{file} is a BigTIFF of high bytes first; save it as a TIFF of low bytes first.")
        directory = _directory(stream, header)
        width, height = _one(directory, _WIDTH, 0), _one(directory, _HEIGHT, 0)
        if _WIDTH not in directory or _HEIGHT not in directory:
            return None
        if directory.next:
            second = _directory(stream, header, directory.next)
            is_reduced = bool(_one(second, _SUBFILE_TYPE, 0) & 1)
            if not is_reduced and (_one(second, _WIDTH, 0), _one(second, _HEIGHT, 0)) == (width, height):
                raise InputError(f"{file} holds several images of one size; save the depth of each frame as a file.")
        dtype = _DTYPES.get((_one(directory, _SAMPLE_FORMAT, 1), _one(directory, _BITS, 1)))
        if dtype is None:
            return None
        if _one(directory, _SAMPLES, 1) != 1:
            raise InputError(f"{file} has {_one(directory, _SAMPLES, 1)} channels; save the depth with one channel.")
        if width * height > most_values or width * height == 0:
            raise InputError(f"{file} declares {width} x {height} values, not 1 to {most_values}; save smaller depth.")
        stream.seek(0)
        data = stream.read(8 * most_values + (1 << 20))
        return _samples(data, directory, np.dtype(("<" if data[:2] == b"II" else ">") + dtype))


def _directory(stream: Any, header: bytes, offset: int | None = None) -> ImageFileDirectory_v2:
    """The first directory of tags, or that at an offset."""
    directory = ImageFileDirectory_v2(header if header[2:3] == _BIG else header[:8])
    start = directory.next if offset is None else offset
    stream.seek(start)
    directory.load(stream)
    if directory.next == start:
        # PIL leaves it so where the file is cut off.
        directory.next = 0
    return directory


def _one(directory: ImageFileDirectory_v2, tag: int, default: int) -> int:
    value = directory.get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)


def _samples(data: bytes, directory: ImageFileDirectory_v2, dtype: np.dtype) -> np.ndarray:
    width, height = _one(directory, _WIDTH, 0), _one(directory, _HEIGHT, 0)
    predictor = _one(directory, _PREDICTOR, 1)
    # Blocks are whole even at the right edge, where PIL would cut them.
    across = _one(directory, _TILE_WIDTH, width)
    columns = math.ceil(width / across) * across
    rows = _bytes_of(data, directory, (columns * dtype.itemsize, height), across * dtype.itemsize)
    blocks = rows.reshape(height, columns // across, across * dtype.itemsize)
    if predictor == _FLOATING:
        # Each row holds the highest bytes of all numbers, then the next ones; every byte is a difference.
        planes = np.cumsum(blocks, axis=2, dtype=np.uint8).reshape(height, -1, dtype.itemsize, across)
        numbers = np.ascontiguousarray(planes.swapaxes(2, 3)).view(dtype.newbyteorder(">"))
    else:
        numbers = blocks.view(dtype)
        if predictor == _HORIZONTAL:
            whole = np.dtype(f"u{dtype.itemsize}")
            counted = numbers.view(whole.newbyteorder(dtype.byteorder)).astype(whole)
            numbers = np.cumsum(counted, axis=2, dtype=whole).view(dtype.newbyteorder("="))
    return numbers.reshape(height, columns)[:, :width].astype(dtype.newbyteorder("="))


def _bytes_of(data: bytes, directory: ImageFileDirectory_v2, size: tuple[int, int], block_width: int) -> np.ndarray:
    """The decompressed bytes, uint8 (height, width): those of a grey image whose directory is appended to the file."""
    grey = {tag: _all(directory[tag]) for tag in _PLACES if tag in directory}
    grey |= {_WIDTH: [size[0]], _HEIGHT: [size[1]], _BITS: [8], _PHOTOMETRIC: [1], _SAMPLES: [1]}
    if _TILE_WIDTH in directory:
        grey[_TILE_WIDTH] = [block_width]
    file = io.BytesIO(b"".join(_with_directory(data, grey)))
    with Image.open(file, formats=("TIFF",)) as image:
        return np.array(image, dtype=np.uint8).reshape(size[::-1])


def _with_directory(data: bytes, tags: Mapping[int, Sequence[int]]) -> Iterator[bytes]:
    """The file with another directory at its end, in which every number is a LONG."""
    order = "<" if data[:2] == b"II" else ">"
    start = len(data) + len(data) % 2
    yield data[:2] + struct.pack(order + "HL", 42, start) + data[8:] + bytes(start - len(data))
    entries, further = [struct.pack(order + "H", len(tags))], []
    after = start + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}L", *values)
        if len(values) > 1:
            further.append(packed)
            after, packed = after + len(packed), struct.pack(order + "L", after)
        entries.append(struct.pack(order + "HHL", tag, 4, len(values)) + packed)
    yield from (*entries, bytes(4), *further)


def _all(value: Any) -> list[int]:
    return [int(one) for one in value] if isinstance(value, tuple) else [int(value)]

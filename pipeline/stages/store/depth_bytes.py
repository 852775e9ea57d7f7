"""Depth maps as bytes, exactly and quickly.

Neighbouring depths differ little, so each value becomes its difference to the plane through three neighbours (the
Lorenzo predictor: Ibarria et al., "Out-of-core compression and decompression of large n-dimensional scalar fields",
2003), taken on the bits of the numbers as integers, which loses nothing. The four bytes of the differences are stored
apart: the upper two are nearly constant and shrink to a few per cent, the lower two are noise and stay as they are.
"""

from __future__ import annotations

import json
import zlib
from itertools import pairwise

import numpy as np

from pipeline.records import DepthMap, Sampling

_LENGTH_BYTES = 4
# The quick look that decides whether bytes are compressed: so many pieces of this length.
_PIECES = 4
_PIECE_BYTES = 2048
# Noise costs more time than the space is worth: at 640 x 480 a quarter of the file for twice the time.
_WORTH = 0.25
# Differences of both signs around zero then share their upper two bytes.
_BIAS = np.uint32(0x8000)
# 400 megapixels, far above any image; a header that claims more is not believed.
_MOST_PIXELS = 400_000_000


def encode_depth(depth: DepthMap) -> list[bytes | memoryview]:
    """The parts of a depth map: the length of the header, the header, and its arrays."""
    arrays: list[bytes | memoryview] = [*_encoded_floats(depth.values), _packed(np.packbits(depth.valid).data)]
    if depth.confidence is not None:
        arrays += _encoded_floats(np.asarray(depth.confidence, np.float32))
    header = {
        "shape": depth.shape,
        "lengths": [len(array) for array in arrays],
        "confidence": depth.confidence is not None,
        "kind": str(depth.kind),
        "scale_source": str(depth.scale_source),
        "backend": depth.backend,
        "focal_px": _number(depth.focal_px),
        "scale_error": _number(depth.scale_error),
        "sampling": [float(depth.sampling.width_px), float(depth.sampling.height_px)],
        "scattered": bool(depth.sampling.is_scattered),
        "disagreement": _number(depth.disagreement),
        "misfit": float(depth.misfit),
    }
    encoded = json.dumps(header).encode()
    return [len(encoded).to_bytes(_LENGTH_BYTES, "little"), encoded, *arrays]


def decode_depth(content: memoryview) -> DepthMap:
    """The depth map of these bytes, as it was.

    Raises:
        Exception: Of any type, if they are not those of a depth map.
    """
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + length
    header = json.loads(bytes(content[_LENGTH_BYTES:start]))
    height, width = (int(side) for side in header["shape"])
    if not (height > 0 and width > 0 and height * width <= _MOST_PIXELS):
        raise ValueError(f"a depth map of {width} x {height} pixels")
    arrays = []
    for length in header["lengths"]:
        if not 0 <= length <= len(content) - start:
            raise ValueError("arrays are missing")
        arrays.append(content[start : start + length])
        start += length
    if start != len(content) or len(arrays) != (9 if header["confidence"] else 5):
        raise ValueError("the arrays do not fit the header")
    bits = np.frombuffer(_unpacked(arrays[4], -(-height * width // 8)), np.uint8)
    sampling_width_px, sampling_height_px = header["sampling"]
    return DepthMap(
        _decoded_floats(arrays[:4], height, width),
        np.unpackbits(bits, count=height * width).reshape(height, width).view(bool),
        header["kind"],
        header["scale_source"],
        str(header["backend"]),
        _decoded_floats(arrays[5:], height, width) if header["confidence"] else None,
        header["focal_px"],
        header["scale_error"],
        Sampling(sampling_width_px, sampling_height_px, header["scattered"]),
        header["disagreement"],
        header["misfit"],
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _encoded_floats(values: np.ndarray) -> list[bytes | memoryview]:
    """The four planes of bytes of the differences, the lowest first."""
    width = values.shape[1]
    bits = np.ascontiguousarray(values, "<f4").view("<u4").reshape(-1)
    along = np.empty_like(bits)
    along[0] = bits[0]
    np.subtract(bits[1:], bits[:-1], out=along[1:])
    plane = np.empty_like(bits)
    plane[:width] = along[:width]
    np.subtract(along[width:], along[:-width], out=plane[width:])
    plane += _BIAS
    planes = np.ascontiguousarray(plane.view(np.uint8).reshape(-1, 4).T)
    return [_packed(each.data) for each in planes]


def _decoded_floats(planes: list[memoryview], height: int, width: int) -> np.ndarray:
    count = height * width
    joined = np.empty((count, 4), np.uint8)
    for index, plane in enumerate(planes):
        joined[:, index] = np.frombuffer(_unpacked(plane, count), np.uint8)
    bits = joined.view("<u4").reshape(height, width)
    bits -= _BIAS
    for above, row in pairwise(bits):
        row += above
    flat = bits.reshape(-1)
    np.cumsum(flat, dtype=np.uint32, out=flat)
    return bits.view("<f4").astype(np.float32, copy=False)


def _packed(content: memoryview) -> bytes | memoryview:
    """The bytes, compressed where a sample shows that it is worth it; shorter ones than before are compressed ones."""
    step = max(_PIECE_BYTES, len(content) // _PIECES)
    sample = b"".join(content[start : start + _PIECE_BYTES] for start in range(0, len(content), step))
    if len(zlib.compress(sample, 1)) > _WORTH * len(sample):
        return content
    packed = zlib.compress(content, 1)
    return packed if len(packed) < len(content) else content


def _unpacked(content: memoryview, size_bytes: int) -> bytes | memoryview:
    """The bytes as they were; never more than ``size_bytes`` are made of them."""
    if len(content) == size_bytes:
        return content
    decompressor = zlib.decompressobj()
    unpacked = decompressor.decompress(content, size_bytes + 1)
    if len(unpacked) != size_bytes or not decompressor.eof or decompressor.unused_data:
        raise ValueError("an array has another length")
    return unpacked

"""Decompression of LZFSE to a known size.

A stream is a sequence of blocks, little-endian, each with a magic and the number of its raw bytes: ``bvx-`` holds them
as they are, ``bvxn`` in LZVN, ``bvx2`` in LZFSE; ``bvx$`` ends the stream. Header fields:
https://github.com/lzfse/lzfse/blob/master/src/lzfse_internal.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from pipeline.records.errors import DependencyError, InputError

_END = b"bvx$"
# A block has at most 40 000 literals and 10 000 matches of 2 359 bytes, whatever its header says of its raw bytes.
_MOST_RAW = 40_000 + 10_000 * 2_359
# Decompressed at most, before it is seen that headers lie.
_MOST_UNSEEN = 64 * 2**20


def decompressed(data: bytes, size: int, file: Path, name: str) -> bytes:
    """Decompress a stream that must give a known number of bytes; never much more memory is used.

    Args:
        data: The stream.
        size: Number of raw bytes.
        file: The file that it comes from, for the message.
        name: Its name there, for the message.

    Raises:
        InputError: If it is damaged or gives another number of bytes.
        DependencyError: If the package ``lzfse`` is missing.
    """
    try:
        import lzfse
    except ImportError as error:
        raise DependencyError(
            "Recordings of Record3D need the package lzfse; install it with: pip install 'theodolite[captures]'."
        ) from error
    damaged = InputError(f"{name} of {file} is damaged: it does not decompress to {size} bytes; export it again.")
    raw = unseen = 0
    try:
        for end, block_raw, block_most in _blocks(data):
            raw, unseen = raw + block_raw, unseen + block_most
            if raw > size:
                raise damaged
            if unseen > _MOST_UNSEEN:
                if len(lzfse.decompress(data[:end] + _END)) != raw:
                    raise damaged
                unseen = 0
        if raw != size:
            raise damaged
        whole: bytes = lzfse.decompress(data)
    except (lzfse.error, struct.error):
        raise damaged from None
    if len(whole) != size:
        raise damaged
    return whole


def _blocks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """End, raw bytes by the header and most possible raw bytes of each block, up to the end of the stream.

    Raises:
        struct.error: If the stream is cut off or has an unknown block.
    """
    at = 0
    while (magic := data[at : at + 4]) != _END:
        (raw,) = struct.unpack_from("<I", data, at + 4)
        most = raw
        if magic == b"bvx-":
            at += 8 + raw
        elif magic == b"bvxn":
            at += 12 + struct.unpack_from("<I", data, at + 8)[0]
        elif magic == b"bvx2":
            literals, matches, sizes = struct.unpack_from("<QQQ", data, at + 8)
            # The size of the header counts from its magic; the two payloads follow.
            at += (sizes & 0xFFFFFFFF) + (literals >> 20 & 0xFFFFF) + (matches >> 40 & 0xFFFFF)
            most = _MOST_RAW
        else:
            raise struct.error("unknown block")
        if at > len(data) - 4 or (magic == b"bvx2" and sizes & 0xFFFFFFFF < 32):
            raise struct.error("cut off")
        yield at, raw, most

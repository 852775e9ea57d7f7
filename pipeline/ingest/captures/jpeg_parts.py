"""Parts of JPEG files around the picture: XMP, further pictures, and what is appended.

Source: ISO/IEC 10918-1 (markers); XMP specification part 3 (APP1, extended XMP); CIPA DC-007 (MPF: several pictures).
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator

Bytes = bytes | mmap.mmap

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
_MPF = b"MPF\0"
_END = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
# Of a photo with depth, a few hundred at most; more are made to keep a reader busy.
_MAX_SEGMENTS = 10_000
_MAX_PICTURES = 32
MAX_XMP_BYTES = 48_000_000


def segments(data: Bytes, start: int = 0) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of the contents of the segments before the coded picture, also of a file that is cut off."""
    at = start + 2
    for _ in range(_MAX_SEGMENTS):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        head = data[at : at + 4]
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xD8, 0xD9):
            return
        end = at + 2 + max(int.from_bytes(head[2:], "big"), 2)
        if end > len(data):
            return
        yield head[1], at + 4, end
        if head[1] == 0xDA:
            return
        at = end


def main_xmp(data: Bytes, start: int = 0) -> bytes:
    """The main XMP packet of the JPEG that begins at ``start``, or nothing."""
    for marker, first, last in segments(data, start):
        if marker == 0xE1 and data[first : first + len(_XMP)] == _XMP:
            return data[first + len(_XMP) : last]
    return b""


def extended_xmp(data: Bytes, name: str) -> bytes:
    """The extended XMP packet that the main one names in ``xmpNote:HasExtendedXMP``, put together.

    Raises:
        ValueError: If parts are missing, overlap, or promise more than ``MAX_XMP_BYTES``.
    """
    packet, filled = bytearray(), 0
    for marker, first, last in segments(data):
        head = data[first : first + len(_EXTENDED) + 40]
        if marker != 0xE1 or not head.startswith(_EXTENDED) or len(head) < len(_EXTENDED) + 40:
            continue
        if head[len(_EXTENDED) : -8].decode("latin-1").casefold() != name.casefold():
            continue
        whole, offset = struct.unpack(">II", head[-8:])
        part = data[first + len(head) : last]
        if whole > MAX_XMP_BYTES or offset + len(part) > whole:
            raise ValueError(f"its extended XMP promises {whole} bytes")
        packet = packet or bytearray(whole)
        if len(packet) != whole:
            raise ValueError("the parts of its extended XMP promise different lengths")
        packet[offset : offset + len(part)] = part
        filled += len(part)
    if filled != len(packet):
        raise ValueError(f"its extended XMP has {filled} of {len(packet)} bytes")
    return bytes(packet)


def end_of_picture(data: Bytes) -> int:
    """Where the first JPEG ends, behind its EOI marker; the length of the file if it is cut off."""
    at = 0
    for marker, _, end in segments(data):
        at = end if marker == 0xDA else 0
    for _ in range(_MAX_SEGMENTS):
        found = _END.search(data, at) if at else None
        if found is None:
            break
        if data[found.start() + 1] == 0xD9:
            return found.end()
        # Further scans of a progressive picture.
        at = found.end() + max(int.from_bytes(data[found.end() : found.end() + 2], "big"), 2)
    return len(data)


def further_pictures(data: Bytes) -> list[tuple[int, int]]:
    """(start, end) of the pictures behind the first that the MPF segment lists; those outside of the file are left out.

    CIPA DC-007, 5.2.3: a TIFF directory, whose tag B002 holds 16 bytes per picture: attribute, size, offset from the
    byte order mark, two numbers of dependent pictures.
    """
    for marker, first, last in segments(data):
        if marker == 0xE2 and data[first : first + 4] == _MPF:
            return list(_listed(data, data[first + 4 : last], first + 4))[:_MAX_PICTURES]
    return []


def _listed(data: Bytes, index: bytes, base: int) -> Iterator[tuple[int, int]]:
    order = "<" if index[:2] == b"II" else ">"
    try:
        at = struct.unpack_from(f"{order}I", index, 4)[0]
        for entry in range(struct.unpack_from(f"{order}H", index, at)[0]):
            tag, _, length, where = struct.unpack_from(f"{order}HHII", index, at + 2 + 12 * entry)
            if tag == 0xB002:
                for place in range(where, min(where + length, len(index)) - 15, 16):
                    _, size, offset = struct.unpack_from(f"{order}III", index, place)
                    start = base + offset
                    if offset and data[start : start + 2] == b"\xff\xd8" and start + size <= len(data):
                        yield start, start + size
    except struct.error:
        return

"""Small HEIC files, box by box from ISO/IEC 14496-12 and 23008-12, with pictures that x265 encodes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import numpy as np

NCLX = b"nclx" + struct.pack(">HHH", 1, 13, 6) + b"\x80"  # BT.709 primaries, sRGB, BT.601 matrix, full range


def box(kind: str, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I", 8 + len(content)) + kind.encode() + content


def full_box(kind: str, *contents: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


@cache
def _encoded(data: bytes, shape: tuple[int, ...]) -> tuple[bytes, bytes]:
    import av

    pixels = np.frombuffer(data, np.uint8).reshape(shape)
    context = av.CodecContext.create("libx265", "w")
    context.height, context.width = shape[:2]
    context.pix_fmt = "yuvj420p" if pixels.ndim == 3 else "gray"
    context.time_base = Fraction(1, 25)
    options = "keyint=1:log-level=none:pools=1:frame-threads=1:info=0:lossless=1:range=full"
    context.options = {"x265-params": options}
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24" if pixels.ndim == 3 else "gray")
    stream = b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
    units = [unit for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    kinds = [unit[0] >> 1 & 63 for unit in units]
    sets = {kind: [unit for unit, of in zip(units, kinds, strict=True) if of == kind] for kind in (32, 33, 34)}
    profile = sets[33][0][3:15].replace(b"\0\0\3", b"\0\0")
    settings = b"\1" + profile.ljust(12, b"\0") + b"\xf0\0\xfc" + bytes((0xFD if pixels.ndim == 3 else 0xFC,))
    settings += b"\xf8\xf8\0\0\x0f" + bytes((len(sets),))
    for kind, of_kind in sets.items():
        settings += bytes((0x80 | kind,)) + struct.pack(">H", len(of_kind))
        settings += b"".join(struct.pack(">H", len(unit)) + unit for unit in of_kind)
    slices = [unit for unit, kind in zip(units, kinds, strict=True) if kind < 32]
    return settings, b"".join(struct.pack(">I", len(unit)) + unit for unit in slices)


def encoded(pixels: np.ndarray) -> tuple[bytes, bytes]:
    """(hvcC, coded slices with their lengths) of uint8 (H, W, 3) or (H, W)."""
    return _encoded(np.ascontiguousarray(pixels).tobytes(), pixels.shape)


@dataclass
class Entry:
    """One item of a file to be written."""

    kind: str
    data: bytes
    properties: list[bytes] = field(default_factory=list)
    references: Mapping[str, Sequence[int]] = field(default_factory=dict)
    content_type: bytes = b""


def picture(pixels: np.ndarray, *properties: bytes, **references: Sequence[int]) -> Entry:
    """A coded picture of uint8 (H, W, 3) or (H, W)."""
    settings, data = encoded(pixels)
    size = full_box("ispe", struct.pack(">II", pixels.shape[1], pixels.shape[0]))
    return Entry("hvc1", data, [box("hvcC", settings), size, *properties], references)


def grid(rows: int, columns: int, size: tuple[int, int], tiles: Sequence[int], *properties: bytes) -> Entry:
    """A grid of tiles with an output (width, height)."""
    data = bytes((0, 0, rows - 1, columns - 1)) + struct.pack(">HH", *size)
    ispe = full_box("ispe", struct.pack(">II", *size))
    return Entry("grid", data, [ispe, *properties], {"dimg": tiles})


def rotation(quarter_turns: int) -> bytes:
    return box("irot", bytes((quarter_turns,)))


def mirror(axis: int) -> bytes:
    return box("imir", bytes((axis,)))


def colour() -> bytes:
    return box("colr", NCLX)


def exif_entry(tiff: bytes, *described: int) -> Entry:
    return Entry("Exif", struct.pack(">I", 6) + b"Exif\0\0" + tiff, references={"cdsc": described})


def xmp_entry(xmp: bytes, *described: int) -> Entry:
    return Entry("mime", xmp, references={"cdsc": described}, content_type=b"application/rdf+xml")


def heic(entries: Sequence[Entry], primary: int = 1, in_idat: Sequence[int] = ()) -> bytes:
    """A file of the items, numbered from 1; those named lie within the meta box."""
    infos, properties, associations, references = b"", [], b"", b""
    for number, entry in enumerate(entries, 1):
        name = b"\0" + (entry.content_type + b"\0" if entry.kind == "mime" else b"")
        infos += full_box("infe", struct.pack(">HH", number, 0), entry.kind.encode(), name, version=2)
        indices = []
        for content in entry.properties:
            if content not in properties:
                properties.append(content)
            indices.append(properties.index(content) + 1)
        associations += struct.pack(">HB", number, len(indices)) + bytes(indices)
        for kind, targets in entry.references.items():
            references += box(kind, struct.pack(f">HH{len(targets)}H", number, len(targets), *targets))
    count = len(entries)

    def meta(media_start: int) -> bytes:
        locations, inner, outer = b"", 0, media_start
        for number, entry in enumerate(entries, 1):
            inside = number in in_idat
            start = inner if inside else outer
            locations += struct.pack(">HHHHII", number, inside, 0, 1, start, len(entry.data))
            inner, outer = (inner + len(entry.data), outer) if inside else (inner, outer + len(entry.data))
        return full_box(
            "meta",
            full_box("hdlr", bytes(4), b"pict", bytes(13)),
            full_box("pitm", struct.pack(">H", primary)),
            full_box("iloc", b"\x44\0", struct.pack(">H", count), locations, version=1),
            full_box("iinf", struct.pack(">H", count), infos),
            *([full_box("iref", references)] if references else []),
            box("iprp", box("ipco", *properties), full_box("ipma", struct.pack(">I", count), associations)),
            box("idat", *(entries[number - 1].data for number in in_idat)),
        )

    head = box("ftyp", b"heic", bytes(4), b"mif1heic")
    media = b"".join(entry.data for number, entry in enumerate(entries, 1) if number not in in_idat)
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box("mdat", media)

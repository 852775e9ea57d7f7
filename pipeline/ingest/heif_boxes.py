"""Boxes of HEIF files: the items, their coded data and properties, without decoding anything.

Source: ISO/IEC 23008-12:2022 (HEIF: iref, ispe, irot, imir, grid) and ISO/IEC 14496-12 (meta, iinf, iloc).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Bytes = bytes | mmap.mmap

_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
# Phones write about a hundred items; more than these are made to exhaust a reader.
_MAX_ITEMS = 10_000
_MAX_META_BYTES = 16_000_000


class HeifError(ValueError):
    """The boxes break the format, or use a part of it that is not read."""


@dataclass
class HeifItem:
    """One item: a picture, a grid of pictures, or metadata.

    Args:
        kind: Four letters: ``hvc1``, ``grid``, ``Exif``, ``mime``.
        content_type: Type of the content of a ``mime`` item.
        extents: (start, length) of its data [bytes of the file].
        properties: Box type and content of its properties, in the order in which they apply.
        references: By type (``dimg``, ``auxl``, ``cdsc``), the items to which this one refers.
    """

    kind: str
    content_type: str = ""
    extents: list[tuple[int, int]] = field(default_factory=list)
    properties: list[tuple[str, bytes]] = field(default_factory=list)
    references: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def content(self, kind: str) -> bytes | None:
        """Content of the first property of a type, or None."""
        return next((content for name, content in self.properties if name == kind), None)

    @property
    def transformations(self) -> list[tuple[str, int]]:
        """``("irot", quarter turns counter-clockwise)`` and ``("imir", 0 top-bottom | 1 left-right)``, in order."""
        masks = {"irot": 3, "imir": 1}
        return [(name, content[0] & masks[name]) for name, content in self.properties if name in masks and content]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) before the transformations [px], from ``ispe``."""
        content = self.content("ispe")
        if content is None or len(content) < 12:
            raise HeifError("a picture has no size")
        return struct.unpack(">II", content[4:12])


@dataclass(frozen=True)
class HeifBoxes:
    """The items of a file.

    Args:
        data: The whole file.
        primary: Number of the main picture.
        items: Items by number.
    """

    data: Bytes
    primary: int
    items: Mapping[int, HeifItem]

    def item(self, number: int) -> HeifItem:
        """The item of a number.

        Raises:
            HeifError: If there is none.
        """
        if number not in self.items:
            raise HeifError(f"item {number} is missing")
        return self.items[number]

    def extents(self, number: int) -> list[tuple[int, int]]:
        """Where the data of an item lie: (start, length) [bytes of the file].

        Raises:
            HeifError: If there are none, or they lie outside of the file.
        """
        extents = self.item(number).extents
        # Extents may overlap, so that a small file could declare any amount of data.
        if not extents or sum(length for _, length in extents) > len(self.data):
            raise HeifError(f"item {number} has no usable data")
        if any(start + length > len(self.data) for start, length in extents):
            raise HeifError(f"the data of item {number} lie outside of the file")
        return extents

    def payload(self, number: int) -> bytes:
        """The data of an item; see ``extents`` for errors."""
        return b"".join(self.data[start : start + length] for start, length in self.extents(number))

    def describing(self, number: int, kind: str) -> Iterator[int]:
        """Numbers of the items of a kind that describe an item (``cdsc``)."""
        for other, item in self.items.items():
            if item.kind == kind and number in item.references.get("cdsc", ()):
                yield other


def is_heif(head: bytes) -> bool:
    """Whether a file begins as HEIF with HEVC pictures, from its first 64 bytes or more."""
    if head[4:8] != b"ftyp" or len(head) < 16:
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    return bool(brands & _BRANDS) and head[8:12] != b"avif"


def read_boxes(data: Bytes) -> HeifBoxes:
    """The items of a HEIF file.

    Args:
        data: The whole file, or a memory map of it.

    Raises:
        HeifError: If a box is damaged, reaches beyond its parent or is of an unknown version.
    """
    try:
        meta = next(((start, end) for kind, start, end in _boxes(data, 0, len(data)) if kind == "meta"), None)
        if meta is None:
            raise HeifError("there is no meta box")
        start, end = meta
        if end - start > _MAX_META_BYTES:
            raise HeifError("the meta box is too large")
        inner = {kind: data[first:last] for kind, first, last in _boxes(data, start + 4, end)}
        # Extents of the items that idat holds count from its start.
        idat = next((first for kind, first, _ in _boxes(data, start + 4, end) if kind == "idat"), None)
        items = _item_infos(inner["iinf"])
        _locate(inner["iloc"], items, idat)
        _associate(inner["iprp"], items)
        _refer(inner.get("iref"), items)
        primary = _Reader(inner["pitm"])
        version = primary.full_box()
        return HeifBoxes(data, primary.number(4 if version else 2), items)
    except KeyError as error:
        raise HeifError(f"there is no {error.args[0]} box") from None


class _Reader:
    """Numbers of a byte string, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.flags = 0

    def number(self, size: int) -> int:
        if self.at + size > len(self.data):
            raise HeifError("a box is cut off")
        value = int.from_bytes(self.data[self.at : self.at + size], "big")
        self.at += size
        return value

    def full_box(self) -> int:
        """The version; keeps the flags."""
        version = self.number(1)
        self.flags = self.number(3)
        return version

    def text(self) -> str:
        end = self.data.find(b"\0", self.at)
        end = len(self.data) if end < 0 else end
        text = self.data[self.at : end].decode("utf-8", "replace")
        self.at = end + 1
        return text


def _boxes(data: Bytes, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(type, start, end) of the contents of the boxes in a range."""
    count = 0
    while start + 8 <= end:
        size, head = int.from_bytes(data[start : start + 4], "big"), 8
        kind = bytes(data[start + 4 : start + 8]).decode("latin-1")
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            raise HeifError(f"the box {kind!r} reaches beyond the file or its parent")
        yield kind, start + head, start + size
        start += size
        count += 1
        if count > 4 * _MAX_ITEMS:
            raise HeifError("there are too many boxes")


def _item_infos(data: bytes) -> dict[int, HeifItem]:
    reader = _Reader(data)
    count = reader.number(4 if reader.full_box() else 2)
    if count > _MAX_ITEMS:
        raise HeifError(f"there are {count} items")
    items = {}
    for kind, start, end in _boxes(data, reader.at, len(data)):
        if kind != "infe":
            continue
        info = _Reader(data[start:end])
        version = info.full_box()
        if version not in (2, 3):
            raise HeifError(f"an item has version {version}")
        number = info.number(2 if version == 2 else 4)
        info.number(2)
        item = HeifItem(info.number(4).to_bytes(4, "big").decode("latin-1"))
        info.text()
        if item.kind == "mime":
            item.content_type = info.text()
        items[number] = item
    return items


def _locate(data: bytes, items: Mapping[int, HeifItem], idat: int | None) -> None:
    reader = _Reader(data)
    version = reader.full_box()
    if version > 2:
        raise HeifError(f"the box iloc has version {version}")
    sizes = reader.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(min(reader.number(2 if version < 2 else 4), _MAX_ITEMS)):
        number = reader.number(2 if version < 2 else 4)
        method = reader.number(2) & 15 if version else 0
        reader.number(2)
        base, extents = reader.number(base_size), []
        for _ in range(reader.number(2)):
            reader.number(index_size)
            offset, length = reader.number(offset_size), reader.number(length_size)
            extents.append((base + offset + (idat or 0 if method == 1 else 0), length))
        # Data in another file, or made from other items, stay without extents and are refused when asked for.
        if number in items and (method == 0 or (method == 1 and idat is not None)):
            items[number].extents = extents


def _associate(data: bytes, items: Mapping[int, HeifItem]) -> None:
    parts = {kind: data[start:end] for kind, start, end in _boxes(data, 0, len(data))}
    container = parts["ipco"]
    known = [(kind, container[start:end]) for kind, start, end in _boxes(container, 0, len(container))]
    reader = _Reader(parts["ipma"])
    version = reader.full_box()
    for _ in range(min(reader.number(4), _MAX_ITEMS)):
        number = reader.number(4 if version else 2)
        for _ in range(reader.number(1)):
            index = reader.number(2) & 0x7FFF if reader.flags & 1 else reader.number(1) & 0x7F
            if index > len(known):
                raise HeifError(f"item {number} has a property that does not exist")
            if index and number in items:
                items[number].properties.append(known[index - 1])


def _refer(data: bytes | None, items: Mapping[int, HeifItem]) -> None:
    if data is None:
        return
    reader = _Reader(data)
    size = 4 if reader.full_box() else 2
    for kind, start, end in _boxes(data, reader.at, len(data)):
        part = _Reader(data[start:end])
        source = part.number(size)
        targets = tuple(part.number(size) for _ in range(part.number(2)))
        if source in items:
            items[source].references[kind] = (*items[source].references.get(kind, ()), *targets)

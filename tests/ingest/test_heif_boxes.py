from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest.heif_files import Entry, box, full_box, heic

from pipeline.ingest.heif_boxes import HeifError, is_heif, read_boxes

SIZE = full_box("ispe", struct.pack(">II", 40, 30))
TWO = heic(
    [
        Entry("hvc1", b"first", [SIZE, box("irot", b"\3"), box("imir", b"\1")]),
        Entry("mime", b"<x/>", references={"cdsc": (1,)}, content_type=b"application/rdf+xml"),
    ],
    in_idat=(2,),
)


def test_items_have_their_data_properties_and_references():
    boxes = read_boxes(TWO)
    assert (boxes.primary, boxes.item(1).kind, boxes.item(2).kind) == (1, "hvc1", "mime")
    assert (boxes.payload(1), boxes.payload(2)) == (b"first", b"<x/>")
    assert boxes.item(1).size == (40, 30)
    assert boxes.item(1).transformations == [("irot", 3), ("imir", 1)]
    assert boxes.item(2).content_type == "application/rdf+xml"
    assert list(boxes.describing(1, "mime")) == [2]
    assert list(boxes.describing(1, "Exif")) == []


def located(width, offsets, version=0, base=b"", method=b""):
    """A file whose iloc box is written with numbers of another width."""
    extents = b"".join(start.to_bytes(width, "big") + length.to_bytes(width, "big") for start, length in offsets)
    number = struct.pack(">I" if version == 2 else ">H", 1)
    entry = number + method + bytes(2) + base + struct.pack(">H", len(offsets)) + extents
    sizes = bytes((width << 4 | width, len(base) << 4))
    iloc = full_box("iloc", sizes, number, entry, version=version)
    infe = full_box("infe", struct.pack(">HH", 1, 0), b"hvc1\0", version=2)
    meta = full_box(
        "meta",
        full_box("pitm", struct.pack(">H", 1)),
        iloc,
        full_box("iinf", struct.pack(">H", 1), infe),
        box("iprp", box("ipco", SIZE), full_box("ipma", struct.pack(">I", 0))),
    )
    return box("ftyp", b"heic", bytes(4)) + meta + b"....0123456789"


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize(("version", "method"), [(0, b""), (1, bytes(2)), (2, bytes(2))])
def test_extents_are_joined_in_every_version(width, version, method):
    start = len(located(width, [(0, 3), (0, 2)], version, b"", method)) - 10
    data = located(width, [(start + 5, 3), (start, 2)], version, b"", method)
    assert read_boxes(data).payload(1) == b"56701"


def test_extents_start_from_their_base():
    start = len(located(4, [(0, 3)], base=bytes(4))) - 10
    assert read_boxes(located(4, [(2, 3)], base=struct.pack(">I", start))).payload(1) == b"234"


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ([(10**9, 3)], "outside"),
        ([(0, 2**32 - 1)], "no usable data"),
        ([(0, 100)] * 60, "no usable data"),
        ([], "no usable data"),
    ],
)
def test_data_outside_of_the_file_or_larger_than_it_are_refused(offsets, words):
    with pytest.raises(HeifError, match=words):
        read_boxes(located(4, offsets)).payload(1)


def test_data_in_another_item_are_refused_when_asked_for():
    with pytest.raises(HeifError, match="no usable data"):
        read_boxes(located(4, [(0, 3)], 1, b"", b"\0\2")).payload(1)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (TWO[:64], True),
        (box("ftyp", b"mif1", bytes(4), b"mif1heic"), True),
        (box("ftyp", b"mif1", bytes(4), b"mif1avif"), False),
        (box("ftyp", b"avif", bytes(4), b"heic"), False),
        (box("ftyp", b"isom", bytes(4), b"mp42"), False),
        (b"\xff\xd8\xff\xe0" + bytes(60), False),
        (b"", False),
    ],
)
def test_heif_is_told_by_its_brands(head, expected):
    assert is_heif(head) is expected


def test_boxes_that_never_end_or_are_too_many_are_refused_at_once():
    start = time.monotonic()
    empty = struct.pack(">I4s", 8, b"free") * 200_000
    for data in (TWO[:28] + empty + TWO[28:], TWO.replace(b"\0\0\0\x14ispe", b"\0\0\0\0ispe"), bytes(1000)):
        with pytest.raises(HeifError):
            read_boxes(data).item(1).size  # noqa: B018
    assert time.monotonic() - start < 2


@given(st.integers(0, len(TWO) - 1), st.integers(0, 255), st.integers(0, len(TWO)))
def test_a_changed_byte_or_a_cut_gives_the_items_or_one_error(at, value, end):
    data = bytearray(TWO)
    data[at] = value
    for file in (bytes(data), TWO[:end]):
        try:
            boxes = read_boxes(file)
            for number in boxes.items:
                boxes.payload(number)
        except HeifError as error:
            assert "\n" not in str(error)

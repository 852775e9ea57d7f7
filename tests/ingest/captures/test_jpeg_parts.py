from __future__ import annotations

import io
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest.captures.photo_files import GUID, extended_segments, mpf_photo, photo, segment, with_segments, xmp_segment
from PIL import Image

from pipeline.ingest.captures import jpeg_parts
from pipeline.ingest.captures.jpeg_parts import end_of_picture, extended_xmp, further_pictures, main_xmp, segments

PHOTO = photo()


def test_the_main_packet_is_found_behind_other_segments():
    data = with_segments(PHOTO, segment(0xE1, b"Exif\0\0..."), segment(0xE2, b"ICC"), xmp_segment(b"<x/>"))
    assert main_xmp(data) == b"<x/>"
    assert main_xmp(b"....." + data, 5) == b"<x/>"
    assert main_xmp(PHOTO) == b""


@pytest.mark.parametrize("size", [7, 1000, 65400])
def test_the_extended_packet_is_put_together_by_its_offsets(size):
    xmp = bytes(range(256)) * 10
    parts = extended_segments(xmp, size=size)
    other = extended_segments(b"other", "0" * 32)
    assert extended_xmp(with_segments(PHOTO, *reversed(parts), *other), GUID) == xmp
    assert extended_xmp(with_segments(PHOTO, *parts), GUID.lower()) == xmp
    assert extended_xmp(PHOTO, GUID) == b""


def test_incomplete_overlapping_or_huge_packets_are_refused():
    xmp = bytes(3000)
    parts = extended_segments(xmp, size=1000)
    for wrong, words in (
        (parts[:2], "2000 of 3000"),
        ([*parts, parts[0]], "4000 of 3000"),
        (extended_segments(xmp, whole=2**32 - 1), "promises 4294967295"),
        (extended_segments(xmp, whole=100), "promises 100"),
        ([*parts[:2], *extended_segments(xmp[:10], whole=20)], "different lengths"),
    ):
        with pytest.raises(ValueError, match=words):
            extended_xmp(with_segments(PHOTO, *wrong), GUID)


@pytest.mark.parametrize("progressive", [False, True])
def test_the_end_of_the_picture_is_behind_its_last_scan(progressive):
    stream = io.BytesIO()
    Image.effect_noise((200, 100), 90).save(
        stream, "JPEG", quality=98, progressive=progressive, restart_marker_blocks=3
    )
    data = stream.getvalue()
    # A thumbnail in a segment has markers of its own.
    data = with_segments(data, segment(0xE1, b"Exif\0\0" + PHOTO))
    assert end_of_picture(data + b"\xff\xd8\xff\xd9 more") == len(data)
    assert end_of_picture(data[:-2]) == len(data) - 2


@pytest.mark.parametrize("order", [">", "<"])
def test_the_index_lists_the_pictures_behind_the_first(order):
    second, third = photo((16, 16)), photo((8, 8))
    data = mpf_photo(PHOTO, second, third, order=order)
    assert [data[start:end] for start, end in further_pictures(data)] == [second, third]
    assert further_pictures(PHOTO) == []
    # Pillow reads the same index.
    with Image.open(io.BytesIO(data)) as image:
        image.seek(2)
        assert image.size == (8, 8)


def test_pictures_outside_of_the_file_are_left_out():
    second = photo((16, 16))
    assert further_pictures(mpf_photo(PHOTO, second, sizes=[2**32 - 1])) == []
    assert further_pictures(mpf_photo(PHOTO, second)[: -len(second)]) == []
    assert further_pictures(mpf_photo(PHOTO, b"no picture")) == []
    assert further_pictures(with_segments(PHOTO, segment(0xE2, b"MPF\0MM\0*" + struct.pack(">I", 2**32 - 1)))) == []


def test_endless_segments_end():
    start = time.monotonic()
    data = b"\xff\xd8" + segment(0xE5, b"") * 2_000_000
    assert len(list(segments(data))) <= jpeg_parts._MAX_SEGMENTS
    assert end_of_picture(data) == len(data)
    assert time.monotonic() - start < 2


@given(st.binary(max_size=60), st.integers(0, len(PHOTO)))
def test_any_bytes_are_survived(noise, cut):
    for data in (b"\xff\xd8" + noise, PHOTO[:cut] + noise):
        main_xmp(data)
        further_pictures(data)
        assert 0 <= end_of_picture(data) <= len(data)

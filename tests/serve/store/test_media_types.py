"""Media types by content."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from pipeline.serve.store.media_types import HEAD_BYTES, UNKNOWN, media_type

FTYP = b"\0\0\0\x18ftyp"


def encoded(name: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(stream, name)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("WEBP", "image/webp"),
        ("PPM", "image/x-portable-anymap"),
    ],
)
def test_images_written_by_pillow_are_recognised(name: str, expected: str) -> None:
    assert media_type(encoded(name)[:HEAD_BYTES]) == expected


@pytest.mark.parametrize(("container", "codec", "expected"), [
    ("mp4", "mpeg4", "video/mp4"),
    ("mov", "mpeg4", "video/quicktime"),
    ("matroska", "mpeg4", "video/matroska"),
    ("webm", "libvpx", "video/webm"),
    ("avi", "mpeg4", "video/x-msvideo"),
    ("mpegts", "mpeg2video", "video/mp2t"),
    ("mpeg", "mpeg2video", "video/mpeg"),
    ("flv", "flv", "video/x-flv"),
    ("asf", "mpeg4", "video/x-ms-asf"),
])  # fmt: skip
def test_videos_written_by_ffmpeg_are_recognised(container: str, codec: str, expected: str) -> None:
    import av

    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as file:
        video = file.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for packet in video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")):
            file.mux(packet)
        file.mux(video.encode())
    assert media_type(stream.getvalue()[:HEAD_BYTES]) == expected


def test_archives_and_arrays_written_by_others_are_recognised() -> None:
    array, archive = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros(3))
    zipfile.ZipFile(archive, "w").writestr("a", "b")
    assert media_type(array.getvalue()) == "application/x-npy"
    # An archive without files begins otherwise, but holds nothing.
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")
    assert media_type(archive.getvalue()) == "application/zip"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (FTYP + b"avif\0\0\0\0", "image/avif"),
        (FTYP + b"heic\0\0\0\0", "image/heic"),
        (FTYP + b"mif1\0\0\0\0", "image/heif"),
        (FTYP + b"isom\0\0\2\0", "video/mp4"),
        (FTYP + b"3gp4\0\0\2\0", "video/3gpp"),
        (b"\0\0\0\x08wide", "video/quicktime"),
        (b"\x89MCAP0\r\n\x01", "application/x-mcap"),
        (b"#ROSBAG V2.0\n", "application/x-rosbag"),
        (b"SQLite format 3\0", "application/vnd.sqlite3"),
        (b"ply\nformat ascii 1.0\n", "application/x-ply"),
        (b"Pf\n4 4\n-1.0\n", "image/x-portable-floatmap"),
        (b"\x76\x2f\x31\x01\x02\0\0\0", "image/x-exr"),
        (b"\0\0\0\x01\x67\x42", "video/h264"),
        (b"%PDF-1.7", "application/pdf"),
        (b"", UNKNOWN),
        (b"\xff\xd8", UNKNOWN),
        (b"BMW is a car", UNKNOWN),
        (b"RIFF\0\0\0\0WAVEfmt ", UNKNOWN),
        (b"G is one letter and no packet", UNKNOWN),
        (b"<svg onload=alert(1)>", UNKNOWN),
        (b"#!/bin/sh\n", UNKNOWN),
    ],
)
def test_beginnings_have_the_type_of_their_format(head: bytes, expected: str) -> None:
    assert media_type(head) == expected

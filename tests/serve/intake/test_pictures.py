from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ingest.heif_files import heic, picture
from PIL import Image
from serve import files

from pipeline.ingest.images import open_image
from pipeline.records.errors import InputError
from pipeline.serve.intake.pictures import check_picture, limited_pixels
from pipeline.serve.problems import TooLargeError, UnsupportedError
from pipeline.serve.settings import Limits

LIMITS = Limits(megapixels=0.01)


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., int]:
    def check(content: bytes, limits: Limits = LIMITS) -> int:
        (tmp_path / "secret-folder").mkdir(exist_ok=True)
        path = tmp_path / "secret-folder" / "upload"
        path.write_bytes(content)
        try:
            return check_picture(path, "a.png", limits)
        except Exception as error:
            assert str(error).startswith("a.png ") and "secret-folder" not in str(error) and "\n" not in str(error)
            raise

    return check


def progressive_jpeg() -> bytes:
    return files.image("JPEG", progressive=True)


def of_many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is there many times."""
    whole = progressive_jpeg()
    start = whole.rindex(b"\xff\xda")
    return whole[:start] + whole[start:-2] * count + b"\xff\xd9"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM"])
def test_the_pixels_of_an_image_are_those_of_its_header(kind: str, checked: Callable[..., int]) -> None:
    assert checked(files.image(kind, 100, 100)) == 10_000
    with pytest.raises(TooLargeError, match=r"0\.01 million"):
        checked(files.image(kind, 101, 100))


def test_a_phone_photo_is_checked_by_its_header(checked: Callable[..., int]) -> None:
    content = heic([picture(np.zeros((64, 64, 3), np.uint8))])
    assert checked(content) == 64 * 64
    with pytest.raises(TooLargeError):
        checked(content, Limits(megapixels=0.004))


def test_real_photos_with_a_preview_or_progressive_are_let_in(checked: Callable[..., int]) -> None:
    assert checked(progressive_jpeg())
    exif = Image.Exif()
    exif[0x010E] = "preview " + files.image("JPEG", 16, 12).hex()
    assert checked(files.image("JPEG", exif=exif))
    assert checked(files.image("JPEG") + b"\0\0\0\x18ftypmp42" + bytes(1000)), "phones append a film"
    assert checked(of_many_scans(20))


@pytest.mark.parametrize(
    "content",
    [
        files.png_bomb(),
        files.png_bomb(2**31 - 1, 2**31 - 1),
        b"P6 99999 99999 255\n",
        b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
        + b"\x2c"
        + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0),
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0),
    ],
)
def test_bombs_are_refused_by_their_header(content: bytes, checked: Callable[..., int]) -> None:
    with pytest.raises((TooLargeError, InputError)):
        checked(content, Limits())


def test_tiles_larger_than_the_picture_are_refused(checked: Callable[..., int]) -> None:
    stream = io.BytesIO()
    entries = [(256, 3, 16), (257, 3, 16), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1)]
    entries += [(322, 4, 32_768), (323, 4, 32_768), (324, 4, 8), (325, 4, 8)]
    stream.write(b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)))
    for tag, kind, value in entries:
        stream.write(struct.pack("<HHII", tag, kind, 1, value))
    stream.write(bytes(4))
    with pytest.raises(TooLargeError):
        checked(stream.getvalue())


def test_a_jpeg_of_very_many_scans_is_refused(checked: Callable[..., int]) -> None:
    with pytest.raises(TooLargeError, match="scans"):
        checked(of_many_scans(200))


def test_markers_within_a_preview_are_none_of_the_picture(checked: Callable[..., int]) -> None:
    whole = files.image("JPEG")
    preview = b"Exif\0\0" + b"\xff\xda\0\x02" * 200 + b"\xff\xd9"
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    assert checked(whole[:2] + segment + whole[2:])
    with pytest.raises(InputError, match="cut off"):
        checked(whole[:2] + segment + whole[2:-30])


@pytest.mark.parametrize("cut", [20, 200, -40, -2])
def test_a_jpeg_that_is_cut_off_is_refused(cut: int, checked: Callable[..., int]) -> None:
    with pytest.raises(InputError):
        checked(files.image("JPEG")[:cut])


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x10\0\0\0WEBPVP8 ", b"II*\0", b"P6"])
def test_what_only_begins_like_an_image_is_refused(content: bytes, checked: Callable[..., int]) -> None:
    with pytest.raises(InputError):
        checked(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
@pytest.mark.parametrize(
    "other",
    [
        files.zip_of({"evil.txt": b"x"}),
        b"<script>alert(1)</script>",
        b"<?php system($_GET[0]); ?>",
        b"<!DOCTYPE HTML><p>",
        b"<IFRAME src=x>",
    ],
)
def test_an_image_that_is_something_else_too_is_refused(kind: str, other: bytes, checked: Callable[..., int]) -> None:
    with pytest.raises(UnsupportedError, match="something else"):
        checked(files.image(kind) + other)


def test_an_image_that_begins_as_pdf_too_is_refused(checked: Callable[..., int]) -> None:
    text = files.png_chunk(b"tEXt", b"Comment\0%PDF-1.4")
    whole = files.image("PNG")
    with pytest.raises(UnsupportedError):
        checked(whole[:33] + text + whole[33:])


def test_packed_texts_of_png_do_not_grow_without_bound(checked: Callable[..., int]) -> None:
    text = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    whole = files.image("PNG")
    with pytest.raises(InputError):
        checked(whole[:33] + files.png_chunk(b"zTXt", text) + whole[33:])


def test_every_image_within_the_block_is_limited_and_none_after_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(files.image("PNG", 101, 100))
    before = Image.MAX_IMAGE_PIXELS
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with limited_pixels(LIMITS):
            inside.set()
            done.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(5)
    with limited_pixels(LIMITS), pytest.raises(InputError, match="pixels"), open_image(tmp_path / "a.png"):
        pass
    assert before != Image.MAX_IMAGE_PIXELS, "the other block is not over"
    done.set()
    thread.join()
    assert before == Image.MAX_IMAGE_PIXELS
    with open_image(tmp_path / "a.png") as image:
        assert image.size == (101, 100)

from __future__ import annotations

import io
import struct
import time

import pytest
from PIL import Image
from serve import files

from pipeline.serve.intake.endings import end_of_image, is_known_rest, scans_of

EVIL = [
    b"<svg onload=alert(1)>",
    b"<img src=x onerror=alert(1)>",
    b"PK\5\6" + bytes(18),
    b"Rar!\x1a\7\1\0",
    b"x",
    b"\0x",
]
FILM = (
    struct.pack(">I4s4sI4s", 20, b"ftyp", b"mp42", 0, b"isom")
    + struct.pack(">I4sQ", 1, b"mdat", 16 + 50) + bytes(range(50))
    + struct.pack(">I4s", 8 + 30, b"moov") + bytes(30)
)  # fmt: skip
VIVO = b'streamdata\xff\xd8\xffhdrstreaminfovivo{"a":1}\0' + b"\xff\xff\xff\xff\x1b*9HWfu\x84\x93\xa2\xb1"


def samsung(*contents: bytes) -> bytes:
    """Blocks of Samsung with their directory; offsets count back from the directory."""
    blocks = [struct.pack("<HHI", 0, 0x0A01 + n, 5) + b"Name_" + content for n, content in enumerate(contents)]
    directory = b"SEFH" + struct.pack("<II", 106, len(blocks))
    for number, block in enumerate(blocks):
        directory += struct.pack("<HHII", 0, 0x0A01 + number, sum(map(len, blocks[number:])), len(block))
    return b"".join(blocks) + directory + struct.pack("<I", len(directory)) + b"SEFT"


def gif(frames: int = 1) -> bytes:
    stream = io.BytesIO()
    images = [Image.fromarray(files.pixels()).quantize(200 - n) for n in range(frames)]
    images[0].save(stream, "GIF", save_all=True, append_images=images[1:], loop=0)
    return stream.getvalue()


def mpo() -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(files.pixels())
    image.save(stream, "MPO", save_all=True, append_images=[image])
    return stream.getvalue()


WHOLE = {
    "PNG": files.image("PNG"),
    "JPEG": files.image("JPEG"),
    "progressive": files.image("JPEG", progressive=True),
    "GIF": files.image("GIF"),
    "film of GIF": gif(3),
    "WEBP": files.image("WEBP"),
    "lossless WEBP": files.image("WEBP", 63, 47, lossless=True),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_image_ends_where_its_format_says(name: str) -> None:
    whole = WHOLE[name]
    assert end_of_image(whole) == len(whole) and is_known_rest(whole, len(whole))
    for rest in (bytes(1000), b"\r\n"):
        assert end_of_image(whole + rest) == len(whole) and is_known_rest(whole + rest, len(whole))


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("evil", EVIL)
def test_anything_that_follows_is_foreign(name: str, evil: bytes) -> None:
    whole = WHOLE[name] + evil
    end = end_of_image(whole)
    assert end == len(WHOLE[name]) and not is_known_rest(whole, end)


@pytest.mark.parametrize(
    "rest",
    [
        FILM,
        bytes(3) + FILM + bytes(9),
        FILM[:-10],
        FILM + b"v3_f30\0\0 1052:3000   LIVE_3247551        ",
        WHOLE["JPEG"],
        bytes(100) + WHOLE["JPEG"] + bytes(7) + WHOLE["JPEG"] + FILM,
        samsung(b"1574800000000"),
        samsung(FILM, b"1574800000000"),
        WHOLE["JPEG"] + samsung(FILM),
        VIVO,
        b"image of OnePlus" + b'[{"name":"a"}]' + b"jxrs\x10\0\0\0",
    ],
)
def test_what_phones_append_to_photos_is_known(rest: bytes) -> None:
    whole = WHOLE["JPEG"] + rest
    assert end_of_image(whole) == len(WHOLE["JPEG"]) and is_known_rest(whole, len(WHOLE["JPEG"]))


def test_second_images_of_mpo_are_known() -> None:
    whole = mpo()
    end = end_of_image(whole)
    assert end is not None and end < len(whole) and is_known_rest(whole, end)


@pytest.mark.parametrize("rest", [FILM, WHOLE["JPEG"], WHOLE["JPEG"] + FILM, samsung(b"x")])
def test_what_follows_an_appendix_is_foreign(rest: bytes) -> None:
    for evil in EVIL[:-1]:
        whole = WHOLE["JPEG"] + rest + evil
        assert not is_known_rest(whole, len(WHOLE["JPEG"]))
    whole = WHOLE["JPEG"] + b"x" + samsung(b"x")
    assert not is_known_rest(whole, len(WHOLE["JPEG"])), "nor does anything come before it"


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF"])
def test_an_image_that_is_cut_off_has_no_end(name: str) -> None:
    whole = WHOLE[name]
    for cut in (len(whole) // 2, len(whole) - 14):
        assert end_of_image(whole[:cut]) is None


def test_scans_are_counted_up_to_the_end() -> None:
    whole = WHOLE["progressive"]
    assert scans_of(whole) == (len(whole), whole.count(b"\xff\xda"))
    assert scans_of(b"xx" + whole, 2)[0] == len(whole) + 2


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + files.png_chunk(b"tEXt", b"") * 2_000_000,
        b"\xff\xd8\xff\xe0\0\x02" + b"\xff\xe1\0\x02" * 5_000_000,
        WHOLE["GIF"][:-1] + b"!\xff" + b"\1x" * 8_000_000,
        WHOLE["JPEG"] + b"\xff\xd8\xff\xd9" * 5_000_000,
        WHOLE["JPEG"] + FILM[:20] + struct.pack(">I4s", 8, b"free") * 2_000_000,
    ],
    ids=["PNG", "JPEG", "GIF", "appended images", "boxes"],
)
def test_no_number_of_parts_takes_long(data: bytes) -> None:
    began_s = time.monotonic()
    end = end_of_image(data)
    assert end is None or not is_known_rest(data, end)
    assert time.monotonic() - began_s < 5

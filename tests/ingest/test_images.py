from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from ingest.refusals import refused
from PIL import ExifTags, Image

from pipeline.ingest.images import exif_focal_35mm, exif_orientation, read_image

UPRIGHT = np.array([[10, 60, 110], [160, 210, 250]], dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
# How a camera stores the upright image under each EXIF orientation (EXIF 2.32, tag 0x0112).
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT, 1),
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation_is_turned_upright_once(tmp_path, orientation, suffix):
    image = Image.fromarray(np.ascontiguousarray(STORED[orientation]))
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"photo.{suffix}"
    image.save(path, exif=exif, **({"quality": 95} if suffix == "jpg" else {"lossless": True}))
    rgb = read_image(path)
    assert rgb.shape == (32, 48, 3)
    assert np.abs(rgb[..., 0].astype(int) - UPRIGHT).max() <= 6
    assert exif_orientation(path) == orientation


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 80, (80, 80, 80)),
        ("LA", (80, 0), (255, 255, 255)),
        ("RGBA", (200, 0, 0, 255), (200, 0, 0)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("1", 1, (255, 255, 255)),
        ("P", 0, (0, 0, 0)),
        ("I;16", 0x8012, (128, 128, 128)),
        ("I;16", 300, (1, 1, 1)),
    ],
)
def test_every_mode_becomes_rgb(tmp_path, mode, value, expected):
    path = tmp_path / "photo.png"
    Image.new(mode, (3, 2), value).save(path)
    rgb = read_image(path)
    assert rgb.dtype == np.uint8
    assert rgb.shape == (2, 3, 3)
    assert tuple(rgb[1, 2].tolist()) == expected


def test_cmyk_becomes_rgb(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(path, quality=100)
    red, green, blue = read_image(path)[4, 4].tolist()
    assert red < 10 < 240 < min(green, blue)


def test_a_palette_with_a_transparent_colour_is_laid_over_white(tmp_path):
    image = Image.new("P", (2, 1), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "photo.png", transparency=0)
    assert read_image(tmp_path / "photo.png").tolist() == [[[255, 255, 255], [0, 255, 0]]]


def noise(suffix):
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(stream, suffix)
    return stream.getvalue()


def bomb():
    header = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 1, 0, 0, 0, 0)
    chunks = [
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, b"IDAT")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("half.jpg", noise("JPEG")[:600], "half.jpg cannot be read"),
        ("broken.png", noise("PNG")[:60] + bytes(340) + noise("PNG")[400:], "broken.png cannot be read"),
        ("bomb.png", bomb(), "more pixels"),
        ("note.jpg", b"text", "not an image that can be read"),
        (
            "script.jpg",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
            "not an image that",
        ),
        ("empty.jpg", b"", "empty file"),
        ("", None, "is a folder"),
        ("none.jpg", None, "does not exist"),
        ("a\0b.jpg", None, "a"),
    ],
)
def test_an_unusable_image_is_an_input_error_of_one_line(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(words, read_image, tmp_path / name)


def test_a_url_or_an_image_without_colours_is_refused(tmp_path):
    refused("is a URL", read_image, "https://example.org/a.jpg")
    Image.new("F", (4, 4), 0.5).save(tmp_path / "float.tif")
    refused("float.tif has no colour channels", read_image, tmp_path / "float.tif")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"FocalLengthIn35mmFilm": 26}, 26.0),
        # 10 mm lens, 1000 px/cm: 1000 px on a diagonal of 5000 px; 43.2666 mm * 1000 / 5000.
        ({"FocalLength": 10.0, "FocalPlaneXResolution": 1000.0, "FocalPlaneResolutionUnit": 3}, 8.65333),
        # 2540 px/inch is 100 px/mm, and inch is the unit where none is named.
        ({"FocalLength": 10.0, "FocalPlaneXResolution": 2540.0}, 8.65333),
        # The stored image is a copy of half the size.
        (
            {"FocalLength": 20.0, "FocalPlaneXResolution": 2540.0, "ExifImageWidth": 8000, "ExifImageHeight": 6000},
            8.65333,
        ),
        ({"FocalLengthIn35mmFilm": 0, "FocalLength": 4.2}, None),
        ({"FocalLengthIn35mmFilm": 65535}, None),
        ({}, None),
    ],
)
def test_exif_gives_the_equivalent_focal_length(image, tags, expected):
    path = image("photo.jpg", (4000, 3000), **tags)
    assert exif_focal_35mm(path) == (expected and pytest.approx(expected, abs=1e-4))

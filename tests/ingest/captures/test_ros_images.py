from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.ingest.captures.ros_images import depth_of, is_colour_encoding, is_depth_encoding, rgb_of
from pipeline.ingest.captures.ros_messages import Header, RosImage
from pipeline.records.errors import InputError

HEADER = Header(0, "camera")
RGB = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8)
GREY = RGB[..., 0]
FLAT = np.broadcast_to(np.array((200, 90, 30), np.uint8), (4, 6, 3))
Y, U, V = 105, 80, 190


def stored(pixels: np.ndarray, encoding: str, padding: int = 0, **changes: Any) -> RosImage:
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    values = {"height": pixels.shape[0], "width": pixels.shape[1], "step": rows.shape[1]} | changes
    return RosImage(HEADER, encoding, memoryview(rows.tobytes()), **values)


def squeezed(data: bytes, form: str) -> RosImage:
    return RosImage(HEADER, form, memoryview(data), is_compressed=True)


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize(
    ("encoding", "pixels", "expected"),
    [
        ("rgb8", RGB, RGB),
        ("bgr8", RGB[..., ::-1], RGB),
        ("8UC3", RGB[..., ::-1], RGB),
        ("rgba8", np.dstack((RGB, GREY)), RGB),
        ("bgra8", np.dstack((RGB[..., ::-1], GREY)), RGB),
        ("mono8", GREY, np.dstack((GREY,) * 3)),
        ("8UC1", GREY, np.dstack((GREY,) * 3)),
        ("mono16", GREY.astype("<u2") << 8 | 77, np.dstack((GREY,) * 3)),
    ],
)
def test_pixels_are_read_as_stored(encoding: str, pixels: np.ndarray, expected: np.ndarray, padding: int) -> None:
    assert (rgb_of(stored(pixels, encoding, padding)) == expected).all()


def test_big_endian_numbers_are_read() -> None:
    grey = GREY.astype(">u2") << 8
    assert (rgb_of(stored(grey.astype(">u2"), "mono16", is_bigendian=True))[..., 0] == GREY).all()
    depth = depth_of(stored(np.full((2, 3), 1234, ">u2"), "16UC1", is_bigendian=True))
    assert depth.values == pytest.approx(1.234)


@pytest.mark.parametrize(
    ("encoding", "pair"),
    [("yuv422", (U, Y, V, Y)), ("UYVY", (U, Y, V, Y)), ("yuv422_yuy2", (Y, U, Y, V)), ("YUYV", (Y, U, Y, V))],
)
def test_chroma_of_two_pixels_stands_where_the_encoding_says(encoding: str, pair: tuple[int, ...]) -> None:
    pixels = np.tile(np.array(pair, np.uint8), (4, 3)).reshape(4, 6, 2)
    # BT.601: red from V, blue from U.
    red, blue = 1.164 * (Y - 16) + 1.596 * (V - 128), 1.164 * (Y - 16) + 2.018 * (U - 128)
    green = 1.164 * (Y - 16) - 0.813 * (V - 128) - 0.392 * (U - 128)
    assert rgb_of(stored(pixels, encoding)).reshape(-1, 3) == pytest.approx(np.tile((red, green, blue), (24, 1)), abs=2)


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8"])
def test_a_mosaic_keeps_its_colours(encoding: str) -> None:
    # The four letters are the pixels (0, 0), (1, 0), (0, 1) and (1, 1), as (column, row).
    colour = {"r": 200, "g": 90, "b": 30}
    cell = np.array([colour[letter] for letter in encoding[6:10]], np.uint8).reshape(2, 2)
    assert (rgb_of(stored(np.tile(cell, (4, 4)), encoding)) == (200, 90, 30)).all()


@pytest.mark.parametrize("form", ["jpeg", "rgb8; jpeg compressed bgr8", "bgr8; png compressed bgr8", "png"])
def test_compressed_images_are_read_and_not_turned(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(FLAT).save(file, "JPEG" if "jpeg" in form else "PNG", quality=100, exif=exif.tobytes())
    found = rgb_of(squeezed(file.getvalue(), form))
    assert found.shape == (4, 6, 3) and found.reshape(-1, 3) == pytest.approx(np.tile((200, 90, 30), (24, 1)), abs=3)


MILLIMETRES = np.array([[0, 500, 65535], [1000, 1, 2345]], "<u2")


@pytest.mark.parametrize(
    ("encoding", "unit_m", "factor"), [("16UC1", None, 1e-3), ("16UC1", 0.00025, 2.5e-4), ("mono16", 0.001, 1e-3)]
)
def test_whole_numbers_are_millimetres_unless_a_unit_is_known(encoding: str, unit_m: Any, factor: float) -> None:
    depth = depth_of(stored(MILLIMETRES, encoding, padding=2), unit_m)
    assert depth.values == pytest.approx(MILLIMETRES * factor) and (depth.valid == (MILLIMETRES > 0)).all()
    assert (depth.kind, depth.scale_source) == ("metric", "sensor")


def test_the_unit_in_the_image_comes_before_that_of_the_recording() -> None:
    assert depth_of(stored(MILLIMETRES, "mono16", depth_unit_m=0.01), 0.5).values == pytest.approx(MILLIMETRES * 0.01)


def test_floating_point_depth_is_metres() -> None:
    metres = np.array([[1.5, np.nan, np.inf], [-np.inf, 0, -2]], np.float32)
    depth = depth_of(stored(metres, "32FC1"))
    assert depth.valid.tolist() == [[True, False, False], [False, False, False]] and depth.values[0, 0] == 1.5


def inverse_depth(metres: np.ndarray, depth_max: float = 10, quantisation: float = 100) -> bytes:
    """The quantisation of compressed_depth_image_transport: a header of 12 bytes, then a PNG."""
    scale = quantisation * (quantisation + 1)
    shift = 1 - scale / depth_max
    numbers = np.where(metres < depth_max, scale / metres + shift, 0).astype(np.uint16)
    return struct.pack("<iff", 0, scale, shift) + png(numbers)


def test_inverse_depth_is_read_as_metres() -> None:
    metres = np.array([[0.5, 1.0, 2.0], [4.0, 9.9, 11.0]])
    depth = depth_of(squeezed(inverse_depth(metres), "32FC1; compressedDepth png"))
    # A step of the stored number is a step of z squared over 10100.
    assert np.abs(depth.values - metres)[depth.valid] == pytest.approx(0, abs=0.011)
    assert depth.values[0, 0] == pytest.approx(0.5, abs=1e-5)
    assert depth.valid.tolist() == [[True, True, True], [True, True, False]]


@pytest.mark.parametrize("form", ["16UC1; compressedDepth", "16UC1; compressedDepth png", "16UC1; png compressed"])
def test_compressed_millimetres_are_read(form: str) -> None:
    header = struct.pack("<iff", 0, 0, 0) if "Depth" in form else b""
    assert depth_of(squeezed(header + png(MILLIMETRES), form)).values == pytest.approx(MILLIMETRES / 1000)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("16UC1", True),
        ("32FC1", True),
        ("16UC1; compressedDepth png", True),
        ("32FC1; compressedDepth", True),
        ("16UC1; png compressed", True),
        ("16UC1; jpeg compressed", False),
        ("rgb8", False),
        ("mono16", False),
        ("bgr8; jpeg compressed bgr8", False),
    ],
)
def test_depth_is_known_by_its_encoding(encoding: str, expected: bool) -> None:
    assert is_depth_encoding(encoding) is expected


@pytest.mark.parametrize(
    ("encoding", "is_compressed", "expected"),
    [
        ("rgb8", False, True),
        ("YUYV", False, True),
        ("h264", True, False),
        ("jpeg", True, True),
        ("rgb8; jpeg compressed bgr8", True, True),
        ("16UC1; jpeg compressed", True, False),
        ("16UC1; compressedDepth png", True, False),
        ("16UC1", False, False),
        ("nv12", False, False),
    ],
)
def test_colours_are_known_by_their_encoding(encoding: str, is_compressed: bool, expected: bool) -> None:
    assert is_colour_encoding(encoding, is_compressed) is expected


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that declares any size."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


JPEG = bytes(cv2.imencode(".jpg", RGB)[1])


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (stored(RGB, "rgb8", height=5), "has 72 bytes"),
        (stored(RGB, "rgb8", step=20), "20 bytes per row has 72 bytes"),
        (stored(RGB, "rgb8", step=9, height=8), "9 bytes per row"),
        (stored(RGB, "rgb8", width=2**31), "px"),
        (stored(RGB, "rgb8", height=0), "0 px"),
        (stored(RGB, "thermal"), "'thermal' is not read"),
        (stored(RGB[:, :5, :2], "yuyv"), "odd width"),
        (squeezed(b"", "jpeg"), "neither a JPEG nor a PNG"),
        (squeezed(b"GIF89a", "jpeg"), "neither a JPEG nor a PNG"),
        (squeezed(bomb(2**20, 2**20), "png"), "more than 178956970 px"),
        (squeezed(bomb(30, 30), "png"), "damaged"),
    ],
)
def test_images_that_contradict_themselves_are_refused(image: RosImage, words: str) -> None:
    with pytest.raises(InputError, match=words):
        rgb_of(image)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (stored(MILLIMETRES, "16UC1", height=3), "has 12 bytes"),
        (stored(MILLIMETRES, "32FC1"), "has 12 bytes"),
        (squeezed(b"short", "16UC1; compressedDepth"), "cut off"),
        (squeezed(bytes(12) + JPEG, "16UC1; compressedDepth"), "16-bit numbers"),
        (squeezed(bytes(12) + png(RGB), "16UC1; compressedDepth"), "16-bit numbers"),
        (squeezed(bytes(12), "16UC1; compressedDepth rvl"), "RVL"),
        (squeezed(struct.pack("<iff", 0, np.nan, 1) + png(MILLIMETRES), "32FC1; compressedDepth"), "quantisation"),
        (squeezed(png(MILLIMETRES), "32FC1; png compressed"), "quantisation"),
        (squeezed(bytes(12) + bomb(2**20, 2**20), "16UC1; compressedDepth"), "more than 178956970 px"),
    ],
)
def test_depth_that_contradicts_itself_is_refused(image: RosImage, words: str) -> None:
    with pytest.raises(InputError, match=words):
        depth_of(image)

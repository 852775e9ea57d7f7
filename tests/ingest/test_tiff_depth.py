from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from ingest.refusals import refused
from PIL import Image

from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.tiff_depth import read_tiff

MOST = 10_000
SHAPE = (5, 20)
RAW, DEFLATE, PACKBITS = 1, 8, 32773


def depth(dtype):
    values = np.arange(100).reshape(SHAPE) * (0.25 if dtype[0] == "f" else 250)
    return values.astype(dtype)


def packbits(data):
    """Literal runs only (TIFF 6.0, section 9)."""
    return b"".join(bytes([len(part) - 1]) + part for part in (data[at : at + 100] for at in range(0, len(data), 100)))


PACK = {RAW: bytes, DEFLATE: zlib.compress, PACKBITS: packbits}


def predicted(block, predictor, order):
    """The bytes of the rows of a block (TIFF 6.0, section 14; Technical Note 3 of 2005)."""
    size = block.dtype.itemsize
    if predictor == 2:
        whole = block.view(f"u{size}")
        block = np.diff(whole, axis=1, prepend=whole[:, :1] * 0).view(block.dtype)
    if predictor < 3:
        return block.astype(block.dtype.newbyteorder(order)).tobytes()
    rows = []
    for row in block:
        numbers = [number.tobytes()[::-1] for number in row.astype(row.dtype.newbyteorder("<"))]
        planes = bytes(number[byte] for byte in range(size) for number in numbers)
        rows.append(bytes((one - before) % 256 for before, one in zip(b"\0" + planes, planes, strict=False)))
    return b"".join(rows)


def tiff(values, *, order="<", compression=RAW, predictor=1, rows=2, tile=None, further=(), big=False):
    """A TIFF written by hand: header, strips or tiles, directory."""
    height, width = values.shape
    if tile is None:
        blocks = [values[row : row + rows] for row in range(0, height, rows)]
    else:
        padded = np.pad(values, [(0, -height % tile), (0, -width % tile)])
        blocks = [
            padded[row : row + tile, column : column + tile]
            for row in range(0, height, tile)
            for column in range(0, width, tile)
        ]
    packed = [PACK[compression](predicted(np.ascontiguousarray(block), predictor, order)) for block in blocks]
    head = 16 if big else 8
    offsets = [head + sum(map(len, packed[:index])) for index in range(len(packed))]
    sizes = [len(block) for block in packed]
    sample_format = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    places = {278: [rows], 273: offsets, 279: sizes}
    if tile is not None:
        places = {322: [tile], 323: [tile], 324: offsets, 325: sizes}
    tags = {
        256: [width], 257: [height], 258: [8 * values.dtype.itemsize], 259: [compression], 262: [1], 277: [1],
        317: [predictor], 339: [sample_format], **places, **dict(further),
    }  # fmt: skip
    long, kind, count = ("Q", 16, "Q") if big else ("L", 4, "H")
    number = struct.calcsize(order + long)
    data = b"".join(packed)
    start = head + len(data)
    entries, behind = b"", b""
    after = start + struct.calcsize(order + count) + len(tags) * (4 + 2 * number) + number
    for tag, numbers in sorted(tags.items()):
        stored = struct.pack(f"{order}{len(numbers)}{long}", *numbers)
        if len(numbers) > 1:
            stored, behind = struct.pack(order + long, after + len(behind)), behind + stored
        entries += struct.pack(order + "HH" + long, tag, kind, len(numbers)) + stored
    mark = b"II" if order == "<" else b"MM"
    header = mark + (struct.pack(order + "HHHQ", 43, 8, 0, start) if big else struct.pack(order + "HL", 42, start))
    return header + data + struct.pack(order + count, len(tags)) + entries + bytes(number) + behind


@pytest.mark.parametrize("dtype", ["f2", "f8", "u8", "i8"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"order": ">"},
        {"rows": 5},
        {"compression": DEFLATE},
        {"compression": PACKBITS, "order": ">"},
        {"compression": DEFLATE, "predictor": 2},
        {"compression": DEFLATE, "predictor": 2, "order": ">", "tile": 16},
        {"tile": 16},
        {"tile": 16, "compression": DEFLATE, "order": ">"},
        {"big": True},
        {"big": True, "tile": 16, "compression": DEFLATE},
    ],
    ids=str,
)
def test_samples_are_read_as_they_were_written(tmp_path, dtype, settings):
    path = tmp_path / "depth.tif"
    path.write_bytes(tiff(depth(dtype), **settings))
    read = read_tiff(path, MOST)
    assert read.dtype == np.dtype(dtype)
    assert np.array_equal(read, depth(dtype))


@pytest.mark.parametrize("dtype", ["f2", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tile", [None, 16])
def test_the_predictor_of_floats_is_undone(tmp_path, dtype, order, tile):
    path = tmp_path / "depth.tif"
    path.write_bytes(tiff(depth(dtype), compression=DEFLATE, predictor=3, order=order, tile=tile))
    assert np.array_equal(read_tiff(path, MOST), depth(dtype))


@pytest.mark.parametrize("dtype", ["f2", "f8"])
def test_lzw_is_read(tmp_path, dtype):
    """An independent encoder writes the same bytes as a grey image; only its tags are changed."""
    size = np.dtype(dtype).itemsize
    grey = depth(dtype).astype(np.dtype(dtype).newbyteorder("<")).view(np.uint8).reshape(SHAPE[0], -1)
    Image.fromarray(grey).save(tmp_path / "grey.tif", compression="tiff_lzw")
    data = bytearray((tmp_path / "grey.tif").read_bytes())
    (start,) = struct.unpack_from("<L", data, 4)
    for index in range(struct.unpack_from("<H", data, start)[0]):
        at = start + 2 + 12 * index
        tag = struct.unpack_from("<H", data, at)[0]
        if tag in (256, 258):
            struct.pack_into("<HHLHH", data, at, tag, 3, 1, {256: SHAPE[1], 258: 8 * size}[tag], 0)
        elif tag in (274, 284):  # A tag of no use here gives its place to the sample format.
            place = at
    entries = [bytes(data[start + 2 + 12 * i :][:12]) for i in range(struct.unpack_from("<H", data, start)[0])]
    entries[(place - start - 2) // 12] = struct.pack("<HHLHH", 339, 3, 1, 3, 0)
    data[start + 2 : start + 2 + 12 * len(entries)] = b"".join(sorted(entries, key=lambda one: one[1] * 256 + one[0]))
    (tmp_path / "depth.tif").write_bytes(data)
    assert np.array_equal(read_tiff(tmp_path / "depth.tif", MOST), depth(dtype))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4"])
def test_formats_that_pil_opens_are_left_to_it(tmp_path, dtype):
    path = tmp_path / "depth.tif"
    path.write_bytes(tiff(np.arange(1, 101).reshape(SHAPE).astype(dtype)))
    assert read_tiff(path, MOST) is None
    stored = read_depth(path, kind="depth_affine", scale_source="none").values
    assert np.array_equal(stored, np.arange(1, 101).reshape(SHAPE))


def test_other_files_are_left_to_pil(tmp_path):
    Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "depth.tif", "PNG")
    assert read_tiff(tmp_path / "depth.tif", MOST) is None


def test_half_floats_are_metres_and_numbers_beyond_float32_are_invalid(tmp_path):
    (tmp_path / "half.tif").write_bytes(tiff(np.array([[1.5, np.nan, 0.0, np.inf]], "f2")))
    half = read_depth(tmp_path / "half.tif", kind="metric", scale_source="sensor")
    assert (half.values[0, 0], half.valid.tolist()) == (1.5, [[True, False, False, False]])
    (tmp_path / "double.tif").write_bytes(tiff(np.array([[1.5, 1e300]])))
    assert read_depth(tmp_path / "double.tif", kind="metric", scale_source="sensor").valid.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiff(depth("f2"))[:100], "cannot be read|not an image"),
        (tiff(depth("f2"))[:-30], "cannot be read|not an image"),
        (tiff(depth("f8"), compression=DEFLATE)[:60] + b"\0" * 2000, "cannot be read|not an image"),
        (tiff(depth("f2"), further={273: [10_000_000]}), "cannot be read"),
        (tiff(depth("f2"), further={277: [3]}), "has 3 channels"),
        (tiff(depth("f2"), further={256: [1_000_000], 257: [1_000_000]}), "declares 1000000 x 1000000 values"),
        (tiff(depth("f2"), further={256: [0]}), "declares 0 x 5 values"),
        (tiff(depth("f2"), further={257: [4000], 278: [4000]}), "cannot be read"),
        (tiff(depth("f2"), further={259: [34712]}), "cannot be read"),
        (b"II*\0\xff\xff\xff\xff", "cannot be read|not an image"),
        (b"II*\0", "cannot be read|not an image"),
        (b"MM\0\x2b\0\x08\0\0" + bytes(8), "BigTIFF of high bytes first"),
    ],
    ids=range(12),
)
def test_a_damaged_or_hostile_file_is_refused_in_one_line(tmp_path, content, words):
    (tmp_path / "depth.tif").write_bytes(content)
    refused(words, read_depth, tmp_path / "depth.tif", kind="metric", scale_source="sensor")


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_several_images_of_one_size_are_refused_but_not_a_thumbnail(tmp_path, compression):
    first, second = (Image.fromarray(np.full((4, 6), number, np.float32)) for number in (1, 2))
    first.save(tmp_path / "pages.tif", save_all=True, append_images=[second], compression=compression)
    refused("several images of one size", read_depth, tmp_path / "pages.tif", kind="metric", scale_source="sensor")
    first.save(tmp_path / "small.tif", save_all=True, append_images=[second.resize((3, 2))], compression=compression)
    assert (read_depth(tmp_path / "small.tif", kind="metric", scale_source="sensor").values == 1).all()

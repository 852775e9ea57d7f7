from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.pcd_files import MAX_POINTS, read_pcd, unpacked_lzf
from pipeline.records.errors import InputError

FILE = Path("scan.pcd")
POINTS = np.array([(1.5, -2.25, 0.5), (4, 5, 6), (-0.125, 8, 9)])


def header(
    data: str,
    fields: str = "x y z",
    size: str = "4 4 4",
    kind: str = "F F F",
    count: str | None = "1 1 1",
    points: str | None = "3",
    width: str | None = "3",
) -> bytes:
    lines = [
        "# .PCD v0.7 - Point Cloud Data file format",
        "VERSION 0.7",
        f"FIELDS {fields}",
        f"SIZE {size}",
        f"TYPE {kind}",
        None if count is None else f"COUNT {count}",
        None if width is None else f"WIDTH {width}",
        "HEIGHT 1",
        "VIEWPOINT 0 0 0 1 0 0 0",
        None if points is None else f"POINTS {points}",
        f"DATA {data}",
    ]
    return "".join(f"{line}\n" for line in lines if line is not None).encode()


def literals(plain: bytes) -> bytes:
    """LZF of nothing but literal runs."""
    runs = [plain[at : at + 32] for at in range(0, len(plain), 32)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


def packed(plain: bytes, size: int | None = None, lzf: bytes | None = None) -> bytes:
    lzf = literals(plain) if lzf is None else lzf
    return struct.pack("<II", len(lzf), len(plain) if size is None else size) + lzf


TEXT = b"1.5 -2.25 0.5\n4 5 6\n-0.125 8e0 9\n"
ROWS = POINTS.astype("<f4").tobytes()
COLUMNS = POINTS.T.astype("<f4").tobytes()


@pytest.mark.parametrize(
    "content",
    [
        header("ascii") + TEXT,
        header("ascii").replace(b"\n", b"\r\n") + TEXT.replace(b"\n", b"\r\n"),
        header("ascii", width=None) + TEXT,
        header("ascii", points=None, count=None) + TEXT,
        header("ascii", "rgb n z y x", "4 4 4 4 4", "U F F F F", "1 2 1 1 1")
        + b"7 0 0 0.5 -2.25 1.5\n7 0 0 6 5 4\n7 0 0 9 8 -0.125\n",
        header("binary") + ROWS,
        header("binary") + ROWS + b"more",
        header("binary", size="8 8 8") + POINTS.tobytes(),
        # Records of 16 bytes with an intensity before and padding behind.
        header("binary", "intensity z x y _", "2 4 4 8 1", "U F F F U", "1 1 1 1 3")
        + b"".join(struct.pack("<Hffd3x", 9, z, x, y) for x, y, z in POINTS),
        header("binary_compressed") + packed(COLUMNS),
        # Padding is declared, and not packed.
        header("binary_compressed", "x _ y z i", "4 1 4 4 1", "F U F F U", "1 4 1 1 1") + packed(COLUMNS + b"\7\7\7"),
    ],
)
def test_points_are_those_of_the_file(content: bytes) -> None:
    assert read_pcd(FILE, content).tolist() == POINTS.tolist()


@pytest.mark.parametrize("form", ["ascii", "binary", "binary_compressed"])
def test_files_of_another_writer_are_read(tmp_path: Path, form: str) -> None:
    open3d = pytest.importorskip("open3d")
    points = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32).round(2)
    # Runs of equal numbers are packed as copies that overlap themselves.
    points[100:400, 1] = 0
    cloud = open3d.t.geometry.PointCloud(open3d.core.Tensor(points))
    cloud.point.intensity = open3d.core.Tensor(np.ones((500, 1), np.float32))
    assert open3d.t.io.write_point_cloud(
        str(tmp_path / "scan.pcd"), cloud, write_ascii=form == "ascii", compressed=form == "binary_compressed"
    )
    content = (tmp_path / "scan.pcd").read_bytes()
    assert f"DATA {form}\n".encode() in content
    assert np.allclose(read_pcd(FILE, content), points, atol=1e-6)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "no line DATA"),
        (b"# .PCD v0.7\nFIELDS x y z\n" + b"# \n" * 40000, "no line DATA"),
        (header("gzip"), "DATA 'gzip'"),
        (header("ascii", fields="x y w"), "no fields x, y and z"),
        (header("ascii", size="4 4"), "no fields x, y and z"),
        (header("ascii", size="4 4 1" + "0" * 5000), "declares the field 'z'"),
        (header("ascii", kind="F F X"), "declares the field 'z'"),
        (header("ascii", kind="F F I"), "stores z as I4"),
        (header("ascii", count="1 1 2"), "stores z as F4 x 2"),
        (header("ascii", count="1 0 1"), "declares the field 'y'"),
        (header("ascii", "x y z h", "4 4 4 8", "F F F F", "1 1 1 9000"), "more than 65536 bytes a point"),
        (header("ascii", points="many"), "POINTS many"),
        (header("ascii", points="-3"), "POINTS -3"),
        (header("ascii", points="9" * 300), "POINTS 999"),
        (header("ascii", points="4") + TEXT, "declares 4 points, but WIDTH x HEIGHT of 3"),
        (header("binary", points=str(MAX_POINTS + 1), width=None), "more than"),
        (header("binary", points=None, width="99999999999"), "more than"),
        (header("ascii") + TEXT[:20], "cut off"),
        (header("ascii") + b"1 2\n" * 3, "cut off"),
        (header("ascii") + b"1 2 three\n" * 3, "not a number"),
        (header("ascii") + b"\xff\xfe \xff \xff\n" * 3, "not a number"),
        (header("binary") + ROWS[:-1], "cut off"),
        (header("binary_compressed") + b"1234567", "cut off"),
        (header("binary_compressed") + packed(COLUMNS)[:-1], "cut off"),
        (header("binary_compressed") + packed(COLUMNS, size=2**32 - 1), "cut off"),
        (header("binary_compressed") + packed(COLUMNS[:-4], size=36), "shorter than declared"),
        (header("binary_compressed") + packed(COLUMNS, lzf=literals(COLUMNS + b"1")), "longer than declared"),
        (header("binary_compressed") + packed(COLUMNS, lzf=b"\x20\x05"), "before its beginning"),
        (header("binary_compressed") + packed(COLUMNS, lzf=b"\x00"), "damaged: it is cut off"),
        (header("binary_compressed") + packed(COLUMNS, lzf=b"\x00a\xe0\x01"), "damaged: it is cut off"),
    ],
)
def test_damaged_and_hostile_files_are_refused_in_one_sentence(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_pcd(FILE, content)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


# By hand, from the three forms of the format: literals, a short copy, a long one.
@pytest.mark.parametrize(
    "lzf, plain",
    [
        (b"", b""),
        (b"\x02abc", b"abc"),
        (b"\x02abc\x20\x02", b"abcabc"),
        (b"\x00a\xe0\x03\x00", b"a" * 13),
        (b"\x1f" + bytes(range(32)) + b"\x40\x1f", bytes(range(32)) + b"\0\1\2\3"),
        (b"".join(b"\x1f" + bytes([at] * 32) for at in range(10)) + b"\x21\x3f", None),
    ],
)
def test_lzf_is_unpacked(lzf: bytes, plain: bytes | None) -> None:
    if plain is None:
        plain = b"".join(bytes([at] * 32) for at in range(10)) + b"\0" * 3
    assert unpacked_lzf(lzf, len(plain)) == plain


@given(st.binary(max_size=200), st.integers(0, 300))
def test_no_bytes_break_the_unpacking(lzf: bytes, size: int) -> None:
    try:
        assert len(unpacked_lzf(lzf, size)) == size
    except ValueError as error:
        assert str(error).startswith("it ")

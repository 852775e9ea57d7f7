from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ingest.refusals import refused

from pipeline.ingest.point_files import read_point_file, read_points
from pipeline.records.errors import InputError

POINTS = np.array([(1.5, -2.25, 0.5), (4, 5, 6), (-0.125, 8, -9), (10, 11, 12)])


def rows(columns: int, count: int = 400) -> tuple[bytes, np.ndarray]:
    """A scan with reflectance, and the ring where there are five columns."""
    generator = np.random.default_rng(1)
    points = generator.normal(scale=20, size=(count, columns))
    points[:, 3] = generator.uniform(0, 1 if columns == 4 else 255, count)
    points[:, 4:] = generator.integers(0, 32, (count, 1))
    points = points.astype("<f4")
    return points.tobytes(), points[:, :3]


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def header_of(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


PCD = b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 4\nDATA binary\n" + POINTS.astype("<f4").tobytes()
PLY = (
    b"ply\nformat binary_big_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    b"end_header\n" + POINTS.astype(">f4").tobytes()
)
TEXT = "1.5 -2.25 0.5 7\n4 5 6 7\n-0.125 8 -9 7\n10 11 12 7\n"


@pytest.mark.parametrize(
    "name, content",
    [
        ("scan.pcd", PCD),
        ("scan.pcd", b"# .PCD v.7 - Point Cloud Data file format\nVERSION .7\n" + PCD),
        ("scan.bin", PCD),
        ("scan.ply", PLY),
        ("scan.xyz", PLY),
        ("scan.npy", npy(POINTS)),
        ("scan.npy", npy(np.asfortranarray(np.hstack((POINTS, POINTS))).astype(">f4"))),
        ("scan.npz", npz(points=POINTS, labels=np.arange(4))),
        ("scan.npz", npz(cloud=POINTS.astype(np.float32))),
        ("scan.xyz", TEXT.encode()),
        ("scan.txt", b"# x y z i\n\n" + TEXT.encode()),
        ("scan.txt", b"\xef\xbb\xbfx,y,z,i\r\n" + TEXT.replace(" ", ",").replace("\n", "\r\n").encode()),
        ("scan.csv", TEXT.replace(" ", "; ").encode()),
        ("scan.pts", b"4\n" + TEXT.encode()),
    ],
)
def test_every_format_gives_the_same_points(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_point_file(tmp_path / name).tolist() == POINTS.tolist()


@pytest.mark.parametrize("columns, name", [(4, "000000.bin"), (5, "n015__LIDAR_TOP__1.pcd.bin"), (5, "scan.bin")])
@pytest.mark.parametrize("count", [400, 401, 3])
def test_rows_of_four_and_of_five_numbers_are_told_apart(tmp_path: Path, columns: int, name: str, count: int) -> None:
    content, points = rows(columns, count)
    (tmp_path / name).write_bytes(content)
    assert read_point_file(tmp_path / name).tolist() == points.tolist()
    assert read_point_file(tmp_path / name, columns=columns).tolist() == points.tolist()


def test_columns_that_are_named_are_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "scan.bin").write_bytes(np.arange(60, dtype="<f4").tobytes())
    assert read_point_file(tmp_path / "scan.bin", columns=6)[1].tolist() == [6, 7, 8]
    refused("not rows of 7 float32", read_point_file, tmp_path / "scan.bin", columns=7)


def test_points_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", [(1, 2, 3.0), (np.nan, 2, 3), (1, np.inf, 3)])
    assert read_point_file(tmp_path / "scan.npy").tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("scan.bin", b"", "is an empty file"),
        ("scan.bin", bytes(17), "is cut short: its 17 bytes"),
        ("scan.bin", rows(4)[0][:-8], "is cut short"),
        # As many zeros fit both forms.
        ("scan.bin", bytes(80), "does not tell whether its rows have 4 numbers"),
        ("scan.bin", np.full(80, -1, "<f4").tobytes(), "does not tell whether"),
        ("scan.bin", np.full(16, np.nan, "<f4").tobytes(), "holds no finite point"),
        ("scan.pcd", b"", "is an empty file"),
        ("scan.pcd", PCD[:-1], "cut off"),
        ("scan.ply", PLY[:-1], "cut off"),
        ("scan.npy", npy(POINTS)[:-1], "more than it holds"),
        ("scan.npy", npy(POINTS)[:20], "cannot be read as a file of points"),
        ("scan.npy", header_of("(9999999999, 3)"), "declares 9999999999 points, more than it holds"),
        ("scan.npy", header_of("(-1, 3)") + bytes(12), "file of points"),
        ("scan.npy", header_of("(2, 3)", "'|O'") + bytes(48), "holds object"),
        ("scan.npy", header_of("__import__('os')"), "cannot be read as a file of points"),
        ("scan.npy", npy(POINTS[:, :2]), "not points"),
        ("scan.npy", npy(np.zeros((4, 3, 2))), "not points"),
        ("scan.npy", npy(np.zeros((0, 3))), "holds no finite point"),
        ("scan.npz", npz(a=POINTS, b=POINTS), "name the array of points points"),
        ("scan.npz", npz(a=POINTS)[:60], "cannot be read as a file of points"),
        ("scan.xyz", b"1 2 3\n1 2\n", "no x, y and z in line 2"),
        ("scan.xyz", b"1 2 3\none 2 3\n", "no x, y and z in line 2"),
        ("scan.txt", b"a photo\n", "no columns named"),
        ("scan.txt", b"1 2 3\0\0\0", "is not text"),
        ("scan.las", b"LASF", "is not a file of points; supported are"),
    ],
)
def test_damaged_and_hostile_files_are_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    refused(words, read_point_file, tmp_path / name)


def test_a_small_archive_of_much_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "scan.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.npy", npy(POINTS))
        archive.infolist()[0].file_size = 3_000_000_000
    refused("more than 2 GB", read_point_file, tmp_path / "scan.npz")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    refused("does not exist", read_point_file, tmp_path / "scan.bin")
    refused("is a folder", read_point_file, tmp_path)


def test_points_are_rows_of_little_endian_floats(tmp_path: Path) -> None:
    (tmp_path / "points.bin").write_bytes(struct.pack("<8f", 1, 2, 3, 0.5, 4, 5, 6, 0.25))
    assert read_points(tmp_path / "points.bin", 4).tolist() == [[1, 2, 3, 0.5], [4, 5, 6, 0.25]]


@pytest.mark.parametrize("content, words", [(b"", "is empty"), (bytes(17), "cut short")])
def test_points_that_end_early_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "points.bin").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_points(tmp_path / "points.bin", 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("intensity,id,range\n1,2,3\n", "no columns named x, y and z"),
        ("1,5;2,0;3,0\n", "decimal commas"),
        ("x y z\n1 2 3\n4 5\n", "line 3"),
    ],
)
def test_text_without_x_y_and_z_is_refused(tmp_path, text, words):
    (tmp_path / "scan.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_point_file(tmp_path / "scan.csv")


@pytest.mark.parametrize("header", ["intensity,x,y,z", "id;X;Y;Z", '//t "x" "y" "z"'])
def test_names_of_columns_are_followed(tmp_path, header):
    separator = "," if "," in header else ";" if ";" in header else " "
    (tmp_path / "scan.csv").write_text(f"# a scan\n{header}\n" + separator.join(("9", "1", "2", "3")) + "\n")
    assert read_point_file(tmp_path / "scan.csv").tolist() == [[1, 2, 3]]

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline.ingest.ply_files import read_ply
from pipeline.records.errors import InputError

FILE = Path("scan.ply")
POINTS = [[1.5, -2.25, 0.5], [4, 5, 6]]
XYZ = "property float x\nproperty float y\nproperty float z\n"


def header(form: str, *elements: str, vertices: str = "2", properties: str = XYZ, behind: str = "") -> bytes:
    before = "".join(elements)
    return (
        f"ply\nformat {form} 1.0\ncomment made by hand\n{before}element vertex {vertices}\n{properties}"
        f"{behind}end_header\n"
    ).encode()


FACES = "element face 1\nproperty list uchar int vertex_indices\n"
MIXED = "property uchar red\nproperty double z\nproperty float32 x\nproperty int16 label\nproperty float y\n"
SENSOR = "element sensor 3\nproperty double t\nproperty uchar id\n"


def mixed(order: str) -> bytes:
    return b"".join(struct.pack(f"{order}Bdfhf", 255, z, x, -3, y) for x, y, z in POINTS)


@pytest.mark.parametrize(
    "content",
    [
        header("ascii") + b"1.5 -2.25 0.5\n4 5 6\n",
        header("ascii", behind=FACES) + b"1.5 -2.25 0.5\n4 5 6\n3 0 1 0\n",
        header("ascii").replace(b"\n", b"\r\n") + b"1.5 -2.25 0.5\r\n4 5 6\r\n",
        header("ascii", SENSOR, properties=MIXED) + b"0 1\n0 1\n0 1\n255 0.5 1.5 -3 -2.25\n255 6 4 -3 5\n",
        header("binary_little_endian") + np.array(POINTS, "<f4").tobytes(),
        header("binary_big_endian") + np.array(POINTS, ">f4").tobytes(),
        header("binary_little_endian", properties=MIXED, behind=FACES) + mixed("<") + b"\3\0\0",
        header("binary_big_endian", properties=MIXED) + mixed(">"),
        header("binary_little_endian", SENSOR) + bytes(27) + np.array(POINTS, "<f4").tobytes(),
    ],
)
def test_points_are_the_vertices(content: bytes) -> None:
    assert read_ply(FILE, content).tolist() == POINTS


@pytest.mark.parametrize("text", [True, False])
def test_files_of_another_writer_are_read(tmp_path: Path, text: bool) -> None:
    open3d = pytest.importorskip("open3d")
    points = np.random.default_rng(0).normal(size=(50, 3))
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    cloud.paint_uniform_color((0.2, 0.4, 0.6))
    assert open3d.io.write_point_cloud(str(tmp_path / "scan.ply"), cloud, write_ascii=text)
    assert np.allclose(read_ply(FILE, (tmp_path / "scan.ply").read_bytes()), points, atol=1e-6)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"ply\n", "no end_header"),
        (b"ply\nformat ascii 1.0\n" + b"comment \n" * 10000, "no end_header"),
        (b"ply\nelement vertex 1\n" + XYZ.encode() + b"end_header\n1 2 3\n", "does not name its format"),
        (header("utf8"), "the line 'format utf8 1.0'"),
        (header("ascii", vertices="-1"), "element vertex -1"),
        (header("ascii", vertices="2" * 200), "the line 'element vertex 222"),
        (header("ascii", vertices="99999999999"), "more than"),
        (header("ascii", properties="property float128 x\n"), "property float128 x"),
        (header("ascii", properties="property float x\n"), "must have the properties x, y and z"),
        (header("ascii", properties=XYZ + "property float x\n"), "each once"),
        (header("ascii", properties="property list uchar int x\n" + XYZ), "lists before or within"),
        (header("binary_little_endian", FACES), "lists before or within"),
        (b"ply\nformat ascii 1.0\nproperty float x\nend_header\n", "the line 'property float x'"),
        (b"ply\nformat ascii 1.0\nelement face 0\nend_header\n", "no element vertex"),
        (header("ascii") + b"1 2 3\n", "cut off"),
        (header("ascii") + b"1 2\n1 2 3\n", "cut off"),
        (header("ascii") + b"1 2 three\n1 2 3\n", "not a number"),
        (header("binary_little_endian") + bytes(23), "cut off"),
        (header("binary_big_endian", SENSOR) + bytes(50), "cut off"),
    ],
)
def test_damaged_and_hostile_files_are_refused_in_one_sentence(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_ply(FILE, content)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from serve import files

from pipeline.records.errors import InputError
from pipeline.serve.intake.depth_headers import check_depth
from pipeline.serve.problems import TooLargeError
from pipeline.serve.settings import Limits

LIMITS = Limits(megapixels=0.01)


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def exr(width: int, height: int) -> bytes:
    import OpenEXR

    path = Path("depth.exr")
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"Z": np.ones((height, width), np.float32)}).write(str(path))
    return path.read_bytes()


def made(suffix: str, width: int, height: int) -> bytes:
    if suffix == ".npy":
        return files.npy((height, width))
    if suffix == ".npz":
        return npz(depth=np.zeros((height, width), np.float32), other=np.zeros(3))
    if suffix == ".pfm":
        return f"Pf\n{width} {height}\n-1.0\n".encode()
    if suffix == ".exr":
        return exr(width, height)
    return files.image({".png": "PNG", ".tif": "TIFF", ".pgm": "PPM"}[suffix], width, height)


@pytest.mark.parametrize(
    ("suffix", "content"), [(".npy", files.npy((2829, 2829))), (".png", files.image("PNG", 2829, 2829))]
)
def test_depth_has_a_limit_of_its_own(suffix: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(content)
    with pytest.raises(TooLargeError, match="8 million"):
        check_depth(tmp_path / "upload", suffix, "a", Limits())


def test_tiff_of_half_floats_is_checked_too(tmp_path: Path) -> None:
    # TIFF 6.0: one strip of 4 x 2 numbers of 16 bits in the format of floats.
    tags = [(256, 4), (257, 2), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 2), (279, 16), (339, 3)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path = tmp_path / "upload"
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4))
    check_depth(path, ".tif", "a", Limits(megapixels=8e-6))
    with pytest.raises(TooLargeError):
        check_depth(path, ".tif", "a", Limits(megapixels=7e-6))


@pytest.mark.parametrize("tag", [(256, 257), (322, 323)])
def test_tiff_of_very_large_pictures_or_tiles_is_refused(tag: tuple[int, int], tmp_path: Path) -> None:
    tags = {256: 4, 257: 4} | dict.fromkeys(tag, 100_000)
    entries = b"".join(struct.pack("<HHII", key, 4, 1, value) for key, value in tags.items())
    (tmp_path / "upload").write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4))
    with pytest.raises(TooLargeError):
        check_depth(tmp_path / "upload", ".tif", "a", Limits())


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pfm", ".exr", ".png", ".tif", ".pgm"])
def test_the_size_is_that_of_the_header(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "upload"
    path.write_bytes(made(suffix, 100, 100))
    check_depth(path, suffix, "a", LIMITS)
    path.write_bytes(made(suffix, 101, 100))
    with pytest.raises(TooLargeError, match=r"^a has more"):
        check_depth(path, suffix, "a", LIMITS)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".npy", files.npy((10**9, 10**9))),
        (".npy", files.npy((2,) * 40)),
        (".pfm", b"Pf\n999999999 999999999\n-1.0\n"),
        (".npz", files.zip_of({"depth.npy": files.npy((10**6, 10**6))})),
    ],
)
def test_what_declares_any_number_of_values_is_refused(suffix: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(content)
    with pytest.raises(TooLargeError):
        check_depth(tmp_path / "upload", suffix, "a", Limits())


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".npy", b"\x93NUMPY\x01\0\xff\xff" + b"(" * 65535),
        (".npy", b"\x93NUMPY\x03\0"),
        (".npy", files.npy((2, 2)).replace(b"<f4", b"|O8").replace(b"descr", b"deskr")),
        (".pfm", b"Pf\n-1 5\n1\n"),
        (".pfm", b"Pf\n" + b"1" * 60),
        (".exr", b"\x76\x2f\x31\x01\x02\0\0\0"),
        (".npz", b"PK\x03\x04"),
        (".npz", files.zip_of({f"{number}.npy": b"" for number in range(100)})),
        (".npz", files.zip_of({"a.npy": b"text"})),
        (".png", b"\x89PNG\r\n\x1a\n"),
        (".tif", b"II*\0\xff\xff\xff\xff"),
        (".tif", b"II"),
    ],
)
def test_a_damaged_header_is_refused_in_one_line_without_a_path(suffix: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(content)
    with pytest.raises(InputError, match=r"^a is not a") as caught:
        check_depth(tmp_path / "upload", suffix, "a", LIMITS)
    assert str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)

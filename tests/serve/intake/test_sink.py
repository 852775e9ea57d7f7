from __future__ import annotations

from pathlib import Path

import pytest
from serve import files
from serve.fake_store import FakeStore

from pipeline.serve.intake.sink import READ, Sink
from pipeline.serve.problems import TooLargeError, UnfitError, UnsupportedError
from pipeline.serve.settings import Limits

LIMITS = Limits(part_mb=0.001)


def received(tmp_path: Path, *pieces: bytes, name: str = "a.png") -> FakeStore:
    store = FakeStore(tmp_path / "store")
    with store.new_upload() as incoming:
        sink = Sink(incoming, name, LIMITS)
        for piece in pieces:
            sink.write(piece)
        sink.check()
        sink.finish()
    return store


def test_a_file_of_the_largest_size_is_kept_as_it_is(tmp_path: Path) -> None:
    content = files.image("PNG", 4, 4).ljust(1000, b"\0")
    store = received(tmp_path, content[:3], content[3:700], content[700:], name="../a\n.png")
    (upload,) = store.uploads.values()
    assert upload.path.read_bytes() == content and upload.name == "a .png"


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([files.image("PNG", 4, 4).ljust(1001, b"\0")], TooLargeError),
        ([files.image("PNG", 4, 4).ljust(600, b"\0"), bytes(401)], TooLargeError),
        ([], UnfitError),
        ([b""], UnfitError),
        ([b"<html>"], UnsupportedError),
        ([b"<html>".ljust(600)], UnsupportedError),
        ([b"\x89P", b"NX" * 300], UnsupportedError),
    ],
)
def test_whatever_else_is_refused_and_leaves_nothing(
    pieces: list[bytes], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error, match=r"^a\.png"):
        received(tmp_path, *pieces)
    assert list((tmp_path / "store").iterdir()) == []


def test_a_refusal_names_every_kind_that_is_read(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError) as caught:
        received(tmp_path, b"# Title", name="README.md")
    assert caught.value.detail == f"README.md is not of a supported type; send {READ}."
    assert READ == (
        "JPEG, PNG, WebP, TIFF, BMP, GIF, PPM, PGM, HEIC, AVIF, MP4, MOV, MKV, WebM, AVI, MPEG, FLV, WMV, npy, PFM, "
        "EXR, npz, r3d or zip"
    )

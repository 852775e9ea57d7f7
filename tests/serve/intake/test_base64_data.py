from __future__ import annotations

import base64
from pathlib import Path

import pytest
from serve.fake_store import FakeStore
from serve.files import image

from pipeline.serve.intake.base64_data import write_base64
from pipeline.serve.intake.sink import Sink
from pipeline.serve.problems import TooLargeError, UnfitError
from pipeline.serve.settings import Limits

PHOTO = image("PNG")
TEXT = base64.b64encode(PHOTO).decode()


def decoded(tmp_path: Path, text: str, part_mb: float = 64) -> bytes:
    store = FakeStore(tmp_path / "store")
    with store.new_upload() as incoming:
        sink = Sink(incoming, "image 1", Limits(part_mb=part_mb))
        write_base64(text, sink)
        return sink.finish().path.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"data:image/png;base64,{TEXT}",
        f"DATA:;BASE64,{TEXT}",
        f"data:image/svg+xml;charset=utf-8;base64,{TEXT}",
    ],
)
def test_base64_and_data_urls_are_decoded(text: str, tmp_path: Path) -> None:
    assert decoded(tmp_path, text) == PHOTO


def test_long_texts_are_decoded_piece_by_piece(tmp_path: Path) -> None:
    content = PHOTO + bytes(range(256)) * 10_000
    assert decoded(tmp_path, base64.b64encode(content).decode()) == content


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-1], TEXT + "=", TEXT + "\n", f" {TEXT}", TEXT[:40] + "\n" + TEXT[40:], "AA=A" + TEXT, "*" * 8, "é" * 8,
        TEXT.replace("+", "-") + "-_==", f"data:image/png,{TEXT}", f"data:{TEXT}", "data:image/png;base64",
        "data:" + "a/" * 1000 + ";base64," + TEXT, "http://example.org/a.png", "file:///etc/passwd", "/etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_base64_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match="image 1"):
        decoded(tmp_path, text)
    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize(
    "text, what",
    [
        ("http://host.example/secret.png", "URL"),
        ("file:///secret", "URL"),
        ("s3://secret/key", "URL"),
        ("/secret/passwd", "path"),
        ("/secret1", "path"),
        ("~/secret", "path"),
        ("../secret", "path"),
        ("C:\\secret", "path"),
        ("secret.jpg", "path"),
        ("photos/secret.jpeg", "path"),
    ],
)
def test_an_address_or_a_path_is_called_so_and_not_repeated(text: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match=f"^image 1 is a {what}, not base64") as caught:
        decoded(tmp_path, text)
    assert {"URL": '{"url": ...}', "path": '{"path": ...}'}[what] in caught.value.detail
    assert {"URL": "serve.fetch_hosts", "path": "serve.read_paths"}[what] in caught.value.detail
    assert "secret" not in caught.value.detail


def test_the_base64_of_a_jpeg_is_no_path(tmp_path: Path) -> None:
    photo = image("JPEG")
    text = base64.b64encode(photo).decode()
    assert text.startswith("/9j/") and decoded(tmp_path, text) == photo


def test_padding_stands_at_the_end_only(tmp_path: Path) -> None:
    content = PHOTO.ljust(3 * 262_144 - 1, b"\0")
    with pytest.raises(UnfitError):
        decoded(tmp_path, base64.b64encode(content).decode() + TEXT)


def test_the_size_is_checked_before_decoding(tmp_path: Path) -> None:
    content = PHOTO.ljust(1000, b"\0")
    assert decoded(tmp_path, base64.b64encode(content).decode(), part_mb=0.001) == content
    with pytest.raises(TooLargeError):
        decoded(tmp_path, base64.b64encode(content + b"\0").decode(), part_mb=0.001)
    with pytest.raises(TooLargeError):
        decoded(tmp_path, "*" * 10_000, part_mb=0.001)

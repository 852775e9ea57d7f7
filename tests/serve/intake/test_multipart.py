from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serve.fake_store import FakeStore
from serve.files import file_part, form, image, text_part

from pipeline.serve.intake.multipart import Form, read_form
from pipeline.serve.problems import ServeError, TooLargeError
from pipeline.serve.settings import Limits

KIND = "multipart/form-data; boundary=xyzzy"
LIMITS = Limits(request_mb=0.05, part_mb=0.03, parts=4, send_s=0.5)
PHOTO = image("PNG")


def read(
    folder: Path, body: bytes, kind: str = KIND, limits: Limits = LIMITS, piece: int = 1000, pause_s: float = 0
) -> tuple[Form, FakeStore]:
    store = FakeStore(folder / "store")

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), piece):
            await asyncio.sleep(pause_s)
            yield body[at : at + piece]

    return asyncio.run(read_form(pieces(), kind, store, limits)), store


def refused(folder: Path, body: bytes, status: int, **options: object) -> str:
    with pytest.raises(ServeError) as caught:
        read(folder, body, **options)
    assert caught.value.status == status
    assert list((folder / "store").iterdir() if (folder / "store").exists() else []) == [], "nothing stays"
    return caught.value.detail


@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_files_and_texts_come_in_their_order_however_they_are_cut(piece: int, tmp_path: Path) -> None:
    tricky = PHOTO + b"\r\n--xyzz\r\n--xyzzyx\r\n"
    body = form([text_part("Where is it?"), file_part(PHOTO), file_part(tricky, filename="b.png"), text_part("Why?")])
    got, store = read(tmp_path, body, piece=piece)
    assert got.fields == {"question": ("Where is it?", "Why?")}
    assert [(upload.name, upload.path.read_bytes()) for upload in got.files["image"]] == [
        ("photo.png", PHOTO),
        ("b.png", tricky),
    ]
    assert len(store.files) == 2


@given(content=st.binary(max_size=3000), piece=st.integers(1, 4000))
def test_content_arrives_byte_for_byte(content: bytes, piece: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = PHOTO + content.replace(b"\r\n--xyzzy", b"")
    got, _ = read(tmp_path_factory.mktemp("form"), form([file_part(whole)]), piece=piece)
    assert got.files["image"][0].path.read_bytes() == whole


@pytest.mark.parametrize(
    ("filename", "name"),
    [("../../etc/passwd.png", "passwd.png"), ("C:\\a\\b.png", "b.png"), ("a\tb.png", "a b.png"), ("", "file")],
)
def test_names_of_files_are_cleaned(filename: str, name: str, tmp_path: Path) -> None:
    got, _ = read(tmp_path, form([file_part(PHOTO, filename=filename)]))
    assert got.files["image"][0].name == name


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([file_part(b"<html>")], 415),
        ([file_part(b"")], 422),
        ([file_part(PHOTO), file_part(b"%PDF-1.4")], 415),
        ([file_part(PHOTO + bytes(30_000))], 413),
        ([file_part(PHOTO + bytes(20_000))] * 3, 413),
        ([text_part("a")] * 5, 413),
        ([text_part("\udcff")], 400),
        ([("Content-Type: text/plain", b"no name")], 400),
        ([("Content-Disposition: attachment; name=image; filename=a.png", PHOTO)], 400),
        ([('Content-Disposition: form-data; name=""', b"x")], 400),
        ([(f'Content-Disposition: form-data; name="{"n" * 101}"', b"x")], 400),
        ([(f'Content-Disposition: form-data; name="a"; filename="{"n" * 5000}"', PHOTO)], 413),
        ([("\r\n".join(f"X-{number}: y" for number in range(20)), PHOTO)], 413),
        ([("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b", b"x")], 400),
        ([(file_part(PHOTO)[0] + "\r\nContent-Transfer-Encoding: base64", b"AAAA")], 415),
        ([('Content-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=b', b"x")], 415),
        ([("Broken header", b"x")], 400),
        ([("Content-Disposition\0: form-data; name=a", b"x")], 400),
    ],
)
def test_parts_that_are_malformed_or_too_large_are_refused(
    parts: list[tuple[str, bytes]], status: int, tmp_path: Path
) -> None:
    body = form([(headers, content) for headers, content in parts])
    refused(tmp_path, body, status)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--other\r\n\r\n--other--",
        form([file_part(PHOTO)], ends=False),
        form([file_part(PHOTO)])[:200],
        form([file_part(PHOTO)], boundary="other"),
        b"--xyzzy\n" + form([file_part(PHOTO)])[9:],
    ],
)
def test_a_form_that_is_cut_off_or_none_is_refused(body: bytes, tmp_path: Path) -> None:
    refused(tmp_path, body, 400)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=" + "x" * 71, 400),
        ("multipart/mixed; boundary=xyzzy", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
def test_other_types_and_boundaries_are_refused(kind: str, status: int, tmp_path: Path) -> None:
    refused(tmp_path, form([file_part(PHOTO)]), status, kind=kind)


def test_a_text_that_is_no_file_is_bounded(tmp_path: Path) -> None:
    limits = Limits()
    assert "1 MB" in refused(tmp_path, form([text_part("x" * 1_000_001)]), 413, limits=limits, piece=100_000)
    assert "1 MB" in refused(tmp_path, form([text_part("x" * 300_000)] * 4), 413, limits=limits, piece=100_000)


def test_a_large_text_is_refused_while_it_comes(tmp_path: Path) -> None:
    taken = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        yield form([text_part("")], ends=False)[:-2]
        for _ in range(60):
            taken += 1
            yield b"x" * 1_000_000

    with pytest.raises(TooLargeError, match="1 MB"):
        asyncio.run(read_form(pieces(), KIND, FakeStore(tmp_path / "store"), Limits()))
    assert taken == 2


def test_a_slow_form_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, form([file_part(PHOTO)]), 408, piece=10, pause_s=0.1)


def test_large_files_are_written_while_they_come(tmp_path: Path) -> None:
    content = PHOTO + bytes(5_000_000)
    got, _ = read(tmp_path, form([file_part(content)]), limits=Limits(), piece=65_536)
    assert got.files["image"][0].size == len(content)

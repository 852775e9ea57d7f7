"""Uploads while they come in."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.errors import ExportError
from pipeline.serve.problems import UnfitError
from pipeline.serve.records import Upload
from pipeline.serve.store.incoming import Incoming, display_name
from pipeline.serve.store.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def names(layout: Layout) -> list[str]:
    return [path.name for path in layout.uploads.iterdir()]


def test_a_finished_upload_has_its_bytes_under_its_id_alone(layout: Layout) -> None:
    added: list[Upload] = []
    data = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9
    with Incoming(layout, added.append) as incoming:
        for start in range(0, len(data), 3):
            incoming.write(data[start : start + 3])
        upload = incoming.finish("../my cup.png")
    assert added == [upload]
    assert names(layout) == [upload.id] and upload.path.read_bytes() == data
    assert (upload.name, upload.media_type, upload.size) == ("my cup.png", "image/png", len(data))
    assert upload.sha256 == hashlib.sha256(data).hexdigest()
    assert abs(upload.created_s - time.time()) < 60


def test_an_upload_left_without_finish_is_removed(layout: Layout) -> None:
    with Incoming(layout, pytest.fail) as incoming:
        incoming.write(b"half")
        assert len(names(layout)) == 1
    assert names(layout) == []
    with pytest.raises(ZeroDivisionError), Incoming(layout, pytest.fail) as incoming:
        incoming.write(b"half")
        raise ZeroDivisionError
    assert names(layout) == []


def test_an_empty_upload_is_refused_by_the_name_of_the_client(layout: Layout) -> None:
    with Incoming(layout, pytest.fail) as incoming, pytest.raises(UnfitError, match=r"The file cup\.png is empty"):
        incoming.finish("cup.png")
    assert names(layout) == []


def test_an_upload_that_the_index_refuses_is_removed(layout: Layout) -> None:
    def refuse(upload: Upload) -> None:
        raise ExportError("full")

    with pytest.raises(ExportError, match="full"), Incoming(layout, refuse) as incoming:
        incoming.write(b"x")
        incoming.finish("x")
    assert names(layout) == []


def test_a_folder_that_is_missing_is_an_error_of_this_package(layout: Layout) -> None:
    layout.uploads.rmdir()
    with pytest.raises(ExportError), Incoming(layout, pytest.fail):
        pass


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cup.png", "cup.png"),
        ("杯子.jpg", "杯子.jpg"),
        ("/etc/passwd", "passwd"),
        ("a\\b\\c.png", "c.png"),
        ("../..", "file"),
        ("a/", "file"),
        ("", "file"),
        ("  ", "file"),
        ("a\r\nSet-Cookie: x.png", "a Set-Cookie: x.png"),
        ("cup\0.png", "cup .png"),
        ("a\u202egnp.exe", "a gnp.exe"),
        ("x" * 500, "x" * 200),
    ],
)
def test_names_of_clients_are_shown_without_folders_and_control_characters(name: str, expected: str) -> None:
    assert display_name(name) == expected


@given(st.text())
def test_every_name_can_be_shown(name: str) -> None:
    shown = display_name(name)
    assert 0 < len(shown) <= 200 and shown.isprintable() and not set(shown) & {"/", "\\"}
    shown.encode()

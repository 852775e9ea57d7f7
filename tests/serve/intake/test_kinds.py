from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ingest.heif_files import heic, picture
from serve import files

from pipeline.serve.intake.kinds import KINDS, Role, kind_of, kind_of_file

D, E, I, V = Role.DEPTH, Role.EXPORT, Role.IMAGE, Role.VIDEO  # noqa: E741


@pytest.mark.parametrize(
    ("content", "suffix", "roles"),
    [
        (files.image("JPEG"), ".jpg", {I}),
        (files.image("PNG"), ".png", {I, D}),
        (files.image("GIF"), ".gif", {I}),
        (files.image("BMP"), ".bmp", {I}),
        (files.image("TIFF"), ".tif", {I, D}),
        (files.image("WEBP"), ".webp", {I}),
        (files.image("AVIF"), ".avif", {I}),
        (files.image("PPM"), ".ppm", {I}),
        (b"P5 2 2 255\n1234", ".pgm", {I, D}),
        (b"Pf\n2 2\n-1.0\n", ".pfm", {D}),
        (files.npy((2, 2)), ".npy", {D}),
        (files.zip_of({"a.npy": b""}), ".zip", {E, D}),
        (b"\x76\x2f\x31\x01\x02\0\0\0", ".exr", {D}),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", ".mp4", {V}),
        (b"\0\0\0\x08wide", ".mp4", {V}),
        (b"\x1a\x45\xdf\xa3\x01", ".mkv", {V, E}),
        (b"RIFF\0\0\0\0AVI LIST", ".avi", {V}),
        ((b"\x47" + bytes(187)) * 3, ".ts", {V}),
        (b"\0\0\x01\xba", ".mpg", {V}),
        (b"FLV\x01", ".flv", {V}),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), ".wmv", {V}),
    ],
)
def test_a_file_is_known_by_its_content(content: bytes, suffix: str, roles: set[Role]) -> None:
    kind = kind_of(content[:512])
    assert kind is not None
    assert (kind.suffix, kind.roles) == (suffix, roles) and kind in KINDS


def test_phone_photos_and_videos_are_told_apart(video: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(heic([picture(np.zeros((64, 64, 3), np.uint8))]))
    assert kind_of_file(tmp_path / "photo").suffix == ".heic"
    assert [kind_of_file(video(f"clip.{suffix}")).suffix for suffix in ("mp4", "mkv", "avi", "ts")] == [
        ".mp4", ".mkv", ".avi", ".ts",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        b"", b"x", b"<html>", b"<?xml version='1.0'?><svg/>", b"%PDF-1.7", b"#!/bin/sh", b"\x7fELF", b"MZ\x90\0",
        b"#EXTM3U\n", b"ffconcat version 1.0\n", b"RIFF\0\0\0\0WAVEfmt ", b"P7\nWIDTH 1", b"P5", b"BMX", b"GIF88a",
        b"SQLite format 3\0", b"\x1f\x8b\x08", b"{}", b"%!PS-Adobe", b"8BPS", b"\x80\x04K\x01.", b"\0" * 512,
        b"\x47" + bytes(187), b"PK\x05\x06" + bytes(18),
    ],
)  # fmt: skip
def test_anything_else_is_not_read(content: bytes) -> None:
    assert kind_of(content) is None
